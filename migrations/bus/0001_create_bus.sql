-- What every module's file has: events on their way out, cursors into the topic, events held back.

CREATE TABLE outbox(
    position INTEGER PRIMARY KEY AUTOINCREMENT, -- never given out again: relaying counts on it
    key TEXT NOT NULL,
    type TEXT NOT NULL,
    time INTEGER NOT NULL, -- ms since 1970
    trace TEXT NOT NULL,
    payload TEXT NOT NULL
) STRICT;

CREATE TABLE subscription(
    name TEXT PRIMARY KEY,
    position INTEGER NOT NULL -- of the topic: everything up to it is handled, or held
) STRICT, WITHOUT ROWID;

CREATE TABLE held(
    id INTEGER PRIMARY KEY,
    subscription TEXT NOT NULL,
    position INTEGER NOT NULL, -- in the topic
    source TEXT NOT NULL,
    source_position INTEGER NOT NULL,
    key TEXT NOT NULL,
    type TEXT NOT NULL,
    time INTEGER NOT NULL,
    trace TEXT NOT NULL,
    payload TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    error TEXT NOT NULL, -- of the last attempt; empty for one that waits behind another of its key
    first_try INTEGER NOT NULL, -- ms since 1970
    next_try INTEGER, -- null: it waits behind another of its key, or is parked
    parked INTEGER NOT NULL DEFAULT 0,
    UNIQUE (subscription, key, position)
) STRICT;

CREATE INDEX held_due ON held(subscription, next_try) WHERE next_try IS NOT NULL;
