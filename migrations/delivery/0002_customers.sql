-- Whose a delivery is. Null: of an order that the log did not have any more.
ALTER TABLE delivery ADD COLUMN customer_id INTEGER;
-- Its number among those of its customer, as in the order context: a customer's page is a seek. Kept where customers see
-- what is theirs alone (--auth); null otherwise, and the next start with it counts.
ALTER TABLE delivery ADD COLUMN nth_of_customer INTEGER;
CREATE UNIQUE INDEX delivery_of_customer ON delivery(customer_id, nth_of_customer) WHERE nth_of_customer IS NOT NULL;

INSERT INTO unfilled SELECT 'customers' WHERE EXISTS (SELECT 1 FROM delivery);
