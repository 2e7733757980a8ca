-- My Page: a row's number among those of its customer, as in the order context. Made anew, for its index is a
-- constraint.
ALTER TABLE my_page RENAME TO my_page_before;

CREATE TABLE my_page(
    id INTEGER PRIMARY KEY,
    customer_id INTEGER NOT NULL,
    nth_of_customer INTEGER NOT NULL, -- from 1, without gaps
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
    UNIQUE (customer_id, nth_of_customer)
) STRICT;

INSERT INTO my_page
SELECT id, customer_id, row_number() OVER (PARTITION BY customer_id ORDER BY id), order_id, book_id, quantity,
    delivery_address, order_status, delivery_status, delivery_id, pay_amount, pay_status, ordered_at
FROM my_page_before ORDER BY id;

DROP TABLE my_page_before;
