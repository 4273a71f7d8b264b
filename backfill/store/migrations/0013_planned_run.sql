-- A run that is held to a plan counts its metered calls, as the months of an app are counted: in blocks that are added
-- before they are used, in both readings of a batch.

ALTER TABLE backfill.run
    ADD COLUMN metered_calls bigint NOT NULL DEFAULT 0 CHECK (metered_calls >= 0),
    ADD COLUMN metered_items bigint NOT NULL DEFAULT 0 CHECK (metered_items >= 0);
