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

-- When tokens end, as far as Intuit says it: of disuse (each refresh puts that off), and for good (the consent's own end).
ALTER TABLE backfill.token ADD COLUMN refresh_expires_at timestamptz, ADD COLUMN consent_expires_at timestamptz;
