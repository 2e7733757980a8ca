#pragma once

namespace bookstore::http {

/// While it lives, requests that are answered on this thread reach the I/O threads together at its
/// end, each with one wake-up, instead of one by one. Not for answers that others wait for
/// meanwhile.
class AnswerBatch {
  public:
    AnswerBatch();
    ~AnswerBatch();
    AnswerBatch(const AnswerBatch&) = delete;
    AnswerBatch& operator=(const AnswerBatch&) = delete;

  private:
    bool outermost_;
};

}  // namespace bookstore::http
