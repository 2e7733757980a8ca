#pragma once

#include <memory>
#include <string>
#include <vector>

#include "support/temporary_directory.hpp"

struct evp_pkey_st;
struct x509_st;

namespace bookstore::test {

/// A certificate authority of a test's own, by OpenSSL. Its files go with it.
class Authority {
  public:
    explicit Authority(std::string name = "Test Authority");
    Authority(const Authority&) = delete;
    Authority& operator=(const Authority&) = delete;
    ~Authority() = default;

    /// Of itself, in PEM.
    const std::string& file() const { return file_; }

    enum class Key { elliptic, rsa };

    struct Terms {
        std::vector<std::string> names{"127.0.0.1", "::1", "localhost"};  ///< or addresses
        int from_days = -1;                                               ///< from now
        int until_days = 90;
        bool self_signed = false;
        Key key = Key::elliptic;
    };
    /// Paths of files in PEM.
    struct Pair {
        std::string certificate;
        std::string key;
    };
    /// Files of that name, or what is in them from now on: each is replaced in one step.
    Pair issue(const std::string& name, const Terms& terms) const;
    Pair issue(const std::string& name) const { return issue(name, Terms()); }
    std::string path(const std::string& name) const { return files_.path() + "/" + name; }

  private:
    TemporaryDirectory files_;
    std::string name_;
    std::string file_;
    std::shared_ptr<evp_pkey_st> key_;
    std::shared_ptr<x509_st> certificate_;
};

}  // namespace bookstore::test
