-- An order that was refused while it waited (there is no such customer or book) is asked for again, rarely. Until now it
-- never was, though whoever said so may have been somebody else.
ALTER TABLE orders ADD COLUMN refused INTEGER NOT NULL DEFAULT 0;

UPDATE orders SET refused = 1, next_try = 0
WHERE next_try IS NULL AND status IN ('Customer_Not_Verified', 'Book_Not_Verified');

DROP INDEX orders_to_verify;
CREATE INDEX orders_to_verify ON orders(refused, next_try) WHERE next_try IS NOT NULL;
