#pragma once

#include <string>

namespace bookstore::storage {

class Connection;

// A WAL holds pages of one database file, as it stood at one moment. SQLite cannot tell whether it
// lies beside another one now, a backup that was copied over the file, say: it moves the pages into
// that all the same, and both are lost. So each is marked. The file's stamp is its user_version.
// The first transaction of a new WAL gives it a new one, and notes the former as application_id:
// both stand on page 1, which is in that WAL then. The file beside a WAL has a stamp that the WAL
// has too, however much of it was moved already; any other file has not.

/// Gives the file a new stamp in the transaction under way, which is to be the first one in its
/// WAL. Throws Error.
void stamp(Connection& connection);

/// Writes a page, for who needs a transaction that writes something, in any transaction: also in
/// the first one of a WAL, whose former stamp stays. Throws Error.
void change_stamp(Connection& connection);

/// Gives a database file that nobody has open a stamp that no WAL knows: what is copied over
/// another file is not to be taken for that. The descriptor is written to, not synced. Returns
/// errno; 0: it is done.
int stamp_copy(int descriptor);

/// Throws Refused, with what to remove, when a WAL lies beside the file that is another one's.
/// Before the file is opened: SQLite reads the WAL then. A file without a stamp (of an older
/// version) has to do with one that has none. Throws Error when it cannot be read.
void require_own_wal(const std::string& path, const std::string& vfs = {});

}  // namespace bookstore::storage
