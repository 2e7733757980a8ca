#include <doctest/doctest.h>
#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "serving.hpp"
#include "support/program.hpp"

using namespace bookstore::http;
using namespace bookstore::test;
using namespace std::chrono_literals;

namespace {

ServerOptions over_tls(const Authority::Pair& pair) {
    ServerOptions options;
    options.tls = {.certificate = pair.certificate, .key = pair.key};
    return options;
}

std::string address_of(Serving& serving) {
    return fmt::format("127.0.0.1:{}", serving.server().port());
}

/// What a real client says: curl(1).
Finished curl(const std::string& url, std::vector<std::string> more = {}) {
    std::vector<std::string> words{"/usr/bin/curl", "-sS", "--max-time", "20", url};
    words.insert(words.end(), more.begin(), more.end());
    return run_program(words);
}

/// And another one: openssl(1), which sends nothing and ends.
Finished s_client(Serving& serving, std::vector<std::string> more = {}) {
    std::vector<std::string> words{"/usr/bin/openssl", "s_client", "-connect", address_of(serving)};
    words.insert(words.end(), more.begin(), more.end());
    return run_program(words);
}

bool has(const std::string& text, std::string_view part) {
    return text.find(part) != text.npos;
}

RawClient plain_client(Serving& serving) {
    return RawClient(serving.server().port(), 0, nullptr);
}

RawClient tls_client(Serving& serving) {
    return RawClient(serving.server().port(), 0, tls_client_context());
}

HandshakeCounts handshakes(Serving& serving) {
    return serving.server().stats().handshakes;
}

constexpr std::string_view get = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";

}  // namespace

TEST_CASE("curl verifies the server, is answered, and is told https in links") {
    const Authority authority;
    Serving serving(over_tls(authority.issue("server")));
    CHECK(serving.server().url() == "https://" + address_of(serving));
    const auto answered = curl(serving.server().url() + "/x", {"--cacert", authority.file()});
    CHECK(answered.out == "GET /x ");
    CHECK(answered.error == "");
    CHECK(serving.last().scheme == "https");
    CHECK(serving.last().origin() == serving.server().url());
    const std::string body = authority.path("body");
    std::ofstream(body) << std::string(300'000, 'x');
    const auto posted = curl(
        serving.server().url() + "/y", {"--cacert", authority.file(), "--data-binary", "@" + body}
    );
    CHECK(posted.out == "POST /y " + std::string(300'000, 'x'));
    CHECK(handshakes(serving).full == 2);
    CHECK(handshakes(serving).failed == 0);
}

TEST_CASE("a key of RSA does as well") {
    const Authority authority;
    Serving serving(over_tls(authority.issue("server", {.key = Authority::Key::rsa})));
    const auto answered = curl(serving.server().url() + "/x", {"--cacert", authority.file()});
    CHECK(answered.out == "GET /x ");
}

TEST_CASE("TLS 1.2 and 1.3 are spoken, and nothing older") {
    const Authority authority;
    Serving serving(over_tls(authority.issue("server")));
    const auto newest = s_client(serving, {"-tls1_3"});
    CHECK(has(newest.out, "New, TLSv1.3"));
    const auto older = s_client(serving, {"-tls1_2"});
    CHECK(has(older.out, "New, TLSv1.2, Cipher is ECDHE-ECDSA-"));
    // The client is made to offer what its own settings forbid.
    const auto oldest = s_client(serving, {"-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0"});
    CHECK(oldest.status != 0);
    CHECK(has(oldest.error, "alert protocol version"));
    const auto weak = s_client(serving, {"-tls1_2", "-cipher", "AES128-SHA:@SECLEVEL=0"});
    CHECK(weak.status != 0);
    CHECK(has(weak.error, "alert handshake failure"));
    CHECK(eventually([&] { return handshakes(serving).failed == 2; }));
}

TEST_CASE("HTTP/1.1 is what is spoken, and who wants another protocol alone is told so") {
    const Authority authority;
    Serving serving(over_tls(authority.issue("server")));
    CHECK(has(s_client(serving, {"-alpn", "h2,http/1.1"}).out, "ALPN protocol: http/1.1"));
    CHECK(has(s_client(serving).out, "No ALPN negotiated"));
    CHECK(has(s_client(serving, {"-alpn", "h2"}).error, "alert no application protocol"));
}

TEST_CASE("nobody may have the keys renewed by a new handshake") {
    const Authority authority;
    Serving serving(over_tls(authority.issue("server")));
    auto context = tls_client_context();
    SSL_CTX_set_max_proto_version(context.get(), TLS1_2_VERSION);
    RawClient client(serving.server().port(), 0, context);
    client.send(get);
    CHECK(client.reply().status == 200);
    REQUIRE(SSL_renegotiate(client.tls().ssl()) == 1);
    SSL_do_handshake(client.tls().ssl());
    char none = 0;
    CHECK(client.tls().receive(&none, 1) < 0);  // "no renegotiation"
}

TEST_CASE("a client that comes again resumes its session") {
    const Authority authority;
    Serving serving(over_tls(authority.issue("server")));
    const std::string session = authority.path("session");
    const auto saving = std::vector<std::string>{
        "/bin/sh",
        "-c",
        fmt::format(
            "{{ printf 'GET /x HTTP/1.1\\r\\nHost: a\\r\\nConnection: close\\r\\n\\r\\n'; sleep 1; "
            "}} "
            "| openssl s_client -connect {} -quiet -sess_out {} 2>&1",
            address_of(serving),
            session
        )
    };
    run_program(saving);
    REQUIRE(std::filesystem::exists(session));
    CHECK(has(s_client(serving, {"-sess_in", session}).out, "Reused, TLSv1.3"));
    CHECK(eventually([&] { return handshakes(serving).resumed == 1; }));
}

TEST_CASE("plain HTTP at a port of TLS is answered readably, once, and logged") {
    const Authority authority;
    Serving serving(over_tls(authority.issue("server")));
    auto client = plain_client(serving);
    client.send(get);
    const Reply reply = client.reply();
    CHECK(reply.status == 400);
    CHECK(has(reply.body, "Plain HTTP came to a port that speaks https alone."));
    CHECK(reply.closes());
    CHECK(client.is_ended());
    CHECK(serving.answered == 0);
    const auto log = serving.log(1);
    CHECK(log[0].status == 400);
    CHECK(log[0].target == "/x");
    CHECK(handshakes(serving).plain == 1);
    const auto by_curl = curl("http://" + address_of(serving) + "/x", {"-w", "%{http_code}"});
    CHECK(has(by_curl.out, "speaks https alone"));
    CHECK(by_curl.out.ends_with("400"));
    // A body is not waited for.
    auto posting = plain_client(serving);
    posting.send("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n");
    CHECK(posting.reply().status == 400);
}

TEST_CASE("TLS at a plain port is cut off at once, and said once") {
    Serving serving;
    for (int i = 0; i < 3; ++i) {
        CHECK_THROWS(RawClient(serving.server().port(), 0, tls_client_context()));
    }
    REQUIRE(eventually([&] { return serving.notices().size() == 1; }));
    CHECK(has(serving.notices()[0], "127.0.0.1 speaks TLS (https) where plain HTTP is served"));
    CHECK(serving.answered == 0);
    auto client = plain_client(serving);
    client.send(get);
    CHECK(client.reply().status == 200);
    CHECK(serving.notices().size() == 1);
}

TEST_CASE("garbage and clients that go silent in the handshake are ended, and keep nobody") {
    const Authority authority;
    ServerOptions options = over_tls(authority.issue("server"));
    options.threads = 1;
    options.header_timeout = 300ms;
    Serving serving(options);
    std::vector<RawClient> clients;
    for (const std::string& bytes :
         {std::string(),                                   // says nothing
          std::string("\x16\x03\x01"),                     // a part of a record's head
          std::string("\x16\x03\x01\x02\x00\x01\x00", 7),  // a record that goes on
          std::string("\x16\x03\x01\xff\xff", 5),          // a record that is too long
          std::string(2000, '\x16'),
          std::string(2000, '\x00'),
          std::string("\x80\x2e\x01\x00\x02", 5)}) {  // SSL 2
        clients.push_back(plain_client(serving));
        clients.back().send(bytes);
    }
    const auto began = std::chrono::steady_clock::now();
    auto honest = tls_client(serving);
    for (int i = 0; i < 100; ++i) {
        honest.send(get);
        CHECK(honest.reply().status == 200);
    }
    CHECK(std::chrono::steady_clock::now() - began < 5s);
    CHECK(eventually([&] { return handshakes(serving).failed == clients.size(); }));
    CHECK(eventually([&] { return serving.server().connections() == 1; }));
    CHECK(handshakes(serving).full == 1);
    CHECK(serving.errors().empty());
}

TEST_CASE("a client that sends its handshake byte by byte is served") {
    const Authority authority;
    Serving serving(over_tls(authority.issue("server")));
    // Through a memory of its own, so that each byte is a packet.
    auto context = tls_client_context();
    std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(context.get()), SSL_free);
    BIO* in = BIO_new(BIO_s_mem());
    BIO* out = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl.get(), in, out);
    SSL_set_connect_state(ssl.get());
    auto client = plain_client(serving);
    while (SSL_do_handshake(ssl.get()) != 1) {
        char bytes[4096];
        int count = 0;
        while ((count = BIO_read(out, bytes, sizeof bytes)) > 0) {
            client.send_byte_by_byte({bytes, static_cast<std::size_t>(count)});
        }
        REQUIRE(client.hears_something(20'000));
        const std::string heard = client.take_what_comes();
        REQUIRE(BIO_write(in, heard.data(), static_cast<int>(heard.size())) > 0);
    }
    CHECK(SSL_write(ssl.get(), get.data(), static_cast<int>(get.size())) > 0);
    char bytes[4096];
    const int count = BIO_read(out, bytes, sizeof bytes);
    client.send_byte_by_byte({bytes, static_cast<std::size_t>(count)});
    CHECK(eventually([&] { return serving.answered == 1; }));
}

TEST_CASE("who sends records without an end that say nothing holds no thread, and is cut off") {
    const Authority authority;
    ServerOptions options = over_tls(authority.issue("server"));
    options.threads = 1;
    options.idle_timeout = 1000ms;
    Serving serving(options);
    std::atomic<bool> cut_off = false;
    std::jthread attacker([&] {
        auto client = tls_client(serving);
        SSL* ssl = client.tls().ssl();
        const auto end = std::chrono::steady_clock::now() + 20s;
        while (!cut_off && std::chrono::steady_clock::now() < end) {
            cut_off =
                SSL_key_update(ssl, SSL_KEY_UPDATE_NOT_REQUESTED) != 1 ||
                (SSL_do_handshake(ssl) != 1 && SSL_get_error(ssl, -1) != SSL_ERROR_WANT_WRITE);
        }
    });
    // A new key now and then is no attack.
    auto careful = tls_client(serving);
    for (int i = 0; i < 200; ++i) {
        SSL_key_update(careful.tls().ssl(), SSL_KEY_UPDATE_REQUESTED);
        careful.send(get);
        CHECK(careful.reply().status == 200);
    }
    attacker.join();
    CHECK(cut_off);
}

TEST_CASE("connections beyond the limit are told by TLS' alert, without a handshake") {
    const Authority authority;
    ServerOptions options = over_tls(authority.issue("server"));
    options.max_connections = 1;
    Serving serving(options);
    auto held = tls_client(serving);
    CHECK(has(s_client(serving).error, "alert internal error"));
    held.send(get);
    CHECK(held.reply().status == 200);
    CHECK(serving.server().stats().turned_away == 1);
}

TEST_CASE("certificate and key that cannot be used are refused at the start, and named") {
    const Authority authority;
    const auto pair = authority.issue("server");
    const auto other = authority.issue("other");
    const auto rsa = authority.issue("rsa", {.key = Authority::Key::rsa});
    const auto refusal = [](const std::string& certificate, const std::string& key) {
        try {
            Serving serving(over_tls({certificate, key}));
            return std::string("none");
        } catch (const std::runtime_error& error) {
            return std::string(error.what());
        }
    };
    const std::string missing = authority.path("missing");
    CHECK(
        refusal(missing, pair.key) ==
        "the certificate " + missing + " cannot be read: No such file or directory"
    );
    CHECK(
        refusal(pair.certificate, missing) ==
        "the key " + missing + " cannot be read: No such file or directory"
    );
    for (const std::string& key : {other.key, rsa.key}) {
        CHECK(
            refusal(pair.certificate, key) ==
            "the key " + key + " is not that of the certificate " + pair.certificate
        );
    }
    const std::string text = authority.path("text");
    std::ofstream(text) << "no certificate\n";
    CHECK(refusal(text, pair.key) == "the certificate " + text + " cannot be read: no start line");
    const std::string secret = authority.path("secret");
    run_program(
        {"/usr/bin/openssl",
         "pkey",
         "-in",
         pair.key,
         "-aes256",
         "-passout",
         "pass:1234",
         "-out",
         secret}
    );
    CHECK(has(refusal(pair.certificate, secret), "the key " + secret + " cannot be read: "));
}

TEST_CASE("files that change are taken for new connections; what is broken is not") {
    const Authority authority;
    const auto pair = authority.issue("server", {.until_days = 90});
    Serving serving(over_tls(pair));
    Server& server = serving.server();
    const auto expires_in_days = [&] {
        return (server.tls_status()->expires_s - std::time(nullptr) + 43'200) / 86'400;
    };
    CHECK(expires_in_days() == 90);
    CHECK(server.tls_status()->loads == 1);
    CHECK(!server.look_at_tls_files());
    auto kept = tls_client(serving);

    authority.issue("server", {.until_days = 40});
    auto looked = server.look_at_tls_files();
    REQUIRE(looked);
    CHECK(looked->has_value());
    CHECK(expires_in_days() == 40);
    CHECK(!server.look_at_tls_files());

    // The certificate alone: it does not go with the key.
    const auto next = authority.issue("next", {.until_days = 20});
    std::filesystem::copy_file(
        next.certificate, pair.certificate, std::filesystem::copy_options::overwrite_existing
    );
    looked = server.look_at_tls_files();
    REQUIRE(looked);
    REQUIRE(!looked->has_value());
    CHECK(
        looked->error() ==
        "the key " + pair.key + " is not that of the certificate " + pair.certificate
    );
    CHECK(server.tls_status()->problem == looked->error());
    CHECK(server.tls_status()->failures == 1);
    CHECK(expires_in_days() == 40);
    CHECK(!server.look_at_tls_files());
    auto meanwhile = tls_client(serving);
    meanwhile.send(get);
    CHECK(meanwhile.reply().status == 200);

    // And its key behind it.
    std::filesystem::copy_file(
        next.key, pair.key, std::filesystem::copy_options::overwrite_existing
    );
    looked = server.look_at_tls_files();
    REQUIRE(looked);
    CHECK(looked->has_value());
    CHECK(server.tls_status()->problem == "");
    CHECK(expires_in_days() == 20);
    std::filesystem::remove(pair.key);
    looked = server.look_at_tls_files();
    REQUIRE(looked);
    CHECK(!looked->has_value());

    kept.send(get);
    CHECK(kept.reply().status == 200);
}

TEST_CASE("files are taken again under load, without a request that fails") {
    const Authority authority;
    const auto pair = authority.issue("server");
    Serving serving(over_tls(pair));
    std::atomic<bool> over = false;
    std::atomic<int> failed = 0;
    std::atomic<int> served = 0;
    std::vector<std::jthread> clients;
    for (int i = 0; i < 3; ++i) {
        clients.emplace_back([&] {
            auto kept = tls_client(serving);
            while (!over) {
                try {
                    auto fresh = tls_client(serving);
                    fresh.send(get);
                    kept.send(get);
                    failed += fresh.reply().status != 200;
                    failed += kept.reply().status != 200;
                    ++served;
                } catch (const std::exception&) {
                    ++failed;
                }
            }
        });
    }
    for (int i = 0; i < 30; ++i) {
        authority.issue("server");
        // Both files are there in one look: the pair that is served was never mixed.
        serving.server().look_at_tls_files();
        const int before = served;
        CHECK(eventually([&] { return served > before + 3; }));
    }
    over = true;
    clients.clear();
    CHECK(failed == 0);
    CHECK(served > 90);
    CHECK(serving.server().tls_status()->loads == 31);
}

TEST_CASE("operators are asked for a certificate, customers are not") {
    const Authority authority;
    const Authority foreign("Another Authority");
    const auto pair = authority.issue("server");
    const auto operator_pair = authority.issue("operator", {.names = {"op"}});
    const auto expired =
        authority.issue("expired", {.names = {"op"}, .from_days = -9, .until_days = -1});
    const auto stranger = foreign.issue("stranger", {.names = {"op"}});
    ServerOptions options = over_tls(pair);
    options.tls->client_ca = authority.file();
    options.operators = ListenAddress{.port = 0};
    Serving serving(options);
    const std::string url = serving.server().operators_url() + "/x";
    REQUIRE(url.starts_with("https://"));
    const auto asked = [&](const Authority::Pair* with) {
        std::vector<std::string> flags{"--cacert", authority.file()};
        if (with != nullptr) {
            flags.insert(flags.end(), {"--cert", with->certificate, "--key", with->key});
        }
        return curl(url, flags);
    };
    CHECK(asked(&operator_pair).out == "GET /x ");
    CHECK(serving.last().door == Door::operators);
    CHECK(has(asked(nullptr).error, "certificate required"));
    CHECK(asked(nullptr).out == "");
    CHECK(has(asked(&stranger).error, "unknown ca"));
    CHECK(has(asked(&expired).error, "certificate expired"));
    CHECK(curl(serving.server().url() + "/x", {"--cacert", authority.file()}).out == "GET /x ");
}

TEST_CASE("a unix socket stays plain") {
    const Authority authority;
    ServerOptions options = over_tls(authority.issue("server"));
    const TemporaryDirectory directory;
    options.operators = ListenAddress{.path = directory.path() + "/socket"};
    Serving serving(options);
    CHECK(serving.server().operators_url() == "unix:" + directory.path() + "/socket");
    const auto answer = fetch(Method::get, parse_url(serving.server().operators_url()));
    CHECK(answer.status == 200);
}
