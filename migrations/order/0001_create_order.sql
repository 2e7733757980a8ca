CREATE TABLE orders(
    id INTEGER PRIMARY KEY,
    book_id INTEGER NOT NULL,
    customer_id INTEGER NOT NULL,
    quantity INTEGER NOT NULL,
    delivery_address TEXT NOT NULL,
    status TEXT NOT NULL,
    pay_amount INTEGER, -- cents
    pay_type TEXT,
    was_ordered INTEGER NOT NULL, -- its Ordered was published
    attempts INTEGER NOT NULL DEFAULT 0, -- to verify it later
    next_try INTEGER, -- ms since 1970; null: nobody asks (any more)
    trace TEXT -- of the request that placed it, while it is to be verified
) STRICT;

CREATE INDEX orders_of_customer ON orders(customer_id, id);
CREATE INDEX orders_to_verify ON orders(next_try) WHERE next_try IS NOT NULL;
