-- Who ordered what: DeliveryStatusChanged does not say.
CREATE TABLE customer_of_order(
    order_id INTEGER PRIMARY KEY,
    customer_id INTEGER NOT NULL
) STRICT;

CREATE TABLE coupon(
    id INTEGER PRIMARY KEY,
    order_id INTEGER NOT NULL UNIQUE,
    customer_id INTEGER NOT NULL,
    nth_of_customer INTEGER NOT NULL, -- from 1, without gaps: the finder's pages are seeks
    UNIQUE (customer_id, nth_of_customer)
) STRICT;

-- A read model. Its index is a constraint, so that a rebuilt table that takes its place has it.
CREATE TABLE coupon_balance(
    id INTEGER PRIMARY KEY,
    customer_id INTEGER NOT NULL UNIQUE,
    coupons INTEGER NOT NULL
) STRICT;
