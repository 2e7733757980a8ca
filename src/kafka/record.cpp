#include "kafka/record.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>

#include "base/clock.hpp"
#include "base/text.hpp"
#include "base/trace.hpp"

namespace bookstore::kafka {
namespace {

constexpr std::string_view spec_version = "1.0";
constexpr std::string_view content_type = "application/json";

/// Those that are read, in the order in which they are written.
constexpr std::array<std::string_view, 11> names{
    "ce_specversion",
    "ce_id",
    "ce_source",
    "ce_type",
    "ce_time",
    "content-type",
    "traceparent",
    "bookstore_trace",
    "sequence",
    "previous",
    "seen"
};

constexpr std::size_t index_of(std::string_view name) {
    return static_cast<std::size_t>(std::ranges::find(names, name) - names.begin());
}

bool is_small_hex(char letter) {
    return (letter >= '0' && letter <= '9') || (letter >= 'a' && letter <= 'f');
}

/// Every x of the pattern stands for a small hexadecimal digit.
bool fits(std::string_view text, std::string_view pattern) {
    return std::ranges::equal(text, pattern, [](char letter, char wanted) {
        return wanted == 'x' ? is_small_hex(letter) : letter == wanted;
    });
}

bool is_uuid(std::string_view text) {
    return fits(text, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx");
}

bool is_traceparent(std::string_view text) {
    return fits(text, "xx-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx-xxxxxxxxxxxxxxxx-xx");
}

/// The trace whose traceparent that most likely is: 15 digits where they would make it.
std::string trace_of(std::string_view traceparent) {
    constexpr std::size_t made_at = 20;  // behind "00-" and 17 digits of padding
    constexpr std::size_t made_size = 15;
    const std::string_view made = traceparent.substr(made_at, made_size);
    return std::string(traceparent_of(made) == traceparent ? made : traceparent);
}

/// The whole text, in the way we write numbers.
std::optional<std::int64_t> parse_number(std::string_view text) {
    std::int64_t number = 0;
    const char* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, number);
    if (error != std::errc() || rest != end || std::string_view(Digits(number)) != text) {
        return std::nullopt;
    }
    return number;
}

void append_trace(std::vector<Header>& headers, const std::string& trace) {
    const std::string traceparent = traceparent_of(trace);
    const bool told = is_traceparent(traceparent);
    if (told) {
        headers.push_back({"traceparent", traceparent});
    }
    if (!trace.empty() && (!told || trace_of(traceparent) != trace)) {
        headers.push_back({"bookstore_trace", trace});
    }
}

/// Reads one record's headers; the first thing that is wrong is kept.
class Reader {
  public:
    explicit Reader(std::span<const HeaderView> headers) {
        for (const HeaderView& header : headers) {
            const std::size_t index = index_of(header.name);
            if (index == names.size()) {
                continue;  // somebody on the way may add some
            }
            if (values_[index]) {
                wrong(fmt::format("there are two headers {}", header.name));
            }
            values_[index] = header.value;
        }
    }

    std::optional<std::string_view> find(std::string_view name) const {
        return values_[index_of(name)];
    }
    std::string_view get(std::string_view name) {
        const auto value = find(name);
        if (!value) {
            wrong(fmt::format("the header {} is missing", name));
        }
        return value.value_or(std::string_view());
    }
    void require(bool good, std::string_view name) {
        if (!good) {
            wrong(fmt::format("the header {} is \"{:.80}\"", name, get(name)));
        }
    }
    void wrong(std::string why) {
        if (flaw_.empty()) {
            flaw_ = std::move(why);
        }
    }
    const std::string& flaw() const { return flaw_; }

  private:
    std::array<std::optional<std::string_view>, names.size()> values_;
    std::string flaw_;
};

std::string read_trace(Reader& reader) {
    const auto traceparent = reader.find("traceparent");
    reader.require(!traceparent || is_traceparent(*traceparent), "traceparent");
    if (const auto trace = reader.find("bookstore_trace")) {
        return std::string(*trace);
    }
    return traceparent && reader.flaw().empty() ? trace_of(*traceparent) : std::string();
}

bus::View read_view(Reader& reader) {
    const std::string_view text = reader.get("seen");
    const std::size_t colon = std::min(text.find(':'), text.size());
    const auto length = parse_number(text.substr(0, colon));
    const std::string_view hash = text.substr(std::min(colon + 1, text.size()));
    // Of nothing there is no hash, and of something there is one.
    const bool good =
        colon < text.size() && length && *length >= 0 && (*length == 0) == hash.empty();
    reader.require(good, "seen");
    return {.length = length.value_or(0), .hash = std::string(hash)};
}

void read_event(Reader& reader, bus::Envelope& event) {
    const std::string_view source = reader.get("ce_source");
    reader.require(source.size() > 1 && source.front() == '/', "ce_source");
    event.source = source.substr(std::min<std::size_t>(1, source.size()));
    event.type = reader.get("ce_type");
    reader.require(!event.type.empty(), "ce_type");
    const auto time_ms = parse_cloud_event_time(reader.get("ce_time"));
    reader.require(time_ms.has_value(), "ce_time");
    event.time_ms = time_ms.value_or(0);
    const auto sequence = parse_number(reader.get("sequence"));
    reader.require(sequence && *sequence > 0, "sequence");
    event.source_position = sequence.value_or(0);
    event.trace = read_trace(reader);
}

}  // namespace

std::vector<Header> headers_of(const bus::Record& record) {
    const bus::Envelope& event = record.event;
    std::vector<Header> headers;
    headers.reserve(names.size());
    headers.push_back({"ce_specversion", std::string(spec_version)});
    headers.push_back({"ce_id", record.id});
    headers.push_back({"ce_source", "/" + event.source});
    headers.push_back({"ce_type", event.type});
    headers.push_back({"ce_time", cloud_event_time(event.time_ms)});
    headers.push_back({"content-type", std::string(content_type)});
    append_trace(headers, event.trace);
    headers.push_back({"sequence", fmt::to_string(event.source_position)});
    if (!record.previous.empty()) {
        headers.push_back({"previous", record.previous});
    }
    headers.push_back({"seen", fmt::format("{}:{}", record.seen.length, record.seen.hash)});
    return headers;
}

std::expected<bus::Record, std::string> record_of(
    std::string_view key, std::optional<std::string_view> value, std::span<const HeaderView> headers
) {
    Reader reader(headers);
    bus::Record record;
    reader.require(reader.get("ce_specversion") == spec_version, "ce_specversion");
    record.id = reader.get("ce_id");
    reader.require(is_uuid(record.id), "ce_id");
    read_event(reader, record.event);
    reader.require(reader.get("content-type") == content_type, "content-type");
    record.previous = reader.find("previous").value_or(std::string_view());
    reader.require(record.previous.empty() || is_uuid(record.previous), "previous");
    record.seen = read_view(reader);
    if (!value) {
        reader.wrong("it has no value");
    }
    if (!reader.flaw().empty()) {
        return std::unexpected(reader.flaw());
    }
    record.event.key = key;
    record.event.payload = *value;
    return record;
}

std::string cloud_event_time(std::int64_t wall_ms) {
    return iso_milliseconds(wall_ms) + "Z";
}

std::optional<std::int64_t> parse_cloud_event_time(std::string_view text) {
    using namespace std::chrono;
    constexpr std::string_view pattern = "dddd-dd-ddTdd:dd:dd.dddZ";
    const bool good = std::ranges::equal(text, pattern, [](char letter, char wanted) {
        return wanted == 'd' ? letter >= '0' && letter <= '9' : letter == wanted;
    });
    if (!good) {
        return std::nullopt;
    }
    const auto number = [text](std::size_t at, std::size_t digits) {
        int value = 0;
        std::from_chars(text.data() + at, text.data() + at + digits, value);
        return value;
    };
    const year_month_day date(
        year(number(0, 4)),
        month(static_cast<unsigned>(number(5, 2))),
        day(static_cast<unsigned>(number(8, 2)))
    );
    if (!date.ok() || number(11, 2) > 23 || number(14, 2) > 59 || number(17, 2) > 59) {
        return std::nullopt;
    }
    const milliseconds time = hours(number(11, 2)) + minutes(number(14, 2)) +
                              seconds(number(17, 2)) + milliseconds(number(20, 3));
    return (sys_days(date).time_since_epoch() + time).count();
}

}  // namespace bookstore::kafka
