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
