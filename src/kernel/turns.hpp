#pragma once

#include <exception>

namespace bookstore::kernel {

/// What the parts of a step did. Each has its turn, whatever another one throws.
class Turns {
  public:
    template <class Turn>
    void take(const Turn& turn) {
        try {
            did_ = turn() || did_;
        } catch (...) {
            thrown_ = std::current_exception();
        }
    }
    /// false: none did anything. Throws what was thrown last.
    bool end() const {
        if (thrown_) {
            std::rethrow_exception(thrown_);
        }
        return did_;
    }

  private:
    bool did_ = false;
    std::exception_ptr thrown_;
};

}  // namespace bookstore::kernel
