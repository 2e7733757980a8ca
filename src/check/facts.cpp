#include "check/facts.hpp"

#include <algorithm>
#include <boost/json/monotonic_resource.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <cmath>
#include <functional>

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

constexpr unsigned bit(Type type) {
    return 1U << static_cast<unsigned>(type);
}

constexpr unsigned payments =
    bit(Type::payed) | bit(Type::payment_failed) | bit(Type::payment_canceled);
constexpr unsigned orders = bit(Type::ordered) | bit(Type::order_canceled);

/// Who follows what (domain.md's policies).
struct Follower {
    std::string_view subscription;
    unsigned types;
};
constexpr std::array<Follower, contexts> followers{
    {{"my-page",
      orders | bit(Type::delivery_prepared) | bit(Type::delivery_status_changed) | payments},
     {"inventory", orders},
     {"order", bit(Type::delivery_prepared) | bit(Type::delivery_status_changed)},
     {"delivery", orders | bit(Type::delivery_prepared)},
     {"payment", orders},
     {"payment-history", payments},
     {"", 0}}
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

/// "order-5" -> 5.
std::optional<std::int64_t> order_of(std::string_view key) {
    constexpr std::string_view prefix = "order-";
    std::int64_t order = 0;
    if (!key.starts_with(prefix)) {
        return std::nullopt;
    }
    const char* end = key.data() + key.size();
    const auto read = std::from_chars(key.data() + prefix.size(), end, order);
    return read.ec == std::errc() && read.ptr == end ? std::optional(order) : std::nullopt;
}

/// The key that an event with that payload must have.
std::string key_of(const boost::json::object& payload) {
    for (const std::string_view kind : {"order", "book", "customer"}) {
        const std::string name = fmt::format("{}Id", kind);
        if (payload.contains(name)) {
            return fmt::format("{}-{}", kind, integer(payload, name));
        }
    }
    return "none";
}

class LogReader {
  public:
    LogReader(const SqliteFile& topic, Findings& findings) : topic_(topic), findings_(findings) {}

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
        if (position != log_.end + 1) {
            findings_.add("the topic has no position {}, but {}", log_.end + 1, position);
        }
        log_.end = position;
        ++log_.events;
        std::int64_t& before = last_.try_emplace(row.string(2), 0).first->second;
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
        const auto* said = payload.if_contains("eventType");
        if (said == nullptr || !said->is_string() ||
            std::string_view(said->get_string()) != row.text(1) || row.text(4) != key_of(payload)) {
            findings_.add(
                "topic {}: {} {} holds another event", position, row.text(1), row.text(4)
            );
        }
        const Type type = type_of(row.text(1));
        if (payload.contains("orderId")) {
            take_of_order(type, position, row.integer(5), payload);
            return;
        }
        switch (type) {
            case Type::registered:
                ++log_.registered[integer(payload, "customerId")];
                break;
            case Type::deleted:
                ++log_.deleted[integer(payload, "customerId")];
                break;
            case Type::book_registered:
                ++log_.books_registered[integer(payload, "bookId")];
                break;
            case Type::book_deleted:
                ++log_.books_deleted[integer(payload, "bookId")];
                break;
            default:
                break;
        }
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
            if (last != rows.integer(1)) {
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
    std::map<std::string, std::int64_t, std::less<>> last_;
    std::array<unsigned char, 8192> buffer_{};
};

void read_outbox(
    const SqliteFile& file, std::int64_t relayed, Pending& pending, std::int64_t& unrelayed
) {
    auto rows = file.rows(
        fmt::format("SELECT key, type FROM outbox WHERE position > {} ORDER BY position", relayed)
    );
    while (rows.next()) {
        ++unrelayed;
        const auto order = order_of(rows.text(0));
        if (!order) {
            pending.others_on_their_way.insert(rows.string(0));
            continue;
        }
        pending.on_their_way.insert(*order);
        if (type_of(rows.text(1)) == Type::ordered) {
            pending.ordered_on_their_way.insert(*order);
        }
    }
}

}  // namespace

std::string_view name_of(Type type) {
    return type == Type::unknown ? "an unknown event" : type_names[static_cast<std::size_t>(type)];
}

Type type_of(std::string_view name) {
    const auto found = std::ranges::find(type_names, name);
    return found == type_names.end() ? Type::unknown
                                     : static_cast<Type>(found - type_names.begin());
}

std::uint8_t Words::number_of(std::string_view word) {
    const auto found = std::ranges::find(words_, word);
    if (found != words_.end()) {
        return static_cast<std::uint8_t>(found - words_.begin());
    }
    if (words_.size() > UINT8_MAX) {  // the contract has about ten
        return 0;
    }
    words_.emplace_back(word);
    return static_cast<std::uint8_t>(words_.size() - 1);
}

std::size_t hash_of_texts(std::string_view address, const std::optional<std::string>& pay_type) {
    std::string both(address);
    both += pay_type ? '\1' : '\0';
    return std::hash<std::string>{}(both + pay_type.value_or(""));
}

Log read_log(const SqliteFile& topic, Findings& findings) {
    return LogReader(topic, findings).run();
}

bool Pending::handled(Context context, const Fact& fact) const {
    const auto place = static_cast<std::size_t>(context);
    if (fact.position > cursor[place]) {
        return false;
    }
    const auto first_held = held[place].find(fact.order);
    return first_held == held[place].end() || fact.position < first_held->second;
}

bool Pending::awaited(const Fact& fact) const {
    for (std::size_t place = 0; place < contexts; ++place) {
        const bool follows = (followers[place].types & bit(fact.type)) != 0;
        if (follows && !handled(static_cast<Context>(place), fact)) {
            return true;
        }
    }
    return false;
}

void read_bus(
    const SqliteFile& file,
    Context context,
    const Log& log,
    bool at_rest,
    Pending& pending,
    Findings& findings
) {
    const auto place = static_cast<std::size_t>(context);
    const std::string_view name = context_names[place];
    const auto found = log.relayed.find(name);
    const std::int64_t relayed = found == log.relayed.end() ? 0 : found->second;
    const std::int64_t published =
        file.number("SELECT seq FROM sqlite_sequence WHERE name = 'outbox'");
    std::int64_t unrelayed = 0;
    read_outbox(file, relayed, pending, unrelayed);
    pending.unrelayed += unrelayed;
    if (published < relayed) {
        findings.add(
            "{} published up to {}, but {} were relayed: the files are from different moments",
            name,
            published,
            relayed
        );
    } else if (published - relayed != unrelayed) {
        findings.add(
            "{} published up to {}, {} were relayed, and {} wait: some are lost",
            name,
            published,
            relayed,
            unrelayed
        );
    } else if (at_rest && unrelayed != 0) {
        findings.add("{} published {} that were not relayed", name, unrelayed);
    }

    auto held = file.rows("SELECT subscription, key, type, parked, position FROM held");
    while (held.next()) {
        if (at_rest) {
            findings.add("{} holds {} of {}", held.text(0), held.text(2), held.text(1));
        }
        ++pending.held_events;
        pending.parked_events += held.integer(3);
        const auto order = order_of(held.text(1));
        if (order && held.text(0) == followers[place].subscription) {
            const auto first = pending.held[place].try_emplace(*order, held.integer(4)).first;
            first->second = std::min(first->second, held.integer(4));
        }
    }
    if (file.number("SELECT count(*) FROM sqlite_schema WHERE name = 'skipped'") != 0) {
        auto skipped = file.rows("SELECT key FROM skipped");
        while (skipped.next()) {
            if (const auto order = order_of(skipped.text(0))) {
                pending.skipped.insert(*order);
            }
        }
    }
    auto cursors = file.rows("SELECT name, position FROM subscription");
    while (cursors.next()) {
        if (cursors.integer(1) > log.end) {
            findings.add(
                "{} stands at {}, beyond the topic's end {}: the files are from different moments",
                cursors.text(0),
                cursors.integer(1),
                log.end
            );
        }
        if (cursors.text(0) == followers[place].subscription) {
            pending.cursor[place] = cursors.integer(1);
        } else if (at_rest && cursors.text(0).ends_with(".rebuild")) {
            findings.add("{} was left behind", cursors.text(0));
        }
    }
}

}  // namespace bookstore::check
