-- Requests that changed an order though no event left this context: it was not verified. For the order's timeline.
CREATE TABLE untold(
    order_id INTEGER NOT NULL,
    nth INTEGER NOT NULL, -- of the order, from 1
    time INTEGER NOT NULL, -- ms since 1970
    request TEXT NOT NULL, -- place, cancel
    trace TEXT NOT NULL,
    PRIMARY KEY (order_id, nth)
) STRICT, WITHOUT ROWID;
