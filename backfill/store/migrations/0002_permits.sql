-- What each realm has used up of Intuit's limits, so that whoever works it next, after a crash or on another machine,
-- does not use it up again. One row a realm, replaced about every 25 requests; the last word counts.

CREATE TABLE backfill.permit (
    realm_id text PRIMARY KEY REFERENCES backfill.realm ON DELETE CASCADE,
    kept_at timestamptz NOT NULL,
    -- [[ring, permits, seconds from kept_at until they come back, or null where that is not known], ...]
    held jsonb NOT NULL CHECK (jsonb_typeof(held) = 'array')
);
