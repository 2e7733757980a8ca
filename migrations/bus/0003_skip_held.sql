-- Held events as operators see them, and those that they gave up.

CREATE UNIQUE INDEX held_position ON held(subscription, position);
CREATE INDEX held_parked ON held(subscription, position) WHERE parked = 1;

CREATE TABLE skipped(
    subscription TEXT NOT NULL,
    position INTEGER NOT NULL, -- in the topic: a rebuild passes over it
    key TEXT NOT NULL,
    type TEXT NOT NULL,
    time INTEGER NOT NULL,
    payload TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    error TEXT NOT NULL,
    first_try INTEGER NOT NULL,
    reason TEXT NOT NULL, -- the operator's
    skipped_at INTEGER NOT NULL, -- ms since 1970
    PRIMARY KEY (subscription, position)
) STRICT, WITHOUT ROWID;
