CREATE TABLE payment(
    id INTEGER PRIMARY KEY,
    order_id INTEGER NOT NULL UNIQUE,
    amount INTEGER, -- cents; null: nothing to charge
    status TEXT NOT NULL,
    type TEXT,
    key TEXT NOT NULL, -- goes with every call about it
    cancel_wanted INTEGER NOT NULL DEFAULT 0, -- the order was canceled while VAN was asked
    call TEXT, -- what VAN is to be asked: charge, refund
    attempts INTEGER NOT NULL DEFAULT 0, -- of this call
    next_try INTEGER, -- ms since 1970; null: nothing is to be asked
    trace TEXT NOT NULL
) STRICT;

CREATE INDEX payment_due ON payment(next_try) WHERE next_try IS NOT NULL;
