-- The log: one total order over the events of every module.

CREATE TABLE event(
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    type TEXT NOT NULL, -- first: readers pass over what they do not handle without reading on
    source TEXT NOT NULL,
    source_position INTEGER NOT NULL,
    key TEXT NOT NULL,
    time INTEGER NOT NULL, -- ms since 1970
    trace TEXT NOT NULL,
    payload TEXT NOT NULL -- the JSON line, as it is shown
) STRICT;

CREATE TABLE relayed(
    source TEXT PRIMARY KEY,
    position INTEGER NOT NULL -- of that module's outbox
) STRICT, WITHOUT ROWID;
