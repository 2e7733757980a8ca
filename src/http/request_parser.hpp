#pragma once

#include <boost/beast/http/basic_parser.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "http/message.hpp"

// Internal to the server: this header costs a Beast include.

namespace bookstore::http {

struct HeaderLimits {
    std::size_t fields_bytes = 0;
    std::size_t target_bytes = 0;
};

/// Reads a request's header into a Request, with Beast's parser, and judges it: what RFC 9112 or
/// our contract refuses and Beast 1.81 lets pass. The body is not its business, only its framing.
class RequestParser final : private boost::beast::http::basic_parser<true> {
  public:
    enum class State { more, done, failed };

    /// `request` must be new; it outlives the parser.
    RequestParser(Request& request, HeaderLimits limits);

    /// Takes bytes off the front of `in`. `more`: give it what is left in `in`, and more after it.
    /// `done`: what is left is the body. `failed`: problem() says why; framing is lost.
    State put(std::string_view& in);

    Problem& problem() { return problem_; }

    // What follows holds when done.
    bool is_http_1_0() const { return version_ == 10; }
    bool keep_alive() const;
    bool is_chunked() const { return encodings_ > 0; }
    std::uint64_t content_length() const { return content_length_.value_or(0); }
    bool expects_continue() const { return expects_continue_; }
    const std::string& method_name() const { return method_name_; }

  private:
    using string_view = boost::beast::string_view;
    using error_code = boost::beast::error_code;

    void on_request_impl(
        boost::beast::http::verb method,
        string_view method_name,
        string_view target,
        int version,
        error_code& ec
    ) override;
    void on_response_impl(int, string_view, int, error_code&) override {}
    void on_field_impl(
        boost::beast::http::field field, string_view name, string_view value, error_code& ec
    ) override;
    void on_header_impl(error_code&) override {}
    void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
    std::size_t on_body_impl(string_view, error_code&) override { return 0; }
    void on_chunk_header_impl(std::uint64_t, string_view, error_code&) override {}
    std::size_t on_chunk_body_impl(std::uint64_t, string_view, error_code&) override { return 0; }
    void on_finish_impl(error_code&) override {}

    std::size_t max_line_bytes() const;
    State fail(int status, std::string message);
    State fail_with(error_code ec, std::string_view unread);
    State check_size(std::string_view unread);
    State check_framing();
    State check_target();
    void take_connection(std::string_view value);
    void take_content_length(std::string_view value);
    void take_transfer_encoding(std::string_view value);
    void take_expect(std::string_view value);

    Request& request_;
    HeaderLimits limits_;
    Problem problem_;
    bool failed_ = false;
    std::string method_name_;
    std::size_t taken_bytes_ = 0;
    std::size_t line_bytes_ = 0;  ///< of the request line; 0: not read yet
    std::optional<std::uint64_t> content_length_;
    int version_ = 11;
    unsigned hosts_ = 0;
    unsigned lengths_ = 0;
    unsigned encodings_ = 0;
    bool wants_close_ = false;
    bool wants_keep_alive_ = false;
    bool bad_length_ = false;
    bool unknown_encoding_ = false;
    bool expects_continue_ = false;
    bool unknown_expectation_ = false;
};

}  // namespace bookstore::http
