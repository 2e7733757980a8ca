#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "http/peer.hpp"
#include "http/token_file.hpp"

namespace bookstore::peers {

/// A request that has it comes from another process of the split, and is answered from this one
/// alone: so that nothing goes in circles.
constexpr std::string_view asked_by_peer = "Bookstore-Peer";
/// On the answers to those: which process answered. One that is named among its own peers, so that
/// all may be given the same list, finds itself by it.
constexpr std::string_view answered_by = "Bookstore-Process";

bool is_asked_by_peer(const http::Request& request);

struct PeersOptions {
    std::vector<http::Url> origins{};
    http::ClientTls tls{};                     ///< where an origin is https
    std::shared_ptr<http::TokenFile> token{};  ///< what they are asked by; null: they ask for none
    std::chrono::milliseconds ask_timeout{1'000};
    /// For what changes something: it may have to wait for a context's thread.
    std::chrono::milliseconds act_timeout{10'000};
    std::size_t calls = 32;  ///< under way at a time, of each peer
    std::size_t max_body_bytes = 2 << 20;
};

/// What is known of a peer by the last questions to it.
struct PeerState {
    std::string url;                                     ///< "http://127.0.0.1:8081"
    std::optional<std::int64_t> unreachable_since_ms{};  ///< wall clock
    std::string reason{};                                ///< why it is unreachable
    bool is_self = false;
    bool was_heard = false;
    std::vector<std::string> contexts{};  ///< when it was heard last
};

/// What one of them said, or why it said nothing that could be used.
template <class T>
struct Told {
    std::size_t peer = 0;
    std::expected<T, std::string> said;
};

/// The other processes of a split. Asked in parallel, each for a bounded time; what they say is
/// checked before it is used. Any thread; callbacks run on a peer's thread, or on the caller's when
/// there is nobody to wait for.
class Peers {
  public:
    /// `process` is how this one calls itself.
    Peers(PeersOptions options, const Clock& clock, std::string process);
    ~Peers();
    Peers(const Peers&) = delete;
    Peers& operator=(const Peers&) = delete;

    std::size_t count() const { return peers_.size(); }
    const std::string& process() const { return process_; }
    PeerState state(std::size_t peer) const;
    std::vector<PeerState> states() const;

    using Result = std::expected<http::ClientResponse, std::string>;
    /// Sends what a client asked for, as this process. Why there is no answer, otherwise.
    void send(std::size_t peer, http::PeerRequest request, std::function<void(const Result&)> done);

    /// Reads an answer; or says why it is none.
    template <class T>
    using Read = std::function<std::expected<T, std::string>(const http::ClientResponse&)>;
    template <class T>
    using Each = std::function<void(const Told<T>&)>;
    template <class T>
    using End = std::function<void(std::vector<Told<T>>)>;

    /// GETs that of each peer but itself. `each` is called when one has answered, or cannot (from
    /// several threads at a time; may be empty), `end` once, with all in the order of the peers.
    template <class T>
    void ask_all(const std::string& target, Read<T> read, Each<T> each, End<T> end) {
        std::vector<Question> questions;
        for (std::size_t peer = 0; peer < count(); ++peer) {
            questions.push_back({peer, target});
        }
        ask<T>(questions, std::move(read), std::move(each), std::move(end));
    }

    struct Question {
        std::size_t peer;
        std::string target;
    };
    /// The same of some; `end` gets the answers in the order of the questions.
    template <class T>
    void ask(const std::vector<Question>& questions, Read<T> read, Each<T> each, End<T> end);

    /// What that peer hosts, by its own word.
    void note_contexts(std::size_t peer, std::vector<std::string> contexts);

  private:
    struct One;

    void get(
        std::size_t peer,
        const std::string& target,
        std::function<std::optional<std::string>(const http::ClientResponse&)> fault_of,
        std::function<void(std::optional<std::string> fault, bool is_self)> done
    );
    void note(std::size_t peer, const std::optional<std::string>& fault);
    bool is_self(const http::ClientResponse& response) const;

    const PeersOptions options_;
    const Clock& clock_;
    const std::string process_;
    std::vector<std::unique_ptr<One>> peers_;  ///< the first to go: their threads use the rest
};

template <class T>
void Peers::ask(const std::vector<Question>& questions, Read<T> read, Each<T> each, End<T> end) {
    struct Round {
        std::mutex mutex;
        std::vector<std::optional<Told<T>>> told;  ///< none of the process itself
        std::size_t left = 0;
        Each<T> each;
        End<T> end;
    };
    if (questions.empty()) {
        end({});
        return;
    }
    auto round = std::make_shared<Round>();
    round->told.resize(questions.size());
    round->left = questions.size();
    round->each = std::move(each);
    round->end = std::move(end);
    for (std::size_t place = 0; place < questions.size(); ++place) {
        const std::size_t peer = questions[place].peer;
        auto said = std::make_shared<std::optional<T>>();
        auto fault_of = [said,
                         read](const http::ClientResponse& response) -> std::optional<std::string> {
            auto value = read(response);
            if (!value) {
                return value.error();
            }
            *said = std::move(*value);
            return std::nullopt;
        };
        auto done = [round, place, peer, said](std::optional<std::string> fault, bool self) {
            if (!self) {
                Told<T> told{peer, std::unexpected(fault.value_or(""))};
                if (!fault) {
                    told.said = std::move(**said);
                }
                if (round->each) {
                    round->each(told);
                }
                const std::lock_guard lock(round->mutex);
                round->told[place] = std::move(told);
            }
            {
                const std::lock_guard lock(round->mutex);
                if (--round->left > 0) {
                    return;
                }
            }
            std::vector<Told<T>> all;
            for (auto& one : round->told) {
                if (one) {
                    all.push_back(std::move(*one));
                }
            }
            round->end(std::move(all));
        };
        get(peer, questions[place].target, std::move(fault_of), std::move(done));
    }
}

}  // namespace bookstore::peers
