-- A company's rows of a load are counted for each company, so they are found by it: by the load alone, a load into a
-- thousand companies would be read a thousand times over.

DROP INDEX backfill.load_row_by_load;
CREATE INDEX load_row_by_load ON backfill.load_row (load_id, realm_id, state);
