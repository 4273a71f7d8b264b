-- The whole schema as it stands, to read and to review. A test proves it equal to what the migrations make;
-- nothing executes this file. A change is a new file in migrations/, and the same change here.

CREATE SCHEMA backfill;

-- Which migrations were applied.
CREATE TABLE backfill.migration (
    number integer PRIMARY KEY,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);

-- What the program keeps for itself: realms and their owners, tokens, runs and how far they are, proofs.

CREATE TABLE backfill.realm (
    realm_id text PRIMARY KEY CHECK (realm_id <> ''),
    name text NOT NULL DEFAULT '',
    weight double precision NOT NULL DEFAULT 1 CHECK (weight > 0 AND weight < 'Infinity'),
    state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'parked')),
    parked_code text,
    parked_message text,
    parked_action text,
    parked_at timestamptz,
    armed boolean NOT NULL DEFAULT false,
    -- The lease. Raised at every hand-over, the epoch fences off whoever held the realm before.
    owner text,
    epoch bigint NOT NULL DEFAULT 0 CHECK (epoch >= 0),
    lease_until timestamptz,
    imported_at timestamptz NOT NULL DEFAULT now(),
    -- Makes a raised epoch a change of a key: it waits for the pages that hold FOR KEY SHARE, a renewed lease does not.
    UNIQUE (realm_id, epoch),
    CONSTRAINT realm_parked_with_reason CHECK (
        CASE state
            WHEN 'parked' THEN num_nonnulls(parked_code, parked_message, parked_action, parked_at) = 4
            ELSE num_nonnulls(parked_code, parked_message, parked_action, parked_at) = 0
        END
    ),
    CONSTRAINT realm_lease_whole CHECK ((owner IS NULL) = (lease_until IS NULL))
);

-- Encrypted values: a byte that names the key, the nonce, the ciphertext.
CREATE TABLE backfill.token (
    realm_id text PRIMARY KEY REFERENCES backfill.realm ON DELETE CASCADE,
    access_token bytea,
    access_expires_at timestamptz,
    refresh_token bytea NOT NULL,
    previous_refresh_token bytea,
    refreshed_at timestamptz NOT NULL,
    client_id bytea,
    client_secret bytea,
    -- When tokens end, as far as Intuit says it: of disuse (each refresh puts that off), and for good (the consent's own end).
    refresh_expires_at timestamptz,
    consent_expires_at timestamptz,
    CONSTRAINT token_access_whole CHECK (access_expires_at IS NULL OR access_token IS NOT NULL)
);

CREATE TABLE backfill.run (
    run_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL CHECK (kind <> ''),
    scope jsonb NOT NULL,
    -- running and stopped runs are unfinished: the same command goes on with them.
    status text NOT NULL DEFAULT 'running' CHECK (status IN ('running', 'stopped', 'done', 'incomplete')),
    owner text,
    heartbeat_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    summary jsonb,
    CONSTRAINT run_owned_while_running CHECK ((status = 'running') = (owner IS NOT NULL)),
    CONSTRAINT run_finished_with_time CHECK ((status IN ('done', 'incomplete')) = (finished_at IS NOT NULL))
);

CREATE INDEX run_unfinished ON backfill.run (kind, run_id) WHERE status IN ('running', 'stopped');

CREATE TABLE backfill.realm_run (
    run_id bigint NOT NULL REFERENCES backfill.run ON DELETE CASCADE,
    realm_id text NOT NULL REFERENCES backfill.realm ON DELETE CASCADE,
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'running', 'done', 'parked')),
    -- Intuit's own time when the scan began; the census and the slices belong to it.
    scan_started_at timestamptz,
    finished_at timestamptz,
    PRIMARY KEY (run_id, realm_id),
    CONSTRAINT realm_run_begun CHECK (state NOT IN ('running') OR scan_started_at IS NOT NULL),
    CONSTRAINT realm_run_finished CHECK ((state IN ('done', 'parked')) = (finished_at IS NOT NULL))
);

CREATE INDEX realm_run_by_realm ON backfill.realm_run (realm_id);

CREATE TABLE backfill.census (
    run_id bigint NOT NULL,
    realm_id text NOT NULL,
    entity text NOT NULL,
    counted bigint NOT NULL CHECK (counted >= 0),
    PRIMARY KEY (run_id, realm_id, entity),
    FOREIGN KEY (run_id, realm_id) REFERENCES backfill.realm_run ON DELETE CASCADE
);

CREATE TABLE backfill.slice (
    run_id bigint NOT NULL,
    realm_id text NOT NULL,
    entity text NOT NULL,
    number integer NOT NULL CHECK (number >= 0),
    lower_bound timestamptz,
    upper_bound timestamptz,
    cursor timestamptz,
    rows_read bigint NOT NULL DEFAULT 0 CHECK (rows_read >= 0),
    done boolean NOT NULL DEFAULT false,
    PRIMARY KEY (run_id, realm_id, entity, number),
    FOREIGN KEY (run_id, realm_id) REFERENCES backfill.realm_run ON DELETE CASCADE,
    CONSTRAINT slice_bounds_in_order CHECK (lower_bound <= upper_bound)
);

CREATE TABLE backfill.proof (
    realm_id text NOT NULL REFERENCES backfill.realm ON DELETE CASCADE,
    entity text NOT NULL,
    run_id bigint NOT NULL REFERENCES backfill.run ON DELETE CASCADE,
    proven boolean NOT NULL,
    method text NOT NULL,
    counted bigint CHECK (counted >= 0),
    landed_live bigint NOT NULL CHECK (landed_live >= 0),
    quarantined bigint NOT NULL CHECK (quarantined >= 0),
    watermark timestamptz,
    reason text NOT NULL DEFAULT '',
    proven_at timestamptz NOT NULL,
    PRIMARY KEY (realm_id, entity),
    -- Who says that something is not complete says why.
    CONSTRAINT proof_unproven_with_reason CHECK (proven OR reason <> '')
);

CREATE INDEX proof_by_run ON backfill.proof (run_id);

-- Rows set aside: the database or the reader refused them. `id` is empty where it could not be read.
CREATE TABLE backfill.quarantine (
    realm_id text NOT NULL REFERENCES backfill.realm ON DELETE CASCADE,
    entity text NOT NULL,
    key text GENERATED ALWAYS AS (CASE id WHEN '' THEN 'sha256:' || encode(sha256(raw), 'hex') ELSE 'id:' || id END) STORED,
    id text NOT NULL,
    run_id bigint NOT NULL REFERENCES backfill.run ON DELETE CASCADE,
    code text NOT NULL,
    message text NOT NULL,
    raw bytea NOT NULL,
    refused_at timestamptz NOT NULL,
    PRIMARY KEY (realm_id, entity, key)
);

CREATE INDEX quarantine_by_run ON backfill.quarantine (run_id);

-- What each realm has used up of Intuit's limits, so that whoever works it next, after a crash or on another machine,
-- does not use it up again. One row a realm, replaced about every 25 requests; the last word counts.

CREATE TABLE backfill.permit (
    realm_id text PRIMARY KEY REFERENCES backfill.realm ON DELETE CASCADE,
    kept_at timestamptz NOT NULL,
    -- [[ring, permits, seconds from kept_at until they come back, or null where that is not known], ...]
    held jsonb NOT NULL CHECK (jsonb_typeof(held) = 'array')
);

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

-- Every exchange with Intuit, for whoever asks what happened, and in the words that Intuit's support asks for. A table a
-- day (UTC), made when the day's first call is written and dropped as a whole when it is older than is wanted.

CREATE TABLE backfill.call (
    -- When the request was begun.
    asked_at timestamptz NOT NULL,
    -- No foreign key: what was asked of a realm outlives the realm.
    realm_id text NOT NULL,
    -- query, batch, cdc, report, write; or token: an exchange with the token endpoint.
    lane text NOT NULL,
    method text NOT NULL,
    -- Below /v3/company/{realm_id}; a token's is empty.
    path text NOT NULL,
    -- name=value&..., not percent-encoded.
    params text NOT NULL,
    request_id text NOT NULL,
    attempt integer NOT NULL CHECK (attempt > 0),
    -- Null: no whole answer came.
    status integer,
    -- Intuit's fault code, or a word of ours such as timeout; empty where all was well.
    code text NOT NULL,
    intuit_tid text NOT NULL,
    duration_s double precision NOT NULL CHECK (duration_s >= 0),
    request_bytes bigint NOT NULL CHECK (request_bytes >= 0),
    response_bytes bigint NOT NULL CHECK (response_bytes >= 0),
    -- Of the whole answer, unpacked: says whether two answers were the same. Null where there was none.
    response_crc32 bigint,
    -- Without secrets. Null where it is not kept; shorter than its bytes where it was cut.
    request_body text,
    response_body text
) PARTITION BY RANGE (asked_at);

CREATE INDEX call_by_time ON backfill.call (asked_at);
CREATE INDEX call_by_realm ON backfill.call (realm_id, asked_at);
CREATE INDEX call_by_tid ON backfill.call (intuit_tid) WHERE intuit_tid <> '';
CREATE INDEX call_failed ON backfill.call (code, asked_at) WHERE code <> '';

-- The table of one day, made unless it is there. Attaching it, unlike making it as a partition at once, does not wait
-- for those who read the log.
CREATE FUNCTION backfill.make_calls_of(day date) RETURNS void LANGUAGE plpgsql SET lock_timeout = '5s' AS $$
DECLARE
    made text := 'call_' || to_char(day, 'YYYYMMDD');
BEGIN
    -- 'call log' in ASCII: two processes at midnight make it once.
    PERFORM pg_advisory_xact_lock(7161124094152044391);
    IF to_regclass('backfill.' || made) IS NULL THEN
        EXECUTE format('CREATE TABLE backfill.%I (LIKE backfill.call INCLUDING ALL)', made);
        EXECUTE format(
            'ALTER TABLE backfill.call ATTACH PARTITION backfill.%I FOR VALUES FROM (%L) TO (%L)',
            made, day::timestamp AT TIME ZONE 'UTC', (day + 1)::timestamp AT TIME ZONE 'UTC'
        );
    END IF;
END $$;

-- Drops the tables of all days before `kept`, and returns how many. Whoever reads the log is not waited for long: what
-- cannot be dropped now is dropped another time.
CREATE FUNCTION backfill.drop_calls_before(kept date) RETURNS integer LANGUAGE plpgsql SET lock_timeout = '1s' AS $$
DECLARE
    part regclass;
    dropped integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(7161124094152044391);
    FOR part IN
        SELECT inhrelid FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
        WHERE inhparent = 'backfill.call'::regclass AND relname < 'call_' || to_char(kept, 'YYYYMMDD')
    LOOP
        EXECUTE format('DROP TABLE %s', part);
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END $$;

-- What Intuit's webhooks told of changes. An event waits here until its object was read, whatever ends meanwhile.

CREATE TABLE backfill.webhook_event (
    event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- A digest of what makes it the same event when it is delivered again.
    key bytea NOT NULL UNIQUE,
    -- No foreign key: events of companies that are not registered (yet) are kept, too.
    realm_id text NOT NULL,
    entity text NOT NULL,
    object_id text NOT NULL,
    -- create, update, delete, merge, void, emailed
    operation text NOT NULL,
    occurred_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- When it was done with, in the transaction that says so; null while it waits.
    settled_at timestamptz,
    -- landed, deleted, quarantined, refused (by Intuit, for good), unsupported (no entity that can be read by Id)
    outcome text NOT NULL DEFAULT ''
);

CREATE INDEX webhook_event_waiting ON backfill.webhook_event (realm_id, event_id) WHERE settled_at IS NULL;
CREATE INDEX webhook_event_received ON backfill.webhook_event (received_at);

-- Parts of signed deliveries that say nothing we understand: for a person to look at.
CREATE TABLE backfill.webhook_unread (
    unread_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key bytea NOT NULL UNIQUE,
    received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    reason text NOT NULL,
    raw bytea NOT NULL
);

CREATE INDEX webhook_unread_received ON backfill.webhook_unread (received_at);

-- What was landed: one table an entity, all of one shape. `doc` holds Intuit's own object. A row marked deleted keeps the
-- last object known. No foreign key leads from here to the realm: each landing proves the realm's epoch anyway, and the
-- check would cost as much as a quarter of the row. With this toast_tuple_target, rows up to 8 KB stay in line and
-- uncompressed, which halves the work of landing (measured) and makes reading one key several times faster. The key's
-- index carries the version, so that a re-sync asks what is known, and a proof counts, without reading a row (measured:
-- a half and a third of the work, for an index larger by an eighth).

CREATE SCHEMA qbo;

CREATE TABLE qbo.account (
    realm_id text NOT NULL,
    id text NOT NULL,
    sync_token bigint,
    created_at timestamptz,
    updated_at timestamptz,
    deleted_at timestamptz,
    doc jsonb NOT NULL,
    run_id bigint NOT NULL,
    landed_at timestamptz NOT NULL,
    PRIMARY KEY (realm_id, id) INCLUDE (sync_token, updated_at, deleted_at)
) WITH (toast_tuple_target = 8160);

CREATE TABLE qbo.attachable (
    realm_id text NOT NULL,
    id text NOT NULL,
    sync_token bigint,
    created_at timestamptz,
    updated_at timestamptz,
    deleted_at timestamptz,
    doc jsonb NOT NULL,
    run_id bigint NOT NULL,
    landed_at timestamptz NOT NULL,
    PRIMARY KEY (realm_id, id) INCLUDE (sync_token, updated_at, deleted_at)
) WITH (toast_tuple_target = 8160);

CREATE TABLE qbo.bill (
    realm_id text NOT NULL,
    id text NOT NULL,
    sync_token bigint,
    created_at timestamptz,
    updated_at timestamptz,
    deleted_at timestamptz,
    doc jsonb NOT NULL,
    run_id bigint NOT NULL,
    landed_at timestamptz NOT NULL,
    PRIMARY KEY (realm_id, id) INCLUDE (sync_token, updated_at, deleted_at)
) WITH (toast_tuple_target = 8160);

CREATE TABLE qbo.bill_payment (
    realm_id text NOT NULL,
    id text NOT NULL,
    sync_token bigint,
    created_at timestamptz,
    updated_at timestamptz,
    deleted_at timestamptz,
    doc jsonb NOT NULL,
    run_id bigint NOT NULL,
    landed_at timestamptz NOT NULL,
    PRIMARY KEY (realm_id, id) INCLUDE (sync_token, updated_at, deleted_at)
) WITH (toast_tuple_target = 8160);

CREATE TABLE qbo.budget (
    realm_id text NOT NULL,
    id text NOT NULL,
    sync_token bigint,
    created_at timestamptz,
    updated_at timestamptz,
    deleted_at timestamptz,
    doc jsonb NOT NULL,
    run_id bigint NOT NULL,
    landed_at timestamptz NOT NULL,
    PRIMARY KEY (realm_id, id) INCLUDE (sync_token, updated_at, deleted_at)
) WITH (toast_tuple_target = 8160);

CREATE TABLE qbo.class (
    realm_id text NOT NULL,
    id text NOT NULL,
    sync_token bigint,
    created_at timestamptz,
    updated_at timestamptz,
    deleted_at timestamptz,
    doc jsonb NOT NULL,
    run_id bigint NOT NULL,
    landed_at timestamptz NOT NULL,
    PRIMARY KEY (realm_id, id) INCLUDE (sync_token, updated_at, deleted_at)
) WITH (toast_tuple_target = 8160);

CREATE TABLE qbo.company_currency (
    realm_id text NOT NULL,
    id text NOT NULL,
    sync_token bigint,
    created_at timestamptz,
    updated_at timestamptz,
    deleted_at timestamptz,
    doc jsonb NOT NULL,
    run_id bigint NOT NULL,
    landed_at timestamptz NOT NULL,
    PRIMARY KEY (realm_id, id) INCLUDE (sync_token, updated_at, deleted_at)
) WITH (toast_tuple_target = 8160);

CREATE TABLE qbo.company_info (
    realm_id text NOT NULL,
    id text NOT NULL,
    sync_token bigint,
    created_at timestamptz,
    updated_at timestamptz,
    deleted_at timestamptz,
    doc jsonb NOT NULL,
    run_id bigint NOT NULL,
    landed_at timestamptz NOT NULL,
    PRIMARY KEY (realm_id, id) INCLUDE (sync_token, updated_at, deleted_at)
) WITH (toast_tuple_target = 8160);

CREATE TABLE qbo.credit_card_payment (
    realm_id text NOT NULL,
    id text NOT NULL,
    sync_token bigint,
    created_at timestamptz,
    updated_at timestamptz,
    deleted_at timestamptz,
    doc jsonb NOT NULL,
    run_id bigint NOT NULL,
    landed_at timestamptz NOT NULL,
    PRIMARY KEY (realm_id, id) INCLUDE (sync_token, updated_at, deleted_at)
) WITH (toast_tuple_target = 8160);

CREATE TABLE qbo.credit_memo (
    realm_id text NOT NULL,
    id text NOT NULL,
    sync_token bigint,
    created_at timestamptz,
    updated_at timestamptz,
    deleted_at timestamptz,
    doc jsonb NOT NULL,
    run_id bigint NOT NULL,
    landed_at timestamptz NOT NULL,
    PRIMARY KEY (realm_id, id) INCLUDE (sync_token, updated_at, deleted_at)
) WITH (toast_tuple_target = 8160);

CREATE TABLE qbo.customer (
    realm_id text NOT NULL,
    id text NOT NULL,
    sync_token bigint,
    created_at timestamptz,
    updated_at timestamptz,
    deleted_at timestamptz,
    doc jsonb NOT NULL,
    run_id bigint NOT NULL,
    landed_at timestamptz NOT NULL,
    PRIMARY KEY (realm_id, id) INCLUDE (sync_token, updated_at, deleted_at)
) WITH (toast_tuple_target = 8160);

CREATE TABLE qbo.customer_type (
    realm_id text NOT NULL,
    id text NOT NULL,
    sync_token bigint,
    created_at timestamptz,
    updated_at timestamptz,
    deleted_at timestamptz,
    doc jsonb NOT NULL,
    run_id bigint NOT NULL,
    landed_at timestamptz NOT NULL,
    PRIMARY KEY (realm_id, id) INCLUDE (sync_token, updated_at, deleted_at)
) WITH (toast_tuple_target = 8160);

CREATE TABLE qbo.department (
    realm_id text NOT NULL,
    id text NOT NULL,
    sync_token bigint,
    created_at timestamptz,
    updated_at timestamptz,
    deleted_at timestamptz,
    doc jsonb NOT NULL,
    run_id bigint NOT NULL,
    landed_at timestamptz NOT NULL,
    PRIMARY KEY (realm_id, id) INCLUDE (sync_token, updated_at, deleted_at)
) WITH (toast_tuple_target = 8160);

CREATE TABLE qbo.deposit (
    realm_id text NOT NULL,
    id text NOT NULL,
    sync_token bigint,
    created_at timestamptz,
    updated_at timestamptz,
    deleted_at timestamptz,
    doc jsonb NOT NULL,
    run_id bigint NOT NULL,
    landed_at timestamptz NOT NULL,
    PRIMARY KEY (realm_id, id) INCLUDE (sync_token, updated_at, deleted_at)
) WITH (toast_tuple_target = 8160);

CREATE TABLE qbo.employee (
    realm_id text NOT NULL,
    id text NOT NULL,
    sync_token bigint,
    created_at timestamptz,
    updated_at timestamptz,
    deleted_at timestamptz,
    doc jsonb NOT NULL,
    run_id bigint NOT NULL,
    landed_at timestamptz NOT NULL,
    PRIMARY KEY (realm_id, id) INCLUDE (sync_token, updated_at, deleted_at)
) WITH (toast_tuple_target = 8160);

CREATE TABLE qbo.estimate (
    realm_id text NOT NULL,
    id text NOT NULL,
    sync_token bigint,
    created_at timestamptz,
    updated_at timestamptz,
    deleted_at timestamptz,
    doc jsonb NOT NULL,
    run_id bigint NOT NULL,
    landed_at timestamptz NOT NULL,
    PRIMARY KEY (realm_id, id) INCLUDE (sync_token, updated_at, deleted_at)
) WITH (toast_tuple_target = 8160);

CREATE TABLE qbo.exchange_rate (
    realm_id text NOT NULL,
    id text NOT NULL,
    sync_token bigint,
    created_at timestamptz,
    updated_at timestamptz,
    deleted_at timestamptz,
    doc jsonb NOT NULL,
    run_id bigint NOT NULL,
    landed_at timestamptz NOT NULL,
    PRIMARY KEY (realm_id, id) INCLUDE (sync_token, updated_at, deleted_at)
) WITH (toast_tuple_target = 8160);

CREATE TABLE qbo.inventory_adjustment (
    realm_id text NOT NULL,
    id text NOT NULL,
    sync_token bigint,
    created_at timestamptz,
    updated_at timestamptz,
    deleted_at timestamptz,
    doc jsonb NOT NULL,
    run_id bigint NOT NULL,
    landed_at timestamptz NOT NULL,
    PRIMARY KEY (realm_id, id) INCLUDE (sync_token, updated_at, deleted_at)
) WITH (toast_tuple_target = 8160);

CREATE TABLE qbo.invoice (
    realm_id text NOT NULL,
    id text NOT NULL,
    sync_token bigint,
    created_at timestamptz,
    updated_at timestamptz,
    deleted_at timestamptz,
    doc jsonb NOT NULL,
    run_id bigint NOT NULL,
    landed_at timestamptz NOT NULL,
    PRIMARY KEY (realm_id, id) INCLUDE (sync_token, updated_at, deleted_at)
) WITH (toast_tuple_target = 8160);

CREATE TABLE qbo.item (
    realm_id text NOT NULL,
    id text NOT NULL,
    sync_token bigint,
    created_at timestamptz,
    updated_at timestamptz,
    deleted_at timestamptz,
    doc jsonb NOT NULL,
    run_id bigint NOT NULL,
    landed_at timestamptz NOT NULL,
    PRIMARY KEY (realm_id, id) INCLUDE (sync_token, updated_at, deleted_at)
) WITH (toast_tuple_target = 8160);

CREATE TABLE qbo.journal_code (
    realm_id text NOT NULL,
    id text NOT NULL,
    sync_token bigint,
    created_at timestamptz,
    updated_at timestamptz,
    deleted_at timestamptz,
    doc jsonb NOT NULL,
    run_id bigint NOT NULL,
    landed_at timestamptz NOT NULL,
    PRIMARY KEY (realm_id, id) INCLUDE (sync_token, updated_at, deleted_at)
) WITH (toast_tuple_target = 8160);

CREATE TABLE qbo.journal_entry (
    realm_id text NOT NULL,
    id text NOT NULL,
    sync_token bigint,
    created_at timestamptz,
    updated_at timestamptz,
    deleted_at timestamptz,
    doc jsonb NOT NULL,
    run_id bigint NOT NULL,
    landed_at timestamptz NOT NULL,
    PRIMARY KEY (realm_id, id) INCLUDE (sync_token, updated_at, deleted_at)
) WITH (toast_tuple_target = 8160);

CREATE TABLE qbo.payment (
    realm_id text NOT NULL,
    id text NOT NULL,
    sync_token bigint,
    created_at timestamptz,
    updated_at timestamptz,
    deleted_at timestamptz,
    doc jsonb NOT NULL,
    run_id bigint NOT NULL,
    landed_at timestamptz NOT NULL,
    PRIMARY KEY (realm_id, id) INCLUDE (sync_token, updated_at, deleted_at)
) WITH (toast_tuple_target = 8160);

CREATE TABLE qbo.payment_method (
    realm_id text NOT NULL,
    id text NOT NULL,
    sync_token bigint,
    created_at timestamptz,
    updated_at timestamptz,
    deleted_at timestamptz,
    doc jsonb NOT NULL,
    run_id bigint NOT NULL,
    landed_at timestamptz NOT NULL,
    PRIMARY KEY (realm_id, id) INCLUDE (sync_token, updated_at, deleted_at)
) WITH (toast_tuple_target = 8160);

CREATE TABLE qbo.preferences (
    realm_id text NOT NULL,
    id text NOT NULL,
    sync_token bigint,
    created_at timestamptz,
    updated_at timestamptz,
    deleted_at timestamptz,
    doc jsonb NOT NULL,
    run_id bigint NOT NULL,
    landed_at timestamptz NOT NULL,
    PRIMARY KEY (realm_id, id) INCLUDE (sync_token, updated_at, deleted_at)
) WITH (toast_tuple_target = 8160);

CREATE TABLE qbo.purchase (
    realm_id text NOT NULL,
    id text NOT NULL,
    sync_token bigint,
    created_at timestamptz,
    updated_at timestamptz,
    deleted_at timestamptz,
    doc jsonb NOT NULL,
    run_id bigint NOT NULL,
    landed_at timestamptz NOT NULL,
    PRIMARY KEY (realm_id, id) INCLUDE (sync_token, updated_at, deleted_at)
) WITH (toast_tuple_target = 8160);

CREATE TABLE qbo.purchase_order (
    realm_id text NOT NULL,
    id text NOT NULL,
    sync_token bigint,
    created_at timestamptz,
    updated_at timestamptz,
    deleted_at timestamptz,
    doc jsonb NOT NULL,
    run_id bigint NOT NULL,
    landed_at timestamptz NOT NULL,
    PRIMARY KEY (realm_id, id) INCLUDE (sync_token, updated_at, deleted_at)
) WITH (toast_tuple_target = 8160);

CREATE TABLE qbo.recurring_transaction (
    realm_id text NOT NULL,
    id text NOT NULL,
    sync_token bigint,
    created_at timestamptz,
    updated_at timestamptz,
    deleted_at timestamptz,
    doc jsonb NOT NULL,
    run_id bigint NOT NULL,
    landed_at timestamptz NOT NULL,
    PRIMARY KEY (realm_id, id) INCLUDE (sync_token, updated_at, deleted_at)
) WITH (toast_tuple_target = 8160);

CREATE TABLE qbo.refund_receipt (
    realm_id text NOT NULL,
    id text NOT NULL,
    sync_token bigint,
    created_at timestamptz,
    updated_at timestamptz,
    deleted_at timestamptz,
    doc jsonb NOT NULL,
    run_id bigint NOT NULL,
    landed_at timestamptz NOT NULL,
    PRIMARY KEY (realm_id, id) INCLUDE (sync_token, updated_at, deleted_at)
) WITH (toast_tuple_target = 8160);

CREATE TABLE qbo.reimburse_charge (
    realm_id text NOT NULL,
    id text NOT NULL,
    sync_token bigint,
    created_at timestamptz,
    updated_at timestamptz,
    deleted_at timestamptz,
    doc jsonb NOT NULL,
    run_id bigint NOT NULL,
    landed_at timestamptz NOT NULL,
    PRIMARY KEY (realm_id, id) INCLUDE (sync_token, updated_at, deleted_at)
) WITH (toast_tuple_target = 8160);

CREATE TABLE qbo.sales_receipt (
    realm_id text NOT NULL,
    id text NOT NULL,
    sync_token bigint,
    created_at timestamptz,
    updated_at timestamptz,
    deleted_at timestamptz,
    doc jsonb NOT NULL,
    run_id bigint NOT NULL,
    landed_at timestamptz NOT NULL,
    PRIMARY KEY (realm_id, id) INCLUDE (sync_token, updated_at, deleted_at)
) WITH (toast_tuple_target = 8160);

CREATE TABLE qbo.tax_agency (
    realm_id text NOT NULL,
    id text NOT NULL,
    sync_token bigint,
    created_at timestamptz,
    updated_at timestamptz,
    deleted_at timestamptz,
    doc jsonb NOT NULL,
    run_id bigint NOT NULL,
    landed_at timestamptz NOT NULL,
    PRIMARY KEY (realm_id, id) INCLUDE (sync_token, updated_at, deleted_at)
) WITH (toast_tuple_target = 8160);

CREATE TABLE qbo.tax_classification (
    realm_id text NOT NULL,
    id text NOT NULL,
    sync_token bigint,
    created_at timestamptz,
    updated_at timestamptz,
    deleted_at timestamptz,
    doc jsonb NOT NULL,
    run_id bigint NOT NULL,
    landed_at timestamptz NOT NULL,
    PRIMARY KEY (realm_id, id) INCLUDE (sync_token, updated_at, deleted_at)
) WITH (toast_tuple_target = 8160);

CREATE TABLE qbo.tax_code (
    realm_id text NOT NULL,
    id text NOT NULL,
    sync_token bigint,
    created_at timestamptz,
    updated_at timestamptz,
    deleted_at timestamptz,
    doc jsonb NOT NULL,
    run_id bigint NOT NULL,
    landed_at timestamptz NOT NULL,
    PRIMARY KEY (realm_id, id) INCLUDE (sync_token, updated_at, deleted_at)
) WITH (toast_tuple_target = 8160);

CREATE TABLE qbo.tax_payment (
    realm_id text NOT NULL,
    id text NOT NULL,
    sync_token bigint,
    created_at timestamptz,
    updated_at timestamptz,
    deleted_at timestamptz,
    doc jsonb NOT NULL,
    run_id bigint NOT NULL,
    landed_at timestamptz NOT NULL,
    PRIMARY KEY (realm_id, id) INCLUDE (sync_token, updated_at, deleted_at)
) WITH (toast_tuple_target = 8160);

CREATE TABLE qbo.tax_rate (
    realm_id text NOT NULL,
    id text NOT NULL,
    sync_token bigint,
    created_at timestamptz,
    updated_at timestamptz,
    deleted_at timestamptz,
    doc jsonb NOT NULL,
    run_id bigint NOT NULL,
    landed_at timestamptz NOT NULL,
    PRIMARY KEY (realm_id, id) INCLUDE (sync_token, updated_at, deleted_at)
) WITH (toast_tuple_target = 8160);

CREATE TABLE qbo.term (
    realm_id text NOT NULL,
    id text NOT NULL,
    sync_token bigint,
    created_at timestamptz,
    updated_at timestamptz,
    deleted_at timestamptz,
    doc jsonb NOT NULL,
    run_id bigint NOT NULL,
    landed_at timestamptz NOT NULL,
    PRIMARY KEY (realm_id, id) INCLUDE (sync_token, updated_at, deleted_at)
) WITH (toast_tuple_target = 8160);

CREATE TABLE qbo.time_activity (
    realm_id text NOT NULL,
    id text NOT NULL,
    sync_token bigint,
    created_at timestamptz,
    updated_at timestamptz,
    deleted_at timestamptz,
    doc jsonb NOT NULL,
    run_id bigint NOT NULL,
    landed_at timestamptz NOT NULL,
    PRIMARY KEY (realm_id, id) INCLUDE (sync_token, updated_at, deleted_at)
) WITH (toast_tuple_target = 8160);

CREATE TABLE qbo.transfer (
    realm_id text NOT NULL,
    id text NOT NULL,
    sync_token bigint,
    created_at timestamptz,
    updated_at timestamptz,
    deleted_at timestamptz,
    doc jsonb NOT NULL,
    run_id bigint NOT NULL,
    landed_at timestamptz NOT NULL,
    PRIMARY KEY (realm_id, id) INCLUDE (sync_token, updated_at, deleted_at)
) WITH (toast_tuple_target = 8160);

CREATE TABLE qbo.vendor (
    realm_id text NOT NULL,
    id text NOT NULL,
    sync_token bigint,
    created_at timestamptz,
    updated_at timestamptz,
    deleted_at timestamptz,
    doc jsonb NOT NULL,
    run_id bigint NOT NULL,
    landed_at timestamptz NOT NULL,
    PRIMARY KEY (realm_id, id) INCLUDE (sync_token, updated_at, deleted_at)
) WITH (toast_tuple_target = 8160);

CREATE TABLE qbo.vendor_credit (
    realm_id text NOT NULL,
    id text NOT NULL,
    sync_token bigint,
    created_at timestamptz,
    updated_at timestamptz,
    deleted_at timestamptz,
    doc jsonb NOT NULL,
    run_id bigint NOT NULL,
    landed_at timestamptz NOT NULL,
    PRIMARY KEY (realm_id, id) INCLUDE (sync_token, updated_at, deleted_at)
) WITH (toast_tuple_target = 8160);
