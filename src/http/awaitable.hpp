#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>

// The types of the server's coroutines. Internal to it: this header costs an Asio include.

namespace bookstore::http {

namespace asio = boost::asio;

// The io_context's own executor everywhere: a type-erased one costs something on every operation.
using Executor = asio::io_context::executor_type;
// Of TCP, or of a unix socket.
using Socket = asio::basic_stream_socket<asio::generic::stream_protocol, Executor>;
using Token = asio::use_awaitable_t<Executor>;
template <class T>
using Awaitable = asio::awaitable<T, Executor>;

/// Resumes a coroutine that waits.
using Resume = typename asio::async_result<Token, void()>::handler_type;

}  // namespace bookstore::http
