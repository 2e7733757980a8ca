-- Books are marked, not removed: their ids stay contiguous and never come back.
CREATE TABLE book(
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    stock INTEGER NOT NULL CHECK (stock >= 0),
    received INTEGER NOT NULL, -- initial stock, stock inputs and corrections, in all
    deleted INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE book_deleted(count INTEGER NOT NULL) STRICT;
INSERT INTO book_deleted VALUES (0);

CREATE TABLE stock_input(
    id INTEGER PRIMARY KEY,
    book_id INTEGER NOT NULL,
    quantity INTEGER NOT NULL,
    in_charger TEXT
) STRICT;

CREATE TABLE deliverable(
    id INTEGER PRIMARY KEY,
    order_id INTEGER NOT NULL UNIQUE,
    book_id INTEGER NOT NULL,
    quantity INTEGER NOT NULL,
    status TEXT NOT NULL
) STRICT;

CREATE INDEX deliverable_waiting ON deliverable(book_id, order_id) WHERE status = 'Stock_Lacked';

-- Books whose waiting orders one transaction could not all look at: a task goes on behind after_order.
CREATE TABLE serving(
    book_id INTEGER PRIMARY KEY,
    after_order INTEGER NOT NULL,
    next_try INTEGER NOT NULL -- ms since 1970
) STRICT;

CREATE INDEX serving_due ON serving(next_try);
