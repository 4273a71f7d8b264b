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
    -- Who refreshes them, and until when nobody else may: no connection is held while Intuit answers.
    claimed_by text,
    claimed_until timestamptz,
    CONSTRAINT token_access_whole CHECK (access_expires_at IS NULL OR access_token IS NOT NULL),
    CONSTRAINT token_claim_whole CHECK ((claimed_by IS NULL) = (claimed_until IS NULL))
);

-- Which refresh tokens were ever imported, by their SHA-256. Intuit replaces a value about once a day: one that comes again,
-- as in a file to which companies were added, is long dead, and whoever uses it may lose the company.
CREATE TABLE backfill.imported_token (
    realm_id text NOT NULL REFERENCES backfill.realm ON DELETE CASCADE,
    digest bytea NOT NULL,
    PRIMARY KEY (realm_id, digest)
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
    -- Of a run that is held to a plan: added to in blocks before they are used, a batch as one call and as its items.
    metered_calls bigint NOT NULL DEFAULT 0 CHECK (metered_calls >= 0),
    metered_items bigint NOT NULL DEFAULT 0 CHECK (metered_items >= 0),
    metered_max bigint CHECK (metered_max >= 0),
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
CREATE INDEX webhook_event_settled ON backfill.webhook_event (realm_id, event_id) WHERE settled_at IS NOT NULL;
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
-- a half and a third of the work, for an index larger by an eighth). That landed_at says when each row came, and not when
-- its page began, also lets COPY insert row by row: it would put aside a thousand before it writes, which pays where a
-- block holds many rows, and not where it holds four (measured: a tenth of the server's work).

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
    landed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
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
    landed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
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
    landed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
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
    landed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
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
    landed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
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
    landed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
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
    landed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
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
    landed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
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
    landed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
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
    landed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
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
    landed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
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
    landed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
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
    landed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
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
    landed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
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
    landed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
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
    landed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
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
    landed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
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
    landed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
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
    landed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
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
    landed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
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
    landed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
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
    landed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
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
    landed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
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
    landed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
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
    landed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
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
    landed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
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
    landed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
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
    landed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
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
    landed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
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
    landed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
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
    landed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
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
    landed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
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
    landed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
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
    landed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
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
    landed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
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
    landed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
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
    landed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
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
    landed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
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
    landed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
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
    landed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
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
    landed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (realm_id, id) INCLUDE (sync_token, updated_at, deleted_at)
) WITH (toast_tuple_target = 8160);

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
    -- No foreign key, nor of the seal: whoever deletes those would look through the whole ledger, or each row that is
    -- written would cost an eighth more log for their indexes (measured).
    realm_id text NOT NULL,
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
    seal_id bigint,
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
    -- When the first attempt in doubt was sealed; none is: NULL. What is done is in doubt no more: what is made of it
    -- anew is another object.
    doubtful_since timestamptz,
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
CREATE INDEX load_row_by_load ON backfill.load_row (load_id, realm_id, state);

CREATE VIEW backfill.id_map AS
SELECT realm_id, entity, source_key, object_id, load_id
FROM backfill.load_row WHERE operation = 'create' AND state IN ('applied', 'adopted');

-- Reports, each answer kept whole as an ordered document. An answer's row is its own checkpoint: what is not here is read.

CREATE TABLE qbo.report (
    report_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    realm_id text NOT NULL,
    report text NOT NULL CHECK (report <> ''),
    -- What was asked beside the period, as in a query string, by name; empty for nothing.
    parameters text NOT NULL,
    -- The planned period. A list that has none has the bounds -infinity and infinity.
    period_start date NOT NULL,
    period_end date NOT NULL,
    -- The dates of it that this answer is of. A period that was too much for one answer has several rows, and dates that
    -- were too much have several again: numbered, each with its cut (some accounts, or some columns), the last one closes.
    date_start date NOT NULL,
    date_end date NOT NULL,
    number integer NOT NULL CHECK (number >= 0),
    cut text NOT NULL,
    closes boolean NOT NULL,
    -- As the answer says.
    basis text NOT NULL,
    currency text NOT NULL,
    header jsonb NOT NULL,
    columns jsonb NOT NULL,
    server_time timestamptz,
    intuit_tid text NOT NULL,
    cell_count bigint NOT NULL CHECK (cell_count >= 0),
    -- The answer as it came, in gzip, and its size before.
    body bytea NOT NULL,
    body_bytes bigint NOT NULL CHECK (body_bytes >= 0),
    -- What it comes to, which other reports are compared with, and what in it does not add up.
    figures jsonb NOT NULL,
    faults text[] NOT NULL,
    run_id bigint NOT NULL,
    fetched_at timestamptz NOT NULL,
    UNIQUE (realm_id, report, parameters, period_start, period_end, date_start, date_end, number),
    CONSTRAINT report_dates_in_period CHECK (
        period_start <= date_start AND date_start <= date_end AND date_end <= period_end
    )
);

-- The body is compressed already.
ALTER TABLE qbo.report ALTER COLUMN body SET STORAGE EXTERNAL;

CREATE TABLE qbo.report_row (
    report_id bigint NOT NULL REFERENCES qbo.report ON DELETE CASCADE,
    -- The row's place from the top, and its place in the tree by groups and Ids, never by titles.
    ordinal integer NOT NULL CHECK (ordinal >= 0),
    path text NOT NULL,
    depth smallint NOT NULL CHECK (depth >= 0),
    row_type text NOT NULL CHECK (row_type IN ('section', 'data', 'opening', 'summary')),
    row_group text NOT NULL,
    -- As shown, for people: translated, and never a key.
    label text NOT NULL,
    account_id text,
    -- A customer, vendor or employee: their Ids are of one sequence.
    name_id text,
    transaction_id text,
    -- Column key to value: numbers as numbers with their scale, all else as text. What is empty or zero is left out.
    cells jsonb NOT NULL,
    -- Column key to the Id behind its cell.
    ids jsonb NOT NULL,
    PRIMARY KEY (report_id, ordinal)
);

CREATE INDEX report_row_by_account ON qbo.report_row (account_id, report_id) WHERE account_id IS NOT NULL;

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
