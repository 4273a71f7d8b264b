-- The write ledger: what is to be written into realms, what was sealed to be sent, and what became of it.

CREATE TABLE backfill.load (
    load_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source text NOT NULL,
    -- The load that this one takes back.
    undoes bigint REFERENCES backfill.load,
    imported_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE INDEX load_by_undone ON backfill.load (undoes);

-- A request as it is sent, stored before it is sent. Who finds one that is not settled must not send anything like it
-- before having looked whether it took effect.
CREATE TABLE backfill.seal (
    seal_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    realm_id text NOT NULL REFERENCES backfill.realm ON DELETE CASCADE,
    request_id text NOT NULL CHECK (length(request_id) BETWEEN 1 AND 36),
    lane text NOT NULL CHECK (lane IN ('write', 'batch')),
    path text NOT NULL,
    -- [[name, value], ...]
    params jsonb NOT NULL,
    -- Emptied when it is settled.
    body bytea NOT NULL,
    row_ids bigint[] NOT NULL,
    -- Of the lease under which it was sealed.
    epoch bigint NOT NULL,
    sealed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    sends integer NOT NULL DEFAULT 1,
    -- Since when it is certain that nobody sends it any more, and its outcome is unknown.
    lost_at timestamptz,
    times_lost integer NOT NULL DEFAULT 0,
    -- Its process died, or was taken for dead: the one case in which a sender may wake up again later.
    taken_over boolean NOT NULL DEFAULT false,
    settled_at timestamptz,
    -- Two requests of one id would be one for Intuit.
    UNIQUE (realm_id, request_id)
);

CREATE INDEX seal_unsettled ON backfill.seal (realm_id) WHERE settled_at IS NULL;

CREATE TABLE backfill.load_row (
    row_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    load_id bigint NOT NULL REFERENCES backfill.load,
    line bigint NOT NULL,
    realm_id text NOT NULL REFERENCES backfill.realm ON DELETE CASCADE,
    entity text NOT NULL,
    operation text NOT NULL CHECK (operation IN ('create', 'update', 'full_update', 'delete', 'void')),
    source_key text NOT NULL CHECK (source_key <> ''),
    payload jsonb NOT NULL,
    payload_hash bytea NOT NULL,
    needs text[] NOT NULL,
    object_key text NOT NULL,
    natural_key text NOT NULL,
    rank smallint NOT NULL,
    undoes bigint UNIQUE REFERENCES backfill.load_row,
    state text NOT NULL DEFAULT 'waiting'
        CHECK (state IN ('waiting', 'sealed', 'applied', 'adopted', 'rejected', 'undone')),
    generation integer NOT NULL DEFAULT 0,
    doubtful boolean NOT NULL DEFAULT false,
    seal_id bigint REFERENCES backfill.seal,
    b_id text NOT NULL DEFAULT '',
    stamp text NOT NULL DEFAULT '',
    sent_sync_token text NOT NULL DEFAULT '',
    object_id text,
    sync_token text NOT NULL DEFAULT '',
    -- The object before it was changed: what undoing needs.
    before jsonb,
    fault_code text NOT NULL DEFAULT '',
    fault_message text NOT NULL DEFAULT '',
    fault_action text NOT NULL DEFAULT '',
    intuit_tid text NOT NULL DEFAULT '',
    settled_at timestamptz,
    CONSTRAINT load_row_sealed CHECK (state <> 'sealed' OR seal_id IS NOT NULL),
    CONSTRAINT load_row_done CHECK (state NOT IN ('applied', 'adopted') OR object_id IS NOT NULL),
    CONSTRAINT load_row_rejected_with_reason CHECK (state <> 'rejected' OR fault_message <> '')
);

-- A row of a source is one row here, however often the source is imported. Of creates this is the id map, too.
CREATE UNIQUE INDEX load_row_created ON backfill.load_row (realm_id, entity, source_key) WHERE operation = 'create';
CREATE UNIQUE INDEX load_row_changed ON backfill.load_row (realm_id, entity, source_key, operation, payload_hash)
    WHERE operation <> 'create';
CREATE INDEX load_row_named ON backfill.load_row (realm_id, entity, natural_key)
    WHERE operation = 'create' AND natural_key <> '';
CREATE INDEX load_row_made ON backfill.load_row (realm_id, entity, object_id)
    WHERE operation = 'create' AND object_id IS NOT NULL;
CREATE INDEX load_row_waiting ON backfill.load_row (realm_id, rank, row_id) WHERE state = 'waiting';
CREATE INDEX load_row_sealed ON backfill.load_row (seal_id) WHERE state = 'sealed';
CREATE INDEX load_row_by_load ON backfill.load_row (load_id, state);

CREATE VIEW backfill.id_map AS
SELECT realm_id, entity, source_key, object_id, load_id
FROM backfill.load_row WHERE operation = 'create' AND state IN ('applied', 'adopted');
