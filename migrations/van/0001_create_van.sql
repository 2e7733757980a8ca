-- What VAN answered to each key, for ever.
CREATE TABLE ledger(
    key TEXT PRIMARY KEY,
    amount INTEGER, -- cents; null: it was canceled before a charge was seen
    answer TEXT NOT NULL, -- to the charge
    canceled INTEGER NOT NULL DEFAULT 0, -- the charge was taken back since
    time INTEGER NOT NULL -- ms since 1970
) STRICT, WITHOUT ROWID;
