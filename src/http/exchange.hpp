#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

#include "http/message.hpp"

// One request and its answer, and how the answer gets from the thread that gives it to the
// connection's thread.

namespace bookstore::http {

class Exchange;

/// The message of a 500: the details are for the log.
inline constexpr std::string_view internal_error =
    "Internal Server Error: the server's log says more, under the answer's X-Request-Id.";

/// A counted reference to an Exchange. Intrusive, so that a connection can see that nobody else
/// holds its exchange any more and use it again.
class ExchangeRef {
  public:
    ExchangeRef() = default;
    explicit ExchangeRef(Exchange* exchange);
    ExchangeRef(const ExchangeRef& other) : ExchangeRef(other.exchange_) {}
    ExchangeRef(ExchangeRef&& other) noexcept
        : exchange_(std::exchange(other.exchange_, nullptr)) {}
    ExchangeRef& operator=(ExchangeRef other) noexcept {
        std::swap(exchange_, other.exchange_);
        return *this;
    }
    ~ExchangeRef();

    Exchange* get() const { return exchange_; }
    Exchange* operator->() const { return exchange_; }
    Exchange& operator*() const { return *exchange_; }
    explicit operator bool() const { return exchange_ != nullptr; }

  private:
    Exchange* exchange_ = nullptr;
};

/// Brings exchanges from any thread to an I/O thread, many with one wake-up. Thread-safe.
class Mailbox : public std::enable_shared_from_this<Mailbox> {
  public:
    /// `wake` has the I/O thread call deliver(); it is called with the mailbox locked.
    explicit Mailbox(std::function<void()> wake) : wake_(std::move(wake)) {}

    void push(ExchangeRef exchange);
    /// Wakes for what was pushed without a wake-up.
    void wake();
    /// On the I/O thread: tells every exchange in it that it arrived.
    void deliver();
    /// From now on what is pushed is dropped; `wake` is not called any more.
    void close();

  private:
    std::mutex mutex_;
    std::vector<ExchangeRef> letters_;
    std::vector<ExchangeRef> opened_;  ///< of the I/O thread alone
    std::function<void()> wake_;
    bool open_ = true;
};

/// The connection's side of an exchange.
class Answerable {
  public:
    virtual void ring() = 0;

  protected:
    ~Answerable() = default;
};

/// A request that is being answered. What is not marked otherwise belongs to the I/O thread.
class Exchange {
  public:
    /// `owner` outlives the exchange's use or is taken off with forget_owner().
    Exchange(std::shared_ptr<Mailbox> mailbox, Answerable& owner)
        : mailbox_(std::move(mailbox)), owner_(&owner) {}

    Request request;

    /// Makes it new for the next request, memory kept.
    void reset();
    bool is_shared() const { return references_.load(std::memory_order_acquire) > 1; }
    void forget_owner() { owner_ = nullptr; }

    /// Calls the function with this exchange's Done. An answer given within the call is there when
    /// it returns, without a wake-up through the mailbox. What the function throws is a 500, and
    /// goes on.
    void dispatch(const std::function<void(Request&, Done)>& handler, const ExchangeRef& self);

    /// Whether take_answer() has something.
    bool is_answered() const { return arrived_; }
    Answer take_answer() { return std::move(answer_); }
    /// Whether all copies of Done were destroyed without a call; the answer is a 500 then.
    bool was_given_up() const { return given_up_; }

    /// Any thread: the first one counts.
    void answer(Answer answer);
    /// Any thread: rings the owner soon; calls until then count as one.
    void wake();
    /// Called by the mailbox.
    void deliver();

  private:
    friend class ExchangeRef;
    class Reply;
    enum class State { open, claimed, given };

    std::atomic<unsigned> references_{0};
    std::atomic<unsigned> promises_{0};  ///< copies of Done that are left
    std::atomic<State> state_{State::open};
    std::atomic<bool> woken_{false};
    std::shared_ptr<Mailbox> mailbox_;
    Answerable* owner_;
    Answer answer_;  ///< of the answering thread, then of the I/O thread
    bool arrived_ = false;
    bool given_up_ = false;  ///< as answer_
};

}  // namespace bookstore::http
