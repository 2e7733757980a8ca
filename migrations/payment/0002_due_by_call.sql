-- Charges and refunds are asked for apart, so that neither waits behind the other.
CREATE INDEX payment_due_by_call ON payment(call, next_try) WHERE next_try IS NOT NULL;
DROP INDEX payment_due;
