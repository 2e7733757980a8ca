-- An order's number among those of its customer, from 1 without gaps: the newest one's is the total of the finder by
-- customer, and any of its pages is a seek.
ALTER TABLE orders ADD COLUMN nth_of_customer INTEGER NOT NULL DEFAULT 0;

UPDATE orders SET nth_of_customer = numbered.nth
FROM (SELECT id, row_number() OVER (PARTITION BY customer_id ORDER BY id) AS nth FROM orders) AS numbered
WHERE numbered.id = orders.id;

DROP INDEX orders_of_customer;
CREATE UNIQUE INDEX orders_of_customer ON orders(customer_id, nth_of_customer);
