-- How many customers were deleted in each block of 1024 ids: a page in id order is found without counting rows.
DROP TABLE customer_deleted;
CREATE TABLE customer_deleted(
    block INTEGER PRIMARY KEY, -- of ids block * 1024 + 1 to (block + 1) * 1024
    count INTEGER NOT NULL
) STRICT;
INSERT INTO customer_deleted SELECT (id - 1) / 1024, count(*) FROM customer WHERE deleted GROUP BY 1;

CREATE INDEX customer_by_name ON customer(name) WHERE NOT deleted;
