-- Who refreshes a realm's tokens, and until when nobody else may: no connection is held while Intuit answers.

ALTER TABLE backfill.token
    ADD COLUMN claimed_by text,
    ADD COLUMN claimed_until timestamptz,
    ADD CONSTRAINT token_claim_whole CHECK ((claimed_by IS NULL) = (claimed_until IS NULL));
