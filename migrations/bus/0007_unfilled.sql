-- What is not kept at hand, or a migration left to be filled in out of the log, which is another file: the start that wants
-- it does so.
CREATE TABLE unfilled(
    what TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;
