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
