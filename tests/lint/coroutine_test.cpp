#include <doctest/doctest.h>

#include <algorithm>
#include <cctype>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "source.hpp"

// GCC 12 miscompiles several shapes of co_await: crashes, double frees. The one shape that is let
// through is
//
//     auto name = co_await f(...);        if (auto name = co_await f(...); name)        co_await
//     f(...);
//
// with no closure, no braces and no second co_await in the statement: name them first, then move
// them in.

namespace lint {
namespace {

struct Token {
    std::string text;
    int line = 0;
};

using Tokens = std::vector<Token>;

bool in_word(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

bool is_word(const Token& token) {
    return in_word(token.text.front());
}

// Whether `text` is one of the words of `list`.
bool is_one_of(std::string_view text, std::string_view list) {
    while (!list.empty()) {
        const auto end = std::min(list.find(' '), list.size());
        if (list.substr(0, end) == text) {
            return true;
        }
        list.remove_prefix(std::min(end + 1, list.size()));
    }
    return false;
}

Tokens tokens_of(std::string_view code) {
    Tokens tokens;
    int line = 1;
    for (std::size_t at = 0; at < code.size();) {
        const char c = code[at];
        std::size_t length = 1;
        if (in_word(c)) {
            while (at + length < code.size() && in_word(code[at + length])) {
                ++length;
            }
        } else if (is_one_of(
                       code.substr(at, 2), ":: -> == != <= >= && || += -= *= /= %= &= |= ^="
                   )) {
            length = 2;
        }
        if (c == '\n') {
            ++line;
        }
        if (std::isspace(static_cast<unsigned char>(c)) == 0) {
            tokens.push_back({std::string(code.substr(at, length)), line});
        }
        at += length;
    }
    return tokens;
}

bool opens(std::string_view text) {
    return text == "(" || text == "[" || text == "{";
}
bool closes(std::string_view text) {
    return text == ")" || text == "]" || text == "}";
}

// The bracket that belongs to one, going back from it; 0 when there is none.
std::size_t opener_of(const Tokens& tokens, std::size_t closer) {
    int depth = 0;
    for (std::size_t at = closer;; --at) {
        if (closes(tokens[at].text)) {
            ++depth;
        }
        if (opens(tokens[at].text) && --depth == 0) {
            return at;
        }
        if (at == 0) {
            return 0;
        }
    }
}

std::size_t closer_of(std::span<const Token> tokens, std::size_t opener) {
    int depth = 0;
    for (std::size_t at = opener; at < tokens.size(); ++at) {
        if (opens(tokens[at].text)) {
            ++depth;
        }
        if (closes(tokens[at].text) && --depth == 0) {
            return at;
        }
    }
    return tokens.size();
}

// Where what stands before `await` in its statement, or in its brackets, begins.
std::size_t prefix_start(const Tokens& tokens, std::size_t await) {
    std::size_t start = await;
    while (start > 0) {
        const auto& before = tokens[start - 1].text;
        if (before == ";" || before == "}" || opens(before)) {
            break;
        }
        start = closes(before) ? opener_of(tokens, start - 1) : start - 1;
    }
    return start;
}

// Whether the innermost brackets around what begins at `start` are not braces.
bool is_in_parenthesis(const Tokens& tokens, std::size_t start) {
    while (start > 0) {
        const auto& before = tokens[start - 1].text;
        if (opens(before)) {
            return before != "{";
        }
        start = closes(before) ? opener_of(tokens, start - 1) : start - 1;
    }
    return false;
}

// Without labels, attributes, and the heads of control statements that have no braces.
std::span<const Token> without_heads(std::span<const Token> prefix) {
    for (;;) {
        if (prefix.empty()) {
            return prefix;
        }
        const auto& first = prefix.front().text;
        std::size_t skip = 0;
        if (first == "else" || first == "do") {
            skip = 1;
        } else if (is_one_of(first, "if for while switch")) {
            const std::size_t open = prefix.size() > 1 && prefix[1].text == "constexpr" ? 2 : 1;
            skip = closer_of(prefix, open) + 1;
        } else if (first == "[" && prefix.size() > 1 && prefix[1].text == "[") {
            skip = closer_of(prefix, 0) + 1;
        } else if (first == "case" || (prefix.size() > 1 && prefix[1].text == ":")) {
            const auto colon = std::ranges::find(prefix, ":", &Token::text);
            skip = static_cast<std::size_t>(colon - prefix.begin()) + 1;
        }
        if (skip == 0 || skip > prefix.size()) {
            return prefix;
        }
        prefix = prefix.subspan(skip);
    }
}

// "const std::vector<int> name =", "auto [a, b] =", and no assignment to what is there already.
bool declares(std::span<const Token> prefix) {
    if (prefix.size() < 3 || prefix.back().text != "=") {
        return false;
    }
    auto type = prefix.first(prefix.size() - 1);
    if (type.back().text == "]") {
        const auto open = std::ranges::find(type, "[", &Token::text);
        type = type.first(static_cast<std::size_t>(open - type.begin()));
        if (std::ranges::find(type, "auto", &Token::text) == type.end()) {
            return false;
        }
    } else {
        if (!is_word(type.back())) {
            return false;
        }
        type = type.first(type.size() - 1);
        if (type.back().text == "::") {
            return false;
        }
    }
    return is_word(type.front()) && std::ranges::none_of(type, [&](const Token& token) {
               return is_one_of(token.text, "= == != || ? : . -> ( return co_return throw");
           });
}

// "if (" with the statement's own `;` behind: if (auto r = co_await f(); r)
bool begins_if(const Tokens& tokens, std::size_t start) {
    if (start < 2 || tokens[start - 1].text != "(") {
        return false;
    }
    const auto& before = tokens[start - 2].text;
    return before == "if" || (before == "constexpr" && start > 2 && tokens[start - 3].text == "if");
}

std::optional<std::string> prefix_violation(const Tokens& tokens, std::size_t await) {
    const auto start = prefix_start(tokens, await);
    const bool in_parenthesis = is_in_parenthesis(tokens, start);
    const auto prefix = without_heads(std::span(tokens).subspan(start, await - start));
    if (in_parenthesis && !begins_if(tokens, start)) {
        return "co_await inside an expression or a condition";
    }
    if (prefix.empty()) {
        if (in_parenthesis) {
            return "co_await is the condition: name its result first";
        }
        return {};
    }
    if (!declares(prefix)) {
        return "co_await initialises no variable of its own";
    }
    return {};
}

bool begins_closure(const Tokens& tokens, std::size_t bracket) {
    const auto& before = tokens[bracket - 1];
    return before.text == "return" ||
           !(is_word(before) || before.text == ")" || before.text == "]");
}

std::optional<std::string> suffix_violation(const Tokens& tokens, std::size_t await) {
    int depth = 0;
    for (std::size_t at = await + 1; at < tokens.size(); ++at) {
        const auto& text = tokens[at].text;
        if (depth == 0 && text == ";") {
            return {};
        }
        if (text == "co_await") {
            return "a second co_await in the statement";
        }
        if (text == "{") {
            return "braces in a statement with co_await: name the object first";
        }
        if (text == "[" && begins_closure(tokens, at)) {
            return "a closure in a statement with co_await: name it first";
        }
        if (depth == 0 && is_one_of(text, "&& || == != <= >= ? : = + - / % | ^")) {
            return "an operator takes co_await's result before it has a name";
        }
        if (opens(text)) {
            ++depth;
        }
        if (closes(text) && --depth < 0) {
            return "co_await inside an expression or a condition";
        }
    }
    return "co_await without an end of its statement";
}

bool may_await(std::string_view path) {
    return path.starts_with("src/http/") || path.starts_with("tests/") ||
           path.starts_with("bench/");
}

std::vector<Finding> coroutine_findings(const std::vector<Source>& sources) {
    std::vector<Finding> findings;
    for (const auto& source : sources) {
        if (!source.text.contains("co_await")) {
            continue;
        }
        const auto tokens = tokens_of(code_only(source.text));
        for (std::size_t at = 0; at < tokens.size(); ++at) {
            if (tokens[at].text != "co_await") {
                continue;
            }
            std::optional<std::string> message;
            if (!may_await(source.path)) {
                message = "co_await stays inside src/http";
            }
            if (!message) {
                message = prefix_violation(tokens, at);
            }
            if (!message) {
                message = suffix_violation(tokens, at);
            }
            if (message) {
                findings.push_back({source.path, tokens[at].line, *message});
            }
        }
    }
    return findings;
}

std::string said_of(const std::string& statement) {
    return report(
        coroutine_findings({{"src/http/x.cpp", "task<> f() {\n    g();\n" + statement + "\n}\n"}})
    );
}

TEST_CASE("every co_await of the project has a shape that GCC 12 compiles rightly") {
    for (const std::string directory : {"src", "tests", "bench"}) {
        CHECK_EQ(report(coroutine_findings(cpp_below(directory))), "");
    }
}

TEST_CASE("a co_await that initialises a variable, or is a statement, passes") {
    for (const std::string good :
         {"auto x = co_await f();",
          "const auto x = co_await f(a[1], std::move(b), g<int>(c), *p);",
          "std::map<int, std::vector<int>> x = co_await f();",
          "[[maybe_unused]] const auto x = co_await f();",
          "const auto [a, b] = co_await f();",
          "auto&& [a, b] = co_await f();",
          "auto& x =\n    co_await asio::this_coro::executor;",
          "co_await f(x);",
          "co_await (reads() || waits(1'000));",
          "co_await *this;",
          "if (auto r = co_await f(); r == 1) g();",
          "if (x) {} else if (auto r = co_await f(); !r) g();",
          "if (x) co_await f();",
          "if (x) g(); else co_await f();",
          "for (;;) co_await f();",
          "for (int i = 0; i < 3; ++i) { auto x = co_await f(); }",
          "do co_await f(); while (x);",
          "switch (x) { case A::b: co_await f(); break; default: co_await g(); }",
          "auto s = [self]() -> task<> { auto x = co_await f(); co_return; };",
          "co_spawn(io, [] { co_await f(); }, detached);",
          "x = T{}; co_await f();",
          "// if (co_await f())\n/* co_await g() ? 1 : 2 */",
          "log(\"if (co_await f())\", R\"(co_await { g)\", '\"');"}) {
        INFO(good);
        CHECK_EQ(said_of(good), "");
    }
}

TEST_CASE("each shape that GCC 12 miscompiles is found") {
    for (const std::string bad :
         {"if (co_await f()) g();",
          "if (!co_await f()) g();",
          "if (co_await f() == 1) g();",
          "if (1 == co_await f()) g();",
          "if (co_await f() && x) g();",
          "if (x && co_await f()) g();",
          "if constexpr (co_await f()) g();",
          "if (auto r = co_await f()) g();",
          "if (r = co_await f(); r) g();",
          "while (co_await f()) g();",
          "while (!co_await f()) g();",
          "while (auto r = co_await f()) g();",
          "switch (co_await f()) { default: break; }",
          "do g(); while (co_await f());",
          "for (auto x : co_await f()) g();",
          "for (g(); co_await f(); h()) g();",
          "for (;; co_await f()) g();",
          "for (g(); auto r = co_await f(); h()) g();",
          "if (g(); co_await f()) g();",
          "auto x = c ? co_await f() : T{};",
          "auto x = c ? T{} : co_await f();",
          "auto x = c ? y : co_await f();",
          "c ? co_await f() : co_await g();",
          "auto x = co_await f([s = std::move(s)] { return s; });",
          "co_await f(1, [&] { g(); });",
          "co_await f(Agg{s});",
          "co_await Agg{s}.m();",
          "co_await f({1, 2});",
          "Agg x{co_await f(), 1};",
          "Agg x{1, co_await f()};",
          "Agg x(co_await f());",
          "Agg x = {co_await f()};",
          "co_return Agg{T{}, co_await f()};",
          "co_return co_await f();",
          "auto x = co_await f() && y;",
          "auto x = !co_await f();",
          "auto x = 1 + co_await f();",
          "auto x = co_await f() + 1;",
          "auto x = (co_await f()).value();",
          "auto x = g(co_await f());",
          "g(co_await f());",
          "auto x = co_await g(co_await f());",
          "x = co_await f();",
          "this->x = co_await f();",
          "x.y = co_await f();",
          "*x = co_await f();",
          "x[1] = co_await f();",
          "x += co_await f();",
          "(void)co_await f();"}) {
        INFO(bad);
        CHECK_NE(said_of(bad), "");
    }
}

TEST_CASE("a co_await outside http is found, with its line") {
    const std::string text = "task<> f() {\n    co_await g();\n}\n";
    CHECK_EQ(
        report(coroutine_findings({{"src/kernel/x.cpp", text}})),
        "src/kernel/x.cpp:2: co_await stays inside src/http\n"
    );
    CHECK_NE(report(coroutine_findings({{"src/http_like/x.cpp", text}})), "");
    CHECK_EQ(report(coroutine_findings({{"tests/x.cpp", text}, {"bench/x.cpp", text}})), "");
}

}  // namespace
}  // namespace lint
