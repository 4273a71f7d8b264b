-- Which refresh tokens were ever imported, by their SHA-256. Intuit replaces a value about once a day: one that comes again,
-- as in a file to which companies were added, is long dead, and whoever uses it may lose the company.

CREATE TABLE backfill.imported_token (
    realm_id text NOT NULL REFERENCES backfill.realm ON DELETE CASCADE,
    digest bytea NOT NULL,
    PRIMARY KEY (realm_id, digest)
);
