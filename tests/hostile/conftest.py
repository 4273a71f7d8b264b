"""A Postgres with a registered realm, for what is landed there."""

from tests.postgres import database, database_dsn, postgres_server
from tests.store.conftest import keyring, realms, vault, work

__all__ = ["database", "database_dsn", "keyring", "postgres_server", "realms", "vault", "work"]
