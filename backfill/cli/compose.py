"""Puts the parts together that need no way to Intuit: settings to an open store, the keys and the clock."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from backfill.cli.output import counted, say
from backfill.config import Settings
from backfill.errors import UnavailableError
from backfill.model import Secret
from backfill.store.database import Database, open_database
from backfill.store.embedded import embedded_postgres
from backfill.store.encryption import Keyring, create_key_file, keyring_from_file, keyring_from_text
from backfill.store.migrate import drop_everything
from backfill.store.tokens import keys_used


@asynccontextmanager
async def database_url(settings: Settings) -> AsyncIterator[str]:
    """The user's database if one is given, else the embedded one, up for as long as the block runs."""
    if settings.database_url is not None:
        yield settings.database_url.get_secret_value()
        return
    async with embedded_postgres(settings.data_folder / "postgres", pg_bin_dir=settings.postgres.pg_bin_dir) as url:
        yield url


@asynccontextmanager
async def open_store(settings: Settings, *, empty: bool = False) -> AsyncIterator[Database]:
    """The open database, brought up to this program's schema (under a lock, so that many may start at once).

    `empty` drops all that an earlier run left there.
    """
    async with database_url(settings) as url:
        if empty:
            async with open_database(url, migrated=False) as database, database.control() as connection:
                await drop_everything(connection)
        async with open_database(url) as database:
            yield database


async def keyring(settings: Settings, database: Database) -> Keyring:
    """The keys for tokens at rest: from the environment, or from a file made once with mode 0600, and said.

    None is made where tokens are encrypted already, by another machine: neither could read what the other stores.
    Raises `UnavailableError` then, and `UsageError` for what is no key.
    """
    if settings.encryption_key is not None:
        return keyring_from_text(Secret(settings.encryption_key.get_secret_value()))
    if not settings.key_file.exists() and (used := await keys_used(database)):
        raise UnavailableError(
            f"The tokens in this database are encrypted with a key that is not here: there is no {settings.key_file}"
            f" (key {', '.join(used)}, {counted(sum(used.values()), 'realm')}).",
            action="Give the key of the machine that imported them, in that file (mode 0600) or in"
            " BACKFILL_ENCRYPTION_KEY. If it is lost, make a new one (openssl rand -base64 32), connect every company"
            " again, and import their new tokens.",
        )
    if create_key_file(settings.key_file):
        say(f"Made the key that encrypts tokens: {settings.key_file} (mode 0600). Back it up apart from the database.")
    return keyring_from_file(settings.key_file)


async def fitting_keyring(settings: Settings, database: Database) -> Keyring:
    """The same for who must read tokens. Raises `UnavailableError` as well if there are some, and none of them fits."""
    ring, used = await keyring(settings, database), await keys_used(database)
    if used and not used.keys() & set(ring.key_ids):
        raise UnavailableError(
            f"The tokens of {counted(sum(used.values()), 'realm')} cannot be decrypted with the keys given: they were"
            f" encrypted with key {', '.join(used)}, and given is {', '.join(ring.key_ids)}.",
            action="Give the key that encrypted them, in BACKFILL_ENCRYPTION_KEY or the key file.",
        )
    return ring


def now() -> datetime:
    """The wall clock. Nothing else reads it but `simulate`, which needs nothing of this module."""
    return datetime.now(UTC)
