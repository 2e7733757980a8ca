#pragma once

#include <string>

#include "http/server.hpp"

namespace bookstore::observe {

enum class LogFormat { text, json };

/// Sets up the process's log on standard error: readable lines, or a JSON object a line.
/// `level`: trace, debug, info, warning, error, off. Once, before other threads run.
void set_up_log(LogFormat format, const std::string& level);

/// One line a request: method, path, status, duration, request id, the peer's address and the bytes
/// sent. Any thread.
void log_access(const http::Access& access);

}  // namespace bookstore::observe
