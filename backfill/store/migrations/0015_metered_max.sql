-- What a run that is held to a plan may make of metered calls: processes that help with it have no plan of their own.

ALTER TABLE backfill.run ADD COLUMN metered_max bigint CHECK (metered_max >= 0);
