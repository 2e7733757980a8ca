-- How many books were deleted in each block of 1024 ids: a page in id order is found without counting rows.
DROP TABLE book_deleted;
CREATE TABLE book_deleted(
    block INTEGER PRIMARY KEY, -- of ids block * 1024 + 1 to (block + 1) * 1024
    count INTEGER NOT NULL
) STRICT;
INSERT INTO book_deleted SELECT (id - 1) / 1024, count(*) FROM book WHERE deleted GROUP BY 1;

CREATE INDEX book_by_name ON book(name) WHERE NOT deleted;
CREATE INDEX book_by_stock ON book(stock) WHERE NOT deleted;
