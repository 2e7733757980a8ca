-- The first answer to each request that carried an Idempotency-Key, written by the transaction that did the work.

CREATE TABLE idempotency(
    id INTEGER PRIMARY KEY, -- in the order of time: the oldest are removed first
    key TEXT NOT NULL,
    target TEXT NOT NULL, -- method and path: the same key elsewhere is another one
    fingerprint TEXT NOT NULL, -- of the request's body
    time INTEGER NOT NULL, -- ms since 1970
    status INTEGER NOT NULL,
    content_type TEXT NOT NULL,
    headers TEXT NOT NULL, -- "Name: value", a line each
    body TEXT NOT NULL,
    UNIQUE (key, target)
) STRICT;
