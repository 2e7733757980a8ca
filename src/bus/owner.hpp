#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "bus/cursor.hpp"
#include "bus/gate.hpp"
#include "bus/mirror.hpp"
#include "bus/outbox.hpp"

namespace bookstore::bus {

/// Compares a context's file with the mirror of the process that hosts it: each row of its outbox
/// that the mirror has is the record that stands there, the mirror has no record of it beyond its
/// newest row, none that it removed is missing, and its cursors were moved over that very log. Else
/// the file was restored, or there is a second one: its gate refuses.
///
/// Relay's thread.
class Owner {
  public:
    /// The file as it is when it is opened. Throws storage::Error.
    Owner(Outbox& outbox, Gate& gate, Mirror& mirror, std::vector<StoredCursor> cursors);

    Outbox& outbox() const { return outbox_; }
    Gate& gate() const { return gate_; }
    const std::string& source() const { return outbox_.source(); }

    /// That row was read from the outbox, to be sent.
    void knows(std::int64_t position, std::string id) { known_[position] = std::move(id); }
    /// A record of it is about to be taken into the mirror. What cannot be compared now, for the
    /// file cannot be read, is compared later, and nobody else waits.
    void look_at(const Record& record);
    /// Something could not be compared yet: look_again() in a while.
    bool waits_for_its_file() const { return !unseen_.empty(); }
    /// The mirror has taken something, or come to its end: opens or closes the gate.
    void look_again();

  private:
    void compare_rows();
    bool is_its_row(std::int64_t position, const std::string& id);
    bool compare_unseen();
    void deny(std::int64_t position);
    void compare_cursors();
    std::string trouble();
    std::string contradiction(const std::string& what) const;

    Outbox& outbox_;
    Gate& gate_;
    Mirror& mirror_;
    std::vector<StoredCursor> cursors_;  ///< that the mirror has not reached yet
    std::int64_t removed_ = 0;           ///< rows up to there had gone when the file was opened
    std::map<std::int64_t, std::string> known_;  ///< ids of rows that the mirror does not have
    std::vector<Mark> unseen_;   ///< taken while the file could not be read: to be compared
    std::string contradiction_;  ///< found once; empty: none
};

}  // namespace bookstore::bus
