-- Whose file this is: one identity for all files of one system, made by its first start. A file of another one is refused.
CREATE TABLE shop(
    number INTEGER PRIMARY KEY CHECK (number = 1),
    id TEXT NOT NULL
) STRICT;
