-- A log that is a mirror of a partition: which, how far it was read, and the identities of its events. See bus/mirror.hpp.
CREATE TABLE partition(
    number INTEGER PRIMARY KEY CHECK (number = 1),
    topic TEXT NOT NULL, -- the name that it has at the broker
    next_offset INTEGER NOT NULL,
    -- The record before it: null when nothing was read yet.
    last_offset INTEGER,
    last_id TEXT,
    last_appended INTEGER -- ms since 1970, by the broker's clock
) STRICT;

CREATE TABLE mirrored(
    position INTEGER PRIMARY KEY, -- of the event
    id TEXT NOT NULL,
    hash TEXT NOT NULL -- running, over the ids up to here
) STRICT;

ALTER TABLE relayed ADD COLUMN id TEXT; -- of the event there; null where the log is no mirror
