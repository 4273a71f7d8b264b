-- What a row's attempts in doubt may have made is looked for from the first of them on, however much later it is retried.

ALTER TABLE backfill.load_row
    -- When the first attempt in doubt was sealed; none is: NULL. What is done is in doubt no more: what is made of it
    -- anew is another object.
    ADD COLUMN doubtful_since timestamptz;

UPDATE backfill.load_row AS held SET doubtful_since = tried.sealed_at
FROM (
    SELECT row_id, coalesce(min(sealed_at) FILTER (WHERE times_lost > 0), min(sealed_at)) AS sealed_at
    FROM backfill.seal, unnest(row_ids) AS row_id GROUP BY row_id
) AS tried
WHERE held.row_id = tried.row_id AND held.doubtful AND held.state IN ('waiting', 'sealed', 'rejected');

ALTER TABLE backfill.load_row DROP COLUMN doubtful;
