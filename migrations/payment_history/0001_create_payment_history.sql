-- A read model. Its index is a constraint, so that a rebuilt table that takes its place has it.
CREATE TABLE payment_history(
    id INTEGER PRIMARY KEY,
    order_id INTEGER NOT NULL,
    pay_status TEXT NOT NULL,
    payment_id INTEGER NOT NULL,
    UNIQUE (order_id, id)
) STRICT;
