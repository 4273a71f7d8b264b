"""backfill: moves years of books between thousands of QuickBooks Online companies and Postgres."""
