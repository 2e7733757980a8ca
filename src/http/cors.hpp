#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/message.hpp"

// Cross-Origin Resource Sharing, as the Fetch standard (3.2) has it. Pure.

namespace bookstore::http {

/// Which origins' pages may use this server, and what their browsers are told. Constant: may be
/// used by any number of threads.
///
/// Where not every origin may, one that may not is refused its writes as well: a browser sends
/// some of them without asking first, since a body without a Content-Type is taken as JSON.
class Cors {
  public:
    /// Any origin.
    Cors() = default;
    /// "*", or origins by comma: "https://shop.example:8443,null"; an empty text allows none but
    /// the server's own. Otherwise says what is wrong.
    static std::expected<Cors, std::string> parse(std::string_view origins);

    /// Before routing: the answer to a preflight, or the refusal of what an origin may not do.
    /// No value: the request goes on.
    std::optional<Answer> intercept(const Request& request) const;

    /// Adds to any answer what browsers want to see.
    void decorate(const Request& request, Response& response) const;

  private:
    bool allows(const Request& request, std::string_view origin) const;

    bool any_ = true;
    std::vector<std::string> origins_;  ///< normal: lower case, no default port
};

/// Whether a page of another origin made a browser send this: it says so by Origin, by
/// Sec-Fetch-Site or, of a GET to a server without TLS, by Referer alone. What came without a
/// browser says none of them.
///
/// Behind a trusted proxy the page's origin must be at the host that the proxy says it was asked
/// for, and at the Host that it passes on: one of the two may be a client's own word that it did
/// not replace. Where it passes on a name of its own, Sec-Fetch-Site: same-origin will do, which no
/// page can write.
bool is_cross_origin(const Request& request);

/// Whether this GET is what a page can have a browser send by naming a URL, as an image's, a
/// script's or a frame's, or before anybody asked for it (a prefetch). Browsers say so by
/// Sec-Fetch-* to a server that has TLS or is on this machine; to any other a GET of a browser
/// counts as such, unless it has X-Requested-With, which takes a script of the server's own pages.
bool is_embeddable(const Request& request);

}  // namespace bookstore::http
