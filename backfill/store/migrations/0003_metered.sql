-- Metered calls of each app and calendar month, which Intuit bills and may cap: added to in blocks before they are used,
-- so that what was sent is never more than what stands here, whatever dies.

CREATE TABLE backfill.metered (
    -- A digest of the app's client id: what tells apps apart, and nothing that opens them.
    app text NOT NULL,
    month date NOT NULL CHECK (extract(day FROM month) = 1),
    -- The same calls in both readings, since Intuit does not say how a batch counts: as one, and as its items.
    calls bigint NOT NULL DEFAULT 0 CHECK (calls >= 0),
    items bigint NOT NULL DEFAULT 0 CHECK (items >= 0),
    counted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (app, month)
);
