-- Of which moment a file is, where contexts tell each other things beside the events: a number a file, which grows with each
-- commit that others are told of. The file's own is under its context's name; those of other files, as far as this context
-- was told of them, are under theirs. A file that is behind what another was told of it is older.
CREATE TABLE moment(
    context TEXT PRIMARY KEY,
    number INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
