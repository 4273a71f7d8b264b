"""What the driver and the server say, in plain sentences: the one place where their errors become ours.

Only the world's troubles are translated. An error that shows a mistake of ours (bad SQL, a broken constraint)
passes through as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import asyncpg

from backfill.errors import Disposition, UnavailableError


@dataclass(frozen=True, slots=True)
class Trouble:
    """One kind of trouble: what happened, what to do, and whether the same again may succeed."""

    sentence: str
    action: str
    disposition: Disposition = Disposition.STOP


UNREACHABLE = Trouble(
    "cannot be reached", "see that the database runs and that its address is right", Disposition.RETRY
)
REFUSED = Trouble("refuses us", "check user and password in BACKFILL_DATABASE_URL, and the server's pg_hba.conf")
POOLED = Trouble(
    "does not support what we need", "connect to Postgres itself, not to a pooler that shares its sessions"
)
CONTENDED = Trouble("was busy with another command", "run the command again", Disposition.RETRY)

TROUBLES = {
    "08": UNREACHABLE,
    "08P01": POOLED,  # a pooler that is asked for a setting of a session's
    "0A": POOLED,
    "28": REFUSED,
    "26000": POOLED,  # one that gives each transaction another session: a prepared statement is not there,
    "42P05": POOLED,  # or is another's
    "25006": Trouble(
        "is read-only", "connect to the primary, not to a replica, without default_transaction_read_only for the user"
    ),
    "3D000": Trouble("does not exist", "create it, or correct its name in BACKFILL_DATABASE_URL"),
    "3F000": Trouble("is not set up", "run: backfill migrate"),
    "40": CONTENDED,
    "42501": Trouble("does not grant us what we need", "grant the user CREATE on the database and all on our schemas"),
    "42P01": Trouble("is not set up", "run: backfill migrate"),
    "53100": Trouble("has no space left on its disk", "free space there, then run the command again"),
    "53200": Trouble("is out of memory", "give the server more memory, then run the command again", Disposition.RETRY),
    "53300": Trouble(
        "has no connection left for us", "raise max_connections, or end other programs", Disposition.RETRY
    ),
    "53": Trouble("is out of some resource", "see the server's log"),
    "55000": Trouble("accepts no connections", "see what its administrator is doing", Disposition.RETRY),
    "55P03": CONTENDED,
    "57014": Trouble("did not answer in time", "see what keeps the server busy: pg_stat_activity", Disposition.RETRY),
    "57": UNREACHABLE,
    "58": Trouble("has trouble with its files", "see the server's log"),
    "XX": Trouble("is damaged or has a fault of its own", "see the server's log"),
}
"""By SQLSTATE, the whole code before its class. In each sentence the subject is 'the database NAME'."""

BROKE = "the connection broke"

LOST_CONNECTION_WORDS = ("closed", "closing", "released back to the pool")
"""In the driver's messages. The pool takes a lost connection back from under its holder."""


@contextmanager
def translated(name: str) -> Iterator[None]:
    """Raise UnavailableError for the world's troubles with the database `name` (host and name, no password)."""
    try:
        yield
    except asyncpg.ClientConfigurationError:
        # Its text may quote the address with the password: neither the text nor the cause is passed on.
        raise UnavailableError(
            "the address of the database cannot be read",
            action="BACKFILL_DATABASE_URL is of the form postgresql://user:password@host:5432/database",
        ) from None
    except asyncpg.PostgresError as error:
        trouble = trouble_of(error.sqlstate)
        if trouble is None:
            raise
        # What the driver raises itself, of a connection that is gone, has no message of a server's.
        raise _unavailable(name, trouble, error.message or str(error)) from error
    except asyncpg.InterfaceError as error:
        # The driver has one class for a connection lost under us and for our misuse of it; its words tell them apart,
        # or what came before: after its own loss of track nothing can be done on the connection, a rollback neither.
        if not any(word in str(error) for word in LOST_CONNECTION_WORDS) and not _lost_track_before(error):
            raise
        raise _unavailable(name, UNREACHABLE, BROKE) from error  # its own words name what we called
    except asyncpg.TargetServerAttributeNotMatched as error:  # none of an address's hosts is as it says one has to be
        raise _unavailable(name, UNREACHABLE, str(error)) from error
    except asyncpg.InternalClientError as error:
        # The driver loses track of a connection that breaks while it is given back or fed by COPY (seen when a server
        # ended all).
        raise _unavailable(name, UNREACHABLE, BROKE) from error
    except OSError as error:  # TimeoutError is one of them
        raise _unavailable(name, UNREACHABLE, error.strerror or "no answer in time") from error


def _lost_track_before(error: BaseException) -> bool:
    before = error.__context__
    while before is not None and not isinstance(before, asyncpg.InternalClientError):
        before = before.__context__
    return before is not None


def trouble_of(sqlstate: str | None) -> Trouble | None:
    """The trouble that a SQLSTATE tells of, or None if it tells of a mistake of ours."""
    code = sqlstate or ""
    return TROUBLES.get(code) or TROUBLES.get(code[:2])


def is_data_error(error: asyncpg.PostgresError) -> bool:
    """Whether the server, or the driver's encoding, refuses a value: class 22, and the limits of class 54."""
    return (error.sqlstate or "")[:2] in {"22", "54"}


def _unavailable(name: str, trouble: Trouble, told: str) -> UnavailableError:
    return UnavailableError(
        f"the database {name} {trouble.sentence}: {told}", action=trouble.action, disposition=trouble.disposition
    )
