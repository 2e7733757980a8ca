#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "http/tls.hpp"

// Internal to http. OpenSSL's headers stay in the sources.

namespace bookstore::http {

/// What the TLS connections of one kind have in common. Connections keep what they were made with.
/// Any thread.
using TlsContext = std::shared_ptr<ssl_ctx_st>;

/// For a listener: TLS 1.2 and 1.3 with forward secrecy, no renegotiation, ALPN "http/1.1".
/// `asks_clients`: for their certificates, too. Throws std::runtime_error that names the file.
TlsContext make_server_context(const TlsFiles& files, bool asks_clients);
/// The first moment, in Unix time, at which a certificate of its chain is over.
std::int64_t expiry_of(const TlsContext& server);

/// For the connections of a client. Throws std::runtime_error that names the file.
TlsContext make_client_context(const ClientTlsFiles& files);

/// Takes the oldest of this thread's errors of OpenSSL, in words, and forgets the others.
std::string take_openssl_error();

}  // namespace bookstore::http
