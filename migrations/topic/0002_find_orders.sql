-- Where the events of an order are; see bus/order_index.hpp.

-- Up to `position`, no event was of an order above newest_order.
CREATE TABLE milestone(
    newest_order INTEGER NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (newest_order, position)
) STRICT, WITHOUT ROWID;

-- Events that stand far behind their order's time.
CREATE TABLE late(
    order_id INTEGER NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (order_id, position)
) STRICT, WITHOUT ROWID;

-- A log that was there before has every event there, and begins to be near behind its end.
INSERT INTO late SELECT CAST(substr(key, 7) AS INTEGER) AS id, position FROM event WHERE key GLOB 'order-*'
ORDER BY id, position;
INSERT INTO milestone SELECT 0, max(position) FROM event HAVING count(*) > 0;
INSERT OR IGNORE INTO milestone SELECT coalesce(max(order_id), 0), (SELECT max(position) FROM event) FROM late
WHERE EXISTS (SELECT 1 FROM event);
