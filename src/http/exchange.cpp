#include "http/exchange.hpp"

#include <cstddef>
#include <utility>

#include "http/answer_batch.hpp"

namespace bookstore::http {

namespace {

constexpr std::size_t kept_body_bytes = 4096;

/// The exchange whose handler this thread is inside of.
thread_local const Exchange* dispatching = nullptr;

/// This thread has an AnswerBatch; the mailboxes that it is to wake.
thread_local bool batching = false;
thread_local std::vector<std::weak_ptr<Mailbox>> to_wake;

}  // namespace

AnswerBatch::AnswerBatch() : outermost_(!std::exchange(batching, true)) {}

AnswerBatch::~AnswerBatch() {
    if (!outermost_) {
        return;
    }
    batching = false;
    for (const auto& mailbox : to_wake) {
        if (const auto there = mailbox.lock()) {
            there->wake();
        }
    }
    to_wake.clear();
}

ExchangeRef::ExchangeRef(Exchange* exchange) : exchange_(exchange) {
    if (exchange_ != nullptr) {
        exchange_->references_.fetch_add(1, std::memory_order_relaxed);
    }
}

ExchangeRef::~ExchangeRef() {
    if (exchange_ == nullptr) {
        return;
    }
    if (exchange_->references_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        delete exchange_;
    }
}

void Mailbox::push(ExchangeRef exchange) {
    const std::lock_guard lock(mutex_);
    if (!open_) {
        return;
    }
    letters_.push_back(std::move(exchange));
    if (letters_.size() > 1) {
        return;
    }
    if (batching) {
        to_wake.push_back(weak_from_this());
    } else {
        wake_();
    }
}

void Mailbox::wake() {
    const std::lock_guard lock(mutex_);
    if (open_) {
        wake_();
    }
}

void Mailbox::deliver() {
    {
        const std::lock_guard lock(mutex_);
        letters_.swap(opened_);
    }
    for (const ExchangeRef& letter : opened_) {
        letter->deliver();
    }
    opened_.clear();
}

void Mailbox::close() {
    std::vector<ExchangeRef> dropped;  // outlives the lock: what it holds may call push
    const std::lock_guard lock(mutex_);
    open_ = false;
    letters_.swap(dropped);
}

/// Done. If all copies are destroyed without a call, a handler has forgotten its request: the
/// client gets a 500 instead of waiting for ever.
class Exchange::Reply {
  public:
    explicit Reply(ExchangeRef exchange) : exchange_(std::move(exchange)) { count(); }
    Reply(const Reply& other) : exchange_(other.exchange_) { count(); }
    Reply(Reply&& other) noexcept = default;
    Reply& operator=(const Reply&) = delete;
    Reply& operator=(Reply&&) = delete;
    ~Reply() {
        if (!exchange_) {
            return;
        }
        const auto left = exchange_->promises_.fetch_sub(1, std::memory_order_acq_rel);
        if (left == 1 && exchange_->state_.load(std::memory_order_acquire) == State::open) {
            exchange_->given_up_ = true;
            exchange_->answer(Problem{500, std::string(internal_error), {}, {}});
        }
    }

    void operator()(Answer answer) const { exchange_->answer(std::move(answer)); }

  private:
    void count() const { exchange_->promises_.fetch_add(1, std::memory_order_relaxed); }

    ExchangeRef exchange_;
};

void Exchange::reset() {
    request.method = Method::get;
    request.target.clear();
    request.path.clear();
    request.literal_slashes.clear();
    request.query.clear();
    request.captures.clear();
    request.headers.clear();
    if (request.body.capacity() > kept_body_bytes) {
        request.body = std::string();
    }
    request.body.clear();
    request.scheme = "http";
    request.host.clear();
    request.replaced_host.clear();
    request.prefix.clear();
    request.id.clear();
    request.trace.clear();
    request.arrived_ms = 0;
    request.foreign_name = false;
    request.rate.reset();
    request.route = 0;
    request.guarded = false;
    request.identity.reset();
    request.customer = 0;
    request.prefers_json = false;
    request.prefers_schema = false;
    request.negotiated = false;
    state_.store(State::open, std::memory_order_relaxed);
    woken_.store(false, std::memory_order_relaxed);
    answer_ = Answer();
    arrived_ = false;
    given_up_ = false;
}

void Exchange::dispatch(
    const std::function<void(Request&, Done)>& handler, const ExchangeRef& self
) {
    const struct Inside {
        explicit Inside(const Exchange* exchange) { dispatching = exchange; }
        ~Inside() { dispatching = nullptr; }
    } inside(this);
    // Kept over the call: that a handler throws is not also that it dropped its request.
    const Reply reply(self);
    try {
        handler(request, reply);
    } catch (...) {
        answer(Problem{500, std::string(internal_error), {}, {}});
        throw;
    }
}

void Exchange::answer(Answer answer) {
    State open = State::open;
    if (!state_.compare_exchange_strong(open, State::claimed, std::memory_order_acq_rel)) {
        return;
    }
    answer_ = std::move(answer);
    state_.store(State::given, std::memory_order_release);
    if (dispatching == this) {
        arrived_ = true;
    } else {
        mailbox_->push(ExchangeRef(this));
    }
}

void Exchange::wake() {
    if (!woken_.exchange(true, std::memory_order_acq_rel)) {
        mailbox_->push(ExchangeRef(this));
    }
}

void Exchange::deliver() {
    woken_.store(false, std::memory_order_release);
    if (state_.load(std::memory_order_acquire) == State::given) {
        arrived_ = true;
    }
    if (owner_ != nullptr) {
        owner_->ring();
    }
}

}  // namespace bookstore::http
