#pragma once

#include <cstdint>
#include <memory>
#include <string>

// TLS as a server's and a client's user sees it: files in PEM, and how they stand.

struct ssl_ctx_st;

namespace bookstore::http {

/// By what a server proves who it is.
struct TlsFiles {
    std::string certificate;  ///< its own first, then those between it and the authority's
    std::string key;          ///< without a passphrase
    /// Of the authorities that vouch for operators: at their listener nobody is served without a
    /// certificate of theirs. Empty: nobody is asked for one.
    std::string client_ca{};
};

/// How a server's certificate stands.
struct TlsStatus {
    std::int64_t expires_s = 0;  ///< Unix time: the first of its chain that does
    std::uint64_t loads = 0;     ///< how often files were taken, the start included
    std::uint64_t failures = 0;  ///< how often files that had changed were not
    /// Why the files are not what is served: one is broken, or the two do not belong together.
    /// Empty: they are.
    std::string problem{};
};

/// Whom a client believes, and by what it proves who it is: files in PEM. Names and addresses are
/// always compared.
struct ClientTlsFiles {
    std::string ca{};           ///< these authorities alone; empty: the system's (SSL_CERT_FILE)
    std::string certificate{};  ///< for servers that ask for one; empty: there is none
    std::string key{};
};

/// What those files have, read once for the connections of a client. Copies share it. Any thread.
class ClientTls {
  public:
    /// The system's authorities, which are read when they are needed for the first time.
    ClientTls();
    /// Throws std::runtime_error that names the file which cannot be read.
    explicit ClientTls(const ClientTlsFiles& files);

    /// OpenSSL's; internal to http.
    std::shared_ptr<ssl_ctx_st> context() const;
    /// In messages: who vouches for a server.
    const std::string& trusted_by() const;

  private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace bookstore::http
