-- A company that is removed takes its rows with it, from tables where others have millions.

-- Deleting a request looked for its rows, and deleting a company for its rows and requests, each time through the whole
-- ledger. To index what these two keys ask costs an eighth more log of each row that is written (measured); without them
-- it costs nothing, and a row's import and its writing less. Nothing else deletes what they point to: a request is stored
-- in the statement that points to it, and an import sees to it that its companies are there, and stay until it is.
ALTER TABLE backfill.load_row
    DROP CONSTRAINT load_row_realm_id_fkey,
    DROP CONSTRAINT load_row_seal_id_fkey;

-- What waits has its own index.
CREATE INDEX webhook_event_settled ON backfill.webhook_event (realm_id, event_id) WHERE settled_at IS NOT NULL;
