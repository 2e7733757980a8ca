-- Who ordered what: the events of payments do not say. Kept where customers see what is theirs alone (--auth); the next
-- start with it learns the rest out of the log.
CREATE TABLE customer_of_order(
    order_id INTEGER PRIMARY KEY,
    customer_id INTEGER NOT NULL
) STRICT;

-- Whose a payment history is, and its number among those of its customer, as in the order context. Made anew, for its
-- index is a constraint. Null: of an order that the log does not have any more.
ALTER TABLE payment_history RENAME TO payment_history_before;

CREATE TABLE payment_history(
    id INTEGER PRIMARY KEY,
    order_id INTEGER NOT NULL,
    pay_status TEXT NOT NULL,
    payment_id INTEGER NOT NULL,
    customer_id INTEGER,
    nth_of_customer INTEGER, -- from 1, without gaps
    UNIQUE (order_id, id),
    UNIQUE (customer_id, nth_of_customer)
) STRICT;

INSERT INTO payment_history(id, order_id, pay_status, payment_id)
SELECT id, order_id, pay_status, payment_id FROM payment_history_before ORDER BY id;

DROP TABLE payment_history_before;

-- An order may be paid that was placed before.
INSERT INTO unfilled SELECT 'customers' WHERE EXISTS (SELECT 1 FROM subscription);
