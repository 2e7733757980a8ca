#include <doctest/doctest.h>
#include <fmt/format.h>

#include <chrono>
#include <future>
#include <system_error>

#include "http/peer.hpp"
#include "serving.hpp"
#include "support/raw_server.hpp"

// Our own clients over TLS: whom they believe, and what they say when they do not.

using namespace bookstore::http;
using namespace bookstore::test;
using namespace std::chrono_literals;

namespace {

ServerOptions over_tls(const Authority::Pair& pair) {
    ServerOptions options;
    options.tls = {.certificate = pair.certificate, .key = pair.key};
    return options;
}

ClientTls trusting(const Authority& authority) {
    return ClientTls({.ca = authority.file()});
}

using Result = std::expected<ClientResponse, std::string>;

Result send(Peer& peer, PeerRequest request) {
    std::promise<Result> promise;
    auto future = promise.get_future();
    request.timeout = 10s;
    peer.send(std::move(request), [&](const Result& result) { promise.set_value(result); });
    return future.get();
}

/// "200", or what the client says.
std::string fetched(Url url, const ClientTls& tls) {
    try {
        return std::to_string(fetch(Method::get, url, {}, {}, 10s, tls).status);
    } catch (const std::system_error& error) {
        return error.what();
    }
}

std::string asked(const Url& url, const ClientTls& tls) {
    Peer peer({.origin = url, .tls = tls});
    const Result result = send(peer, {.target = url.target});
    return result ? std::to_string(result->status) : result.error();
}

/// Both say the same, each behind its own words.
void check_both(const Url& url, const ClientTls& tls, const std::string& reason) {
    CHECK(
        fetched(url, tls) == fmt::format("cannot speak TLS with {}: {}", authority_of(url), reason)
    );
    CHECK(asked(url, tls) == "cannot speak TLS: " + reason);
}

/// As check_both(), where the server's refusal comes in place of an answer.
void check_both_end(const Url& url, const ClientTls& tls, const std::string& reason) {
    CHECK(fetched(url, tls).ends_with(reason));
    CHECK(asked(url, tls).ends_with(reason));
}

/// Says TLS' own end behind the answer, or does not.
void answer(RawConnection& connection, const Authority::Pair& pair, bool orderly) {
    const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(
        SSL_CTX_new(TLS_server_method()), SSL_CTX_free
    );
    SSL_CTX_use_certificate_chain_file(context.get(), pair.certificate.c_str());
    SSL_CTX_use_PrivateKey_file(context.get(), pair.key.c_str(), SSL_FILETYPE_PEM);
    const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(context.get()), SSL_free);
    SSL_set_fd(ssl.get(), connection.fd());
    if (SSL_accept(ssl.get()) != 1) {
        return;
    }
    char request[4096];
    SSL_read(ssl.get(), request, sizeof request);
    const std::string_view text = "HTTP/1.1 200 OK\r\n\r\nall of it";
    SSL_write(ssl.get(), text.data(), static_cast<int>(text.size()));
    if (orderly) {
        SSL_shutdown(ssl.get());
    }
    connection.half_close();
    connection.drain();
}

}  // namespace

TEST_CASE("a server is believed whose authority vouches for its address or its name") {
    const Authority authority;
    Serving serving(over_tls(authority.issue("server")));
    const ClientTls tls = trusting(authority);
    CHECK(fetched(serving.url("/x"), tls) == "200");
    CHECK(asked(serving.url("/x"), tls) == "200");
    Url by_name = serving.url("/x");
    by_name.host = "localhost";
    CHECK(fetched(by_name, tls) == "200");
    CHECK(asked(by_name, tls) == "200");
}

TEST_CASE("bodies of every size come and go over TLS") {
    const Authority authority;
    Serving serving(over_tls(authority.issue("server")));
    const ClientTls tls = trusting(authority);
    const std::string body(900'000, 'x');
    const auto posted = fetch(Method::post, serving.url("/a"), body, {}, 10s, tls);
    CHECK(posted.body == "POST /a " + body);
    CHECK(fetch(Method::get, serving.url("/big"), {}, {}, 20s, tls).body.size() == 8 << 20);
    Peer peer({.origin = serving.url("/"), .tls = tls, .max_body_bytes = 16 << 20});
    const Result big = send(peer, {.target = "/big"});
    REQUIRE(big);
    CHECK(big->body.size() == 8 << 20);
    const Result sent = send(peer, {.method = Method::post, .target = "/a", .body = body});
    REQUIRE(sent);
    CHECK(sent->body == "POST /a " + body);
    // A body that is refused before it was sent: the answer says why.
    CHECK(
        fetch(Method::post, serving.url("/a"), std::string(8 << 20, 'x'), {}, 10s, tls).status ==
        413
    );
}

TEST_CASE("who is not to be trusted is refused, and the message says why") {
    const Authority authority;
    const Authority other("Another Authority");
    const ClientTls tls = trusting(authority);
    const auto reason_of = [&](const Authority::Pair& pair, const std::string& reason) {
        Serving serving(over_tls(pair));
        check_both(serving.url("/x"), tls, reason);
        CHECK(serving.answered == 0);
    };
    reason_of(
        authority.issue("elsewhere", {.names = {"shop.example", "192.0.2.1", "2001:db8::1"}}),
        "its certificate is not for 127.0.0.1, but for shop.example, 192.0.2.1, 2001:db8::1"
    );
    const auto day_of = [](int days) {
        const std::time_t then = std::time(nullptr) + 86'400 * days;
        char text[16];
        std::strftime(text, sizeof text, "%Y-%m-%d", std::gmtime(&then));
        return std::string(text);
    };
    reason_of(
        authority.issue("expired", {.from_days = -9, .until_days = -2}),
        "its certificate expired on " + day_of(-2)
    );
    reason_of(
        authority.issue("early", {.from_days = 2, .until_days = 9}),
        "its certificate is valid from " + day_of(2) + " on"
    );
    reason_of(
        authority.issue("self-signed", {.self_signed = true}),
        "its certificate is not trusted by " + authority.file() + " (self-signed certificate)"
    );
    reason_of(
        other.issue("unknown"),
        "its certificate is not trusted by " + authority.file() +
            " (unable to get local issuer certificate)"
    );
}

TEST_CASE("a name that a certificate has counts for that name alone") {
    const Authority authority;
    Serving serving(over_tls(authority.issue("server", {.names = {"localhost"}})));
    const ClientTls tls = trusting(authority);
    Url url = serving.url("/x");
    check_both(url, tls, "its certificate is not for 127.0.0.1, but for localhost");
    url.host = "localhost";
    CHECK(fetched(url, tls) == "200");
}

TEST_CASE("without a file the system's authorities count, as the environment names them") {
    if (is_secure()) {
        return;  // the environment has them already
    }
    const Authority authority;
    Serving serving(over_tls(authority.issue("server")));
    check_both(
        serving.url("/x"),
        ClientTls(),
        "its certificate is not trusted by the system's authorities (unable to get local issuer "
        "certificate)"
    );
    ::setenv("SSL_CERT_FILE", authority.file().c_str(), 1);
    CHECK(fetched(serving.url("/x"), ClientTls()) == "200");
    ::unsetenv("SSL_CERT_FILE");
}

TEST_CASE("a server without TLS, or that goes, is no riddle") {
    const Authority authority;
    const ClientTls tls = trusting(authority);
    Serving plain;
    Url url = plain.url("/x");
    url.is_tls = true;
    const std::string said = fetched(url, tls);
    CHECK(said.starts_with("cannot speak TLS with "));
    CHECK(said.ends_with("the connection was cut off, without TLS' own end"));
    // One that answers HTTP's 400 to what it cannot read, as others do.
    RawServer talkative([](RawConnection& connection, int) {
        connection.answer(400, "what?");
        connection.half_close();
        connection.drain();
    });
    Url other = parse_url(talkative.url());
    other.is_tls = true;
    check_both(other, tls, "it does not speak TLS: is it http://?");
}

TEST_CASE("files that cannot be read are named before anything is asked") {
    const Authority authority;
    const auto pair = authority.issue("client");
    const auto other = authority.issue("other");
    const auto refusal = [](const ClientTlsFiles& files) {
        try {
            const ClientTls tls(files);
            return std::string("none");
        } catch (const std::runtime_error& error) {
            return std::string(error.what());
        }
    };
    const std::string missing = authority.path("missing");
    CHECK(
        refusal({.ca = missing}) ==
        "the certificate authorities in " + missing + " cannot be read: No such file or directory"
    );
    CHECK(
        refusal({.ca = authority.file(), .certificate = pair.certificate, .key = other.key}) ==
        "the key " + other.key + " is not that of the certificate " + pair.certificate
    );
}

TEST_CASE("a client that is asked for its certificate has one, or is told") {
    const Authority authority;
    const Authority foreign("Another Authority");
    ServerOptions options = over_tls(authority.issue("server"));
    options.tls->client_ca = authority.file();
    options.operators = ListenAddress{.port = 0};
    Serving serving(options);
    Url url = parse_url(serving.server().operators_url());
    url.target = "/x";
    const auto as = [&](const Authority::Pair& pair) {
        return ClientTls({.ca = authority.file(), .certificate = pair.certificate, .key = pair.key}
        );
    };
    const ClientTls well = as(authority.issue("operator"));
    CHECK(fetched(url, well) == "200");
    CHECK(asked(url, well) == "200");
    check_both_end(url, trusting(authority), "it wants a client's certificate (--client-cert)");
    check_both_end(
        url,
        as(foreign.issue("stranger")),
        "it does not trust the client's certificate (--client-cert)"
    );
    check_both_end(
        url,
        as(authority.issue("expired", {.from_days = -9, .until_days = -1})),
        "it says that the client's certificate (--client-cert) has expired"
    );
    CHECK(serving.answered == 2);
}

TEST_CASE("a peer's connection is kept, and its handshake is made once") {
    const Authority authority;
    ServerOptions options = over_tls(authority.issue("server"));
    options.idle_timeout = 300ms;
    Serving serving(options);
    Peer peer({.origin = serving.url("/"), .tls = trusting(authority)});
    for (int i = 0; i < 20; ++i) {
        const Result result = send(peer, {.target = "/x"});
        REQUIRE(result);
        CHECK(result->body == "GET /x ");
    }
    CHECK(peer.counts().connections == 1);
    CHECK(serving.server().stats().handshakes.full == 1);
    // The server ends it; the next request finds that out before it is sent.
    CHECK(eventually([&] { return serving.server().connections() == 0; }));
    CHECK(send(peer, {.target = "/x"}).has_value());
    CHECK(peer.counts().connections == 2);
    CHECK(peer.counts().repeated == 0);
}

TEST_CASE("an answer that ends with its connection has to end with TLS' own end") {
    const Authority authority;
    const auto pair = authority.issue("server");
    const ClientTls tls = trusting(authority);
    bool orderly = true;
    RawServer server([&](RawConnection& connection, int) { answer(connection, pair, orderly); });
    Url url = parse_url(server.url());
    url.is_tls = true;
    CHECK(fetch(Method::get, url, {}, {}, 10s, tls).body == "all of it");
    CHECK(asked(url, tls) == "200");
    // Somebody on the way can cut it off, and cannot forge that end.
    orderly = false;
    CHECK(fetched(url, tls).ends_with("the connection was cut off, without TLS' own end"));
    CHECK(asked(url, tls).ends_with("the connection was cut off, without TLS' own end"));
}

TEST_CASE("a server that hangs in the handshake costs the time that a client has, and no more") {
    const Authority authority;
    RawServer silent([](RawConnection& connection, int) { connection.drain(); });
    Url url = parse_url(silent.url());
    url.is_tls = true;
    const auto began = std::chrono::steady_clock::now();
    CHECK_THROWS_AS(fetch(Method::get, url, {}, {}, 300ms, trusting(authority)), std::system_error);
    CHECK(std::chrono::steady_clock::now() - began < 5s);
}
