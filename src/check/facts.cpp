#include "check/facts.hpp"

#include <algorithm>
#include <array>
#include <boost/json/monotonic_resource.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cmath>
#include <functional>
#include <utility>

#include "base/key.hpp"

namespace bookstore::check {
namespace {

constexpr std::array<std::string_view, 13> type_names{
    "Registered",
    "Changed",
    "Deleted",
    "BookRegistered",
    "BookDeleted",
    "InventoryIncreased",
    "Ordered",
    "OrderCanceled",
    "DeliveryPrepared",
    "DeliveryStatusChanged",
    "Payed",
    "PaymentFailed",
    "PaymentCanceled"
};

std::string text(const boost::json::object& payload, std::string_view name) {
    const auto* value = payload.if_contains(name);
    if (value == nullptr) {
        return "missing";
    }
    return value->is_string() ? std::string(value->get_string()) : boost::json::serialize(*value);
}

std::int64_t integer(const boost::json::object& payload, std::string_view name) {
    const auto* value = payload.if_contains(name);
    return value != nullptr && value->is_int64() ? value->get_int64() : 0;
}

std::optional<std::int64_t> cents(const boost::json::object& payload, std::string_view name) {
    const auto* value = payload.if_contains(name);
    if (value == nullptr || !value->is_number()) {
        return std::nullopt;
    }
    return std::llround(value->to_number<double>() * 100);
}

std::optional<std::string> optional_text(
    const boost::json::object& payload, std::string_view name
) {
    const auto* value = payload.if_contains(name);
    return value == nullptr || !value->is_string() ? std::nullopt
                                                   : std::optional(text(payload, name));
}

/// What an event of no declared type is about: "order", "book", "customer"; or nothing.
std::string_view kind_in(const boost::json::object& payload) {
    for (const std::string_view kind : {"order", "book", "customer"}) {
        if (payload.contains(fmt::format("{}Id", kind))) {
            return kind;
        }
    }
    return {};
}

/// The id of what an event is about that is about such a `kind`. An event about what its own
/// context made may call it just id.
std::optional<std::int64_t> id_in(const boost::json::object& payload, std::string_view kind) {
    if (const std::string name = fmt::format("{}Id", kind); payload.contains(name)) {
        return integer(payload, name);
    }
    const bool may_be_its_own = !kind.empty() && kind != "order";  // an order's events name theirs
    return may_be_its_own && payload.contains("id") ? std::optional(integer(payload, "id"))
                                                    : std::nullopt;
}

constexpr Type numbered(std::uint8_t other) {
    return static_cast<Type>(static_cast<std::uint16_t>(Type::unknown) + other);
}
static_assert(static_cast<std::size_t>(numbered(UINT8_MAX)) < most_types);

std::optional<Type> known_type(std::string_view name) {
    const auto found = std::ranges::find(type_names, name);
    return found == type_names.end() ? std::nullopt
                                     : std::optional(static_cast<Type>(found - type_names.begin()));
}

class LogReader {
  public:
    LogReader(const SqliteFile& topic, const std::vector<ContextFile>& contexts, Findings& findings)
        : topic_(topic), findings_(findings) {
        for (const ContextFile& context : contexts) {
            for (const PublishedType& published : context.publishes) {
                key_kinds_[number(published.type)] = published.key_kind;
            }
        }
    }

    Log run() {
        auto rows = topic_.rows(
            "SELECT position, type, source, source_position, key, time, payload FROM event "
            "ORDER BY position"
        );
        while (rows.next()) {
            take(rows);
        }
        check_relayed();
        std::ranges::sort(log_.facts, [](const Fact& a, const Fact& b) {
            return a.order != b.order ? a.order < b.order : a.position < b.position;
        });
        std::ranges::stable_sort(log_.ordered, {}, &OrderedFact::order);
        return std::move(log_);
    }

  private:
    void take(const SqliteFile::Rows& row) {
        const std::int64_t position = row.integer(0);
        if (log_.events == 0) {
            log_.begin = position;
            log_.end = position - 1;
        }
        if (position != log_.end + 1) {
            findings_.add("the topic has no position {}, but {}", log_.end + 1, position);
        }
        log_.end = position;
        ++log_.events;
        // Of a log that was cut it is not known what a source had published before.
        std::int64_t& before =
            last_.try_emplace(row.string(2), log_.begin > 1 ? row.integer(3) - 1 : 0).first->second;
        if (row.integer(3) != before + 1) {
            findings_.add(
                "topic {}: {} has {} behind {}", position, row.text(2), row.integer(3), before
            );
        }
        before = row.integer(3);

        boost::json::monotonic_resource memory(buffer_.data(), buffer_.size());
        boost::json::error_code error;
        const auto payload = boost::json::parse(row.text(6), error, &memory);
        if (error || !payload.is_object()) {
            findings_.add("topic {}: its payload is no JSON object", position);
            return;
        }
        take(row, position, payload.get_object());
    }

    void take(
        const SqliteFile::Rows& row, std::int64_t position, const boost::json::object& payload
    ) {
        const auto* event_type = payload.if_contains("eventType");
        const Type type = number(row.text(1));
        const auto declared = key_kinds_.find(type);
        const std::string_view kind =
            declared == key_kinds_.end() ? kind_in(payload) : declared->second;
        const auto id = id_in(payload, kind);
        if (event_type == nullptr || !event_type->is_string() ||
            std::string_view(event_type->get_string()) != row.text(1) || !id ||
            row.text(4) != text_of(Key{kind, *id})) {
            findings_.add(
                "topic {}: {} {} holds another event", position, row.text(1), row.text(4)
            );
        }
        if (!id) {
            return;
        }
        if (kind == "order") {
            take_of_order(type, position, row.integer(5), payload);
        } else {
            ++log_.times[type][*id];
        }
    }

    Type number(std::string_view type) {
        const auto known = known_type(type);
        return known ? *known : numbered(log_.other_types.number_of(type));
    }

    void take_of_order(
        Type type, std::int64_t position, std::int64_t time_ms, const boost::json::object& payload
    ) {
        Fact fact{integer(payload, "orderId"), position, 0, type, 0};
        if (type == Type::ordered) {
            log_.ordered.push_back(
                {.order = fact.order,
                 .book = integer(payload, "bookId"),
                 .customer = integer(payload, "customerId"),
                 .quantity = integer(payload, "quantity"),
                 .amount = cents(payload, "payAmount"),
                 .time_ms = time_ms,
                 .texts = hash_of_texts(
                     text(payload, "deliveryAddress"), optional_text(payload, "payType")
                 )}
            );
            fact.status = log_.words.number_of(text(payload, "orderStatus"));
        } else if (type == Type::delivery_status_changed) {
            fact.subject = integer(payload, "id");
            fact.status = log_.words.number_of(text(payload, "deliveryStatus"));
        } else if (payload.contains("payStatus")) {
            fact.subject = integer(payload, "paymentId");
            fact.status = log_.words.number_of(text(payload, "payStatus"));
        }
        log_.facts.push_back(fact);
    }

    void check_relayed() {
        auto rows = topic_.rows("SELECT source, position FROM relayed");
        while (rows.next()) {
            const auto found = last_.find(rows.text(0));
            const std::int64_t last = found == last_.end() ? 0 : found->second;
            if (last != rows.integer(1) && (found != last_.end() || log_.begin == 1)) {
                findings_.add(
                    "{}: relayed {}, in the topic {}", rows.text(0), rows.integer(1), last
                );
            }
            log_.relayed[rows.string(0)] = rows.integer(1);
        }
        for (const auto& [source, last] : last_) {
            if (!log_.relayed.contains(source)) {
                findings_.add("{}: {} in the topic, none relayed", source, last);
            }
        }
    }

    const SqliteFile& topic_;
    Findings& findings_;
    Log log_;
    std::map<Type, std::string> key_kinds_;  ///< of the types that contexts declared
    std::map<std::string, std::int64_t, std::less<>> last_;
    std::array<unsigned char, 8192> buffer_{};
};

}  // namespace

std::string_view name_of(Type type) {
    return type >= Type::unknown ? "an unknown event" : type_names[static_cast<std::size_t>(type)];
}

std::uint8_t Words::find(std::string_view word) const {
    const auto found = std::ranges::find(words_, word);
    return found == words_.end() ? 0 : static_cast<std::uint8_t>(found - words_.begin());
}

std::uint8_t Words::number_of(std::string_view word) {
    const std::uint8_t number = find(word);
    if (number != 0 || words_.size() > UINT8_MAX) {  // the contract has about ten
        return number;
    }
    words_.emplace_back(word);
    return static_cast<std::uint8_t>(words_.size() - 1);
}

std::size_t hash_of_texts(std::string_view address, const std::optional<std::string>& pay_type) {
    std::string both(address);
    both += pay_type ? '\1' : '\0';
    return std::hash<std::string>{}(both + pay_type.value_or(""));
}

Type Log::type_of(std::string_view name) const {
    return known_type(name).value_or(numbered(other_types.find(name)));
}

const Times& Log::times_of(std::string_view type) const {
    static const Times none;
    const auto found = times.find(type_of(type));
    return found == times.end() ? none : found->second;
}

Log read_log(
    const SqliteFile& topic, const std::vector<ContextFile>& contexts, Findings& findings
) {
    return LogReader(topic, contexts, findings).run();
}

}  // namespace bookstore::check
