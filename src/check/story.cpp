#include "check/story.hpp"

#include <limits>
#include <utility>

namespace bookstore::check {
namespace {

constexpr std::int64_t no_more = std::numeric_limits<std::int64_t>::max();

/// A table's rows in the order of their orders, taken an order at a time.
template <class Row>
class ByOrder {
  public:
    /// Without a file there are none.
    explicit ByOrder(const SqliteFile* file) {
        if (file != nullptr) {
            rows_.emplace(file->rows(Row::sql));
            read();
        }
    }

    /// The order of the next row.
    std::int64_t next_order() const { return next_ ? next_->order() : no_more; }
    /// Those of that order, which is the least one of all that are left.
    void take(std::int64_t order, std::vector<Row>& into) {
        into.clear();
        while (next_order() == order) {
            into.push_back(std::move(*next_));
            read();
        }
    }

  private:
    void read() { next_ = rows_->next() ? std::optional(Row::in(*rows_)) : std::nullopt; }

    std::optional<SqliteFile::Rows> rows_;
    std::optional<Row> next_;
};

/// Takes the rows of that order from the front.
template <class Row>
std::span<const Row> take_front(std::span<const Row>& rows, std::int64_t order) {
    const auto end = std::ranges::find_if(rows, [&](const Row& row) { return row.order != order; });
    const auto front = rows.first(static_cast<std::size_t>(end - rows.begin()));
    rows = rows.subspan(front.size());
    return front;
}

}  // namespace

const SqliteFile* find_file(const Files& files, std::string_view context) {
    const auto found = files.find(context);
    return found == files.end() ? nullptr : found->second;
}

struct Stories::Tables {
    explicit Tables(const Files& files)
        : orders(find_file(files, "order")),
          deliverables(find_file(files, "inventory")),
          deliveries(find_file(files, "delivery")),
          payments(find_file(files, "payment")),
          pages(find_file(files, "customer")),
          histories(find_file(files, "payment_history")) {}

    std::int64_t next_order() const {
        return std::min(
            {orders.next_order(),
             deliverables.next_order(),
             deliveries.next_order(),
             payments.next_order(),
             pages.next_order(),
             histories.next_order()}
        );
    }

    ByOrder<OrderRow> orders;
    ByOrder<DeliverableRow> deliverables;
    ByOrder<DeliveryRow> deliveries;
    ByOrder<PaymentRow> payments;
    ByOrder<MyPageRow> pages;
    ByOrder<HistoryRow> histories;
};

Stories::Stories(const Files& files, const Log& log)
    : tables_(std::make_unique<Tables>(files)), facts_(log.facts), ordered_(log.ordered) {}

Stories::~Stories() = default;

const Story* Stories::next() {
    const std::int64_t of_facts = facts_.empty() ? no_more : facts_.front().order;
    const std::int64_t id = std::min(tables_->next_order(), of_facts);
    if (id == no_more) {
        return nullptr;
    }
    story_.id = id;
    tables_->orders.take(id, story_.orders);
    tables_->deliverables.take(id, story_.deliverables);
    tables_->deliveries.take(id, story_.deliveries);
    tables_->payments.take(id, story_.payments);
    tables_->pages.take(id, story_.pages);
    tables_->histories.take(id, story_.histories);
    story_.facts = take_front(facts_, id);
    story_.ordered = take_front(ordered_, id);
    return &story_;
}

}  // namespace bookstore::check
