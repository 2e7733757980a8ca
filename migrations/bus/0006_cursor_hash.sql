-- The running hash of the log that a cursor was moved over, where that is a mirror (bus/mirror.hpp): its log is known again.
ALTER TABLE subscription ADD COLUMN hash TEXT;
