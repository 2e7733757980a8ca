-- Customers are marked, not removed: their ids stay contiguous and never come back.
CREATE TABLE customer(
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    deleted INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE customer_deleted(count INTEGER NOT NULL) STRICT;
INSERT INTO customer_deleted VALUES (0);

-- My Page. Its indexes are constraints, so that a rebuilt table that takes its place has them.
CREATE TABLE my_page(
    id INTEGER PRIMARY KEY,
    customer_id INTEGER NOT NULL,
    order_id INTEGER NOT NULL UNIQUE,
    book_id INTEGER NOT NULL,
    quantity INTEGER NOT NULL,
    delivery_address TEXT NOT NULL,
    order_status TEXT NOT NULL,
    delivery_status TEXT,
    delivery_id INTEGER,
    pay_amount INTEGER, -- cents
    pay_status TEXT,
    ordered_at INTEGER NOT NULL, -- ms since 1970
    UNIQUE (customer_id, id)
) STRICT;
