#include <fmt/format.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <utility>

#include "base/json.hpp"
#include "kernel/hal.hpp"
#include "kernel/schema.hpp"
#include "operations/parked_events.hpp"
#include "peers/forward.hpp"
#include "peers/overview.hpp"

// GET /parked of a split: what this process holds, then what its peers hold, in pages over all of
// it. The peers are asked how much they have, and then for the pages of theirs that are wanted.

namespace bookstore::peers {
namespace {

using http::Done;
using http::Request;

/// A page of this process' own, and what of it is still to come from others.
struct Listing {
    kernel::Page page;
    std::string filters;            ///< "&state=PARKED"
    std::vector<std::string> rows;  ///< as text
    std::int64_t total = 0;         ///< of all that answered
    std::vector<std::string> missing;
};

std::int64_t total_of(const boost::json::value& list) {
    return list.at("page").at("totalElements").to_number<std::int64_t>();
}

const boost::json::array& rows_of(const boost::json::value& list) {
    return list.at("_embedded").at("parked").as_array();
}

void note_silence(const Split& split, Listing& listing, const Told<Heard>& told) {
    if (!told.said) {
        listing.missing.push_back(
            fmt::format("what {} holds: {}", split.peers.state(told.peer).url, told.said.error())
        );
    }
}

http::Response shown(const Listing& listing, const Request& request) {
    std::string body;
    {
        const std::int64_t size = listing.page.size;
        const std::int64_t pages = (listing.total + size - 1) / size;
        json::Object list(body);
        {
            json::Object embedded = list.object("_embedded");
            json::Array rows = embedded.array("parked");
            for (const std::string& row : listing.rows) {
                rows.element(json::Raw{row});
            }
        }
        list.member(
            "_links",
            operations::parked_page_links(listing.page, listing.filters, pages, request.base_url())
        );
        list.member("page", kernel::PageNumbers{size, listing.total, pages, listing.page.number});
        if (!listing.missing.empty()) {
            list.member("missing", listing.missing);
        }
    }
    return kernel::hal_response(request, std::move(body));
}

/// Which rows of a peer's are wanted: a span of them, in pages of its own.
struct Wanted {
    std::int64_t begin = 0;
    std::int64_t end = 0;
};

/// What is wanted of each peer when so many rows stand before its own. `left`: how many more the
/// page has room for.
Wanted wanted_of(
    std::int64_t total, std::int64_t offset, std::int64_t& before, std::int64_t& left
) {
    const std::int64_t begin = std::clamp<std::int64_t>(offset - before, 0, total);
    const std::int64_t end = std::min(begin + left, total);
    before += total;
    left -= end - begin;
    return {begin, end};
}

/// Asks for those rows, and shows the page with them.
void ask_for_rows(
    Split& split,
    std::shared_ptr<Listing> listing,
    const std::vector<Told<Heard>>& totals,
    const Request& request,
    const Done& done
) {
    const std::int64_t size = listing->page.size;
    std::int64_t before = listing->total;  // of its own, so far
    std::int64_t left = size - static_cast<std::int64_t>(listing->rows.size());
    std::vector<Peers::Question> questions;
    auto wanted = std::make_shared<std::vector<Wanted>>();  // a question's: of the page it asks for
    for (const Told<Heard>& told : totals) {
        note_silence(split, *listing, told);
        if (!told.said) {
            continue;
        }
        const std::int64_t total = total_of(**told.said);
        listing->total += total;
        const Wanted rows = wanted_of(total, listing->page.offset(), before, left);
        for (std::int64_t at = rows.begin; at < rows.end; at = (at / size + 1) * size) {
            const std::int64_t page = at / size;
            questions.push_back(
                {told.peer, fmt::format("/parked?page={}&size={}{}", page, size, listing->filters)}
            );
            wanted->push_back({at - page * size, std::min(rows.end - page * size, size)});
        }
    }
    split.peers.ask<Heard>(
        questions,
        reads_shaped(split.parked),
        {},
        [&split, listing, wanted, &request, done](const std::vector<Told<Heard>>& told) {
            for (std::size_t place = 0; place < told.size(); ++place) {
                note_silence(split, *listing, told[place]);
                if (!told[place].said) {
                    continue;
                }
                const auto& rows = rows_of(**told[place].said);
                const auto end = std::min<std::int64_t>(
                    (*wanted)[place].end, static_cast<std::int64_t>(rows.size())
                );
                const LinksMoved links = links_to_here(split, told[place].peer, request);
                for (std::int64_t row = (*wanted)[place].begin; row < end; ++row) {
                    append_value(
                        listing->rows.emplace_back(), rows[static_cast<std::size_t>(row)], links
                    );
                }
            }
            done(shown(*listing, request));
        }
    );
}

/// The process' own page, whose query it has found to be good.
std::shared_ptr<Listing> listing_of(const std::string& own_body, const Request& request) {
    static constexpr std::string_view sortable[] = {"position"};
    auto listing = std::make_shared<Listing>();
    listing->page = kernel::read_page(request, sortable).value_or(kernel::Page{});
    listing->filters = request.parameter("state") ? "&state=PARKED" : "";
    const auto own = boost::json::parse(own_body);
    listing->total = total_of(own);
    for (const auto& row : rows_of(own)) {
        append_value(listing->rows.emplace_back(), row, {});
    }
    return listing;
}

}  // namespace

void parked_of_all(
    Split& split, const http::Handler& alone, const Request& request, const Done& done
) {
    if (const auto module = request.parameter("module")) {
        const std::string name(*module);
        if (split.system.find(name) != nullptr || !is_context(split, name)) {
            alone(request, done);
        } else {
            forward_to_context(split, name, request, done);
        }
        return;
    }
    alone(request, [&split, &request, done](http::Answer answer) {
        auto own = body_of(std::move(answer));
        if (!own) {
            done(std::move(own.error()));
            return;
        }
        auto listing = listing_of(*own, request);
        const std::string target = "/parked?page=0&size=1" + listing->filters;
        split.peers.ask_all<Heard>(
            target,
            reads_shaped(split.parked),
            {},
            [&split, listing, &request, done](const std::vector<Told<Heard>>& totals) {
                ask_for_rows(split, listing, totals, request, done);
            }
        );
    });
}

kernel::Schema parked_of_split(const kernel::Schema& alone) {
    boost::json::object list = alone.json().as_object();
    list["title"] = "HeldEventPageOfSplit";
    list["properties"].as_object()["missing"] = kernel::list_of(kernel::text_schema()).json();
    return list;
}

}  // namespace bookstore::peers
