"""What the dashboard's tests share: a fresh database each."""

from __future__ import annotations

from tests.postgres import database, database_dsn, postgres_server

__all__ = ["database", "database_dsn", "postgres_server"]
