-- What `verify` found, per realm and entity, the latest only: what an accountant signs off. `backfill.proof` says how
-- completeness was shown when the rows were read; this says what the rows held beside the company were later.

CREATE TABLE backfill.verification (
    realm_id text NOT NULL REFERENCES backfill.realm ON DELETE CASCADE,
    -- An entity, or `TrialBalance`.
    entity text NOT NULL CHECK (entity <> ''),
    run_id bigint NOT NULL REFERENCES backfill.run ON DELETE CASCADE,
    verified_at timestamptz NOT NULL,
    -- Null: nothing could be compared, and `note` says why.
    equal boolean,
    counted bigint CHECK (counted >= 0),
    held bigint NOT NULL CHECK (held >= 0),
    -- Documents compared member by member.
    compared bigint NOT NULL CHECK (compared >= 0),
    -- [{"id": ..., "kind": ..., "about": ..., "detail": ...}, ...], the first few of `difference_count`.
    differences jsonb NOT NULL CHECK (jsonb_typeof(differences) = 'array'),
    difference_count bigint NOT NULL CHECK (difference_count >= 0),
    note text NOT NULL DEFAULT '',
    PRIMARY KEY (realm_id, entity),
    CONSTRAINT verification_says_why CHECK (equal IS NOT NULL OR note <> ''),
    CONSTRAINT verification_names_differences CHECK (equal IS DISTINCT FROM true OR difference_count = 0)
);

CREATE INDEX verification_by_run ON backfill.verification (run_id);
