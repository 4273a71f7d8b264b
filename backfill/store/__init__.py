"""Postgres: migrations, landing, leases, runs, proofs, tokens, the embedded server. The driver is used here only."""
