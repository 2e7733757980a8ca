#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

namespace bookstore::http {

/// The bytes of a connection that were received and not consumed yet. Holds no memory when
/// released.
class ReadBuffer {
  public:
    static constexpr std::size_t first_bytes = 4096;

    std::string_view view() const { return {data_.get() + begin_, end_ - begin_}; }
    std::size_t size() const { return end_ - begin_; }
    bool empty() const { return begin_ == end_; }
    bool has_memory() const { return data_ != nullptr; }

    /// Drops bytes from the front.
    void consume(std::size_t count) {
        begin_ += count;
        if (begin_ == end_) {
            begin_ = end_ = 0;
        }
    }

    /// Room after the bytes, at least 1 KiB unless there are `max_bytes` already.
    std::span<char> prepare(std::size_t max_bytes) {
        constexpr std::size_t least_room = 1024;
        if (capacity_ - end_ < least_room) {
            const std::size_t needed = size() + least_room;
            reallocate(needed <= capacity_ ? capacity_ : std::max(first_bytes, capacity_ * 2));
        }
        const std::size_t allowed = max_bytes - std::min(max_bytes, size());
        return {data_.get() + end_, std::min(capacity_ - end_, allowed)};
    }

    void commit(std::size_t count) { end_ += count; }

    /// At least that much memory: for a body, so that it comes in few pieces.
    void reserve(std::size_t bytes) {
        if (capacity_ < bytes) {
            reallocate(bytes);
        }
    }

    void release() {
        data_.reset();
        begin_ = end_ = capacity_ = 0;
    }

    /// Gives back what a large request needed.
    void shrink() {
        if (capacity_ > first_bytes && size() <= first_bytes / 2) {
            reallocate(first_bytes);
        }
    }

  private:
    /// Also moves the bytes to the front.
    void reallocate(std::size_t capacity) {
        const std::size_t count = size();
        if (capacity == capacity_) {
            std::memmove(data_.get(), data_.get() + begin_, count);
        } else {
            auto data = std::make_unique_for_overwrite<char[]>(capacity);
            if (count > 0) {
                std::memcpy(data.get(), data_.get() + begin_, count);
            }
            data_ = std::move(data);
            capacity_ = capacity;
        }
        begin_ = 0;
        end_ = count;
    }

    std::unique_ptr<char[]> data_;
    std::size_t capacity_ = 0;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
};

}  // namespace bookstore::http
