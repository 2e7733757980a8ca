#include "base/json.hpp"

#include <algorithm>
#include <array>
#include <boost/describe.hpp>
#include <boost/json/parse.hpp>
#include <charconv>
#include <cstdint>
#include <exception>
#include <expected>
#include <optional>

#include "base/money.hpp"
#include "bus/parse.hpp"
#include "fuzz/fuzz.hpp"
#include "http/message.hpp"
#include "kernel/fields.hpp"
#include "modules/customer/events.hpp"
#include "modules/inventory/events.hpp"
#include "modules/order/events.hpp"

namespace bookstore::fuzz {
namespace {

enum class State { on, off };
constexpr std::array<std::string_view, 2> state_words{"On", "Off"};
constexpr const auto& words_of(State) {
    return state_words;
}

/// A field of every kind.
struct Body {
    std::int64_t quantity = 0;
    std::int64_t stock = 0;
    std::string name;
    std::optional<std::string> note;
    std::optional<Money> amount;
    State state = State::off;
    friend bool operator==(const Body&, const Body&) = default;
};
BOOST_DESCRIBE_STRUCT(Body, (), (quantity, stock, name, note, amount, state))

const kernel::Fields<Body>& fields() {
    static const auto table = kernel::Fields<Body>()
                                  .integer("quantity", &Body::quantity, 1)
                                  .integer("stock", &Body::stock, 0)
                                  .text("name", &Body::name)
                                  .text("note", &Body::note)
                                  .money("amount", &Body::amount)
                                  .word("state", &Body::state, {"On", "Off"});
    return table;
}

http::Request with_body(std::string_view body) {
    http::Request request;
    request.body = body;
    return request;
}

void check_text(std::string_view text) {
    require(!kernel::text_fault(text), "a text that must not be stored");
    const std::size_t count = characters(text);
    require(count >= 1 && count <= kernel::max_text_characters, "a text of a wrong length");
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        require(byte >= 0x20 && byte != 0x7F, "a control character");
    }
}

void check_body(const Body& body) {
    require(body.quantity >= 1 && body.quantity <= kernel::max_integer, "quantity out of bounds");
    require(body.stock >= 0 && body.stock <= kernel::max_integer, "stock out of bounds");
    check_text(body.name);
    if (body.note) {
        check_text(*body.note);
    }
    if (body.amount) {
        require(
            body.amount->cents() >= 0 && body.amount->cents() <= Money::max_cents,
            "amount out of bounds"
        );
    }
    std::string shown = "{";
    json::append_fields(shown, body);
    shown += '}';
    read_back(shown);
    const auto again = fields().read(with_body(shown));
    require(again.has_value() && *again == body, "what is shown is not read as what it was");
}

/// A refusal says what is wrong, and its body is JSON whatever was sent.
void check_refusal(const http::Problem& problem) {
    require(problem.status == 400 && !problem.message.empty(), "a refusal without a reason");
    const auto shown = read_back(http::render_problem(problem, "/orders", 0).body);
    if (problem.errors.empty()) {
        return;
    }
    for (const auto& error : shown.at("errors").as_array()) {
        require(!error.at("message").as_string().empty(), "an error without a message");
        const auto& rejected = error.at("rejectedValue");
        require(rejected.is_null() || characters(rejected.as_string()) <= 100, "not cut");
    }
}

void check_fields(std::string_view input) {
    const auto request = with_body(input);
    const auto read = fields().read(request);
    const auto replacement = fields().replacement(request);
    const auto patch = fields().merge_patch(request);
    require(read.has_value() == replacement.has_value(), "PUT reads otherwise than POST");
    require(!read || patch, "PATCH refuses what POST takes");
    const Body before{
        .quantity = 7,
        .stock = 3,
        .name = "before",
        .note = "note",
        .amount = Money::from_cents(1234),
        .state = State::on
    };
    Body changed = before;
    if (patch) {
        patch->apply(changed);
        check_body(changed);
    } else {
        check_refusal(patch.error());
    }
    if (!read) {
        check_refusal(read.error());
        require(changed == before || patch, "a refused patch changed something");
        return;
    }
    check_body(*read);
    Body replaced = before;
    replacement->apply(replaced);
    require(replaced == *read, "PUT leaves something of what was there");
}

/// Whatever is taken for an event is written as the same event.
template <class E>
void check_event(std::string_view input) {
    std::optional<E> event;
    try {
        event = bus::parse_event<E>(input);
    } catch (const std::exception&) {
        return;  // as parse_event promises; the held event shows the reason
    }
    const std::string payload = bus::payload_of(*event, 0);
    read_back(payload);
    require(bus::payload_of(bus::parse_event<E>(payload), 0) == payload, "another event");
}

void check_written(std::string_view text) {
    std::string ours;
    json::append(ours, text);
    std::string tolerant;
    json::append_untrusted(tolerant, text);
    // This one takes any bytes; what is no UTF-8 is replaced, so it differs.
    const bool kept = read_back(tolerant).as_string() == text;
    boost::json::error_code error;
    const auto value = boost::json::parse(ours, error);
    require(error.failed() != kept, "readers and writers disagree on what UTF-8 is");
    require(error || value.as_string() == text, "a text is read back as another");
    const auto fault = kernel::text_fault(text);
    require(kept || fault, "a text that is no UTF-8 may be stored");
    require(!kept || fault != "must be UTF-8", "UTF-8 is refused");
}

void check_amount(Money money) {
    const std::string text = money.text();
    require(Money::parse(text) == money, "an amount's text is another amount");
    std::string written;
    json::append(written, money);
    const auto value = read_back(written);
    require(Money::from_double(value.to_number<double>()) == money, "lost on the way as JSON");
    order::Ordered event;
    event.pay_amount = money;
    const auto again = bus::parse_event<order::Ordered>(bus::payload_of(event, 0));
    require(again.pay_amount == money, "lost on the way in an event");
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/// RFC 8259 6.
bool is_json_number(std::string_view text) {
    const auto take_digits = [&] {
        const std::size_t before = text.size();
        while (!text.empty() && is_digit(text.front())) {
            text.remove_prefix(1);
        }
        return before - text.size();
    };
    if (text.starts_with('-')) {
        text.remove_prefix(1);
    }
    const bool zero = text.starts_with('0');
    const std::size_t whole = take_digits();
    if (whole == 0 || (zero && whole > 1)) {
        return false;
    }
    if (text.starts_with('.')) {
        text.remove_prefix(1);
        if (take_digits() == 0) {
            return false;
        }
    }
    if (text.starts_with('e') || text.starts_with('E')) {
        text.remove_prefix(1);
        if (text.starts_with('+') || text.starts_with('-')) {
            text.remove_prefix(1);
        }
        if (take_digits() == 0) {
            return false;
        }
    }
    return text.empty();
}

struct Number {
    std::int64_t count = 0;
    std::optional<Money> amount;
    friend bool operator==(const Number&, const Number&) = default;
};

/// Whether Boost.JSON 1.81 reads that number as the nearest double: beyond 2^53 its digits are
/// rounded before they are scaled; what is too small becomes 0; and 0e999 no number at all.
bool is_read_exactly(std::string_view text) {
    double value = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
    const auto exponent = std::min(text.find_first_of("eE"), text.size());
    const auto digits = std::ranges::count_if(text.substr(0, exponent), is_digit);
    return read.ec == std::errc() && digits <= 15 && text.size() - exponent <= 3;
}

/// A number means the same whether it comes as one or as a string.
void check_number(std::string_view text) {
    if (!is_read_exactly(text)) {
        return;
    }
    static const auto count = kernel::Fields<Number>().integer("n", &Number::count, 0);
    static const auto amount = kernel::Fields<Number>().money("n", &Number::amount);
    const std::string plain = R"({"n":)" + std::string(text) + "}";
    const std::string quoted = R"({"n":")" + std::string(text) + R"("})";
    for (const auto* table : {&count, &amount}) {
        // A negative zero is an amount as a number, and none as a text.
        if (table == &amount && text.starts_with('-')) {
            continue;
        }
        const auto number = table->read(with_body(plain));
        const auto string = table->read(with_body(quoted));
        require(
            number.has_value() == string.has_value() && (!number || *number == *string),
            "as a number " + plain + " is something else than as a string"
        );
    }
}

}  // namespace

void json(std::string_view input) {
    check_fields(input);
    check_event<order::Ordered>(input);
    check_event<inventory::DeliveryPrepared>(input);
    check_event<customer::Registered>(input);
    check_written(input);
    if (const auto money = Money::parse(input)) {
        check_amount(*money);
    }
    const auto cents = kernel::parse_integer(input);
    if (cents && *cents <= Money::max_cents) {
        check_amount(Money::from_cents(*cents));
    }
    if (input.size() <= 40 && is_json_number(input)) {
        check_number(input);
    }
}

}  // namespace bookstore::fuzz
