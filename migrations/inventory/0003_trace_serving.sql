-- Which request brought the stock that is being given out: it goes on with the events of the orders that it serves.
ALTER TABLE serving ADD COLUMN trace TEXT NOT NULL DEFAULT '';
