"""Who is measured beside backfill: what each is, what it keeps, and which interpreter has it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.parity import Canonical, keys, whole, without_cursor

OBJECTS = "SELECT doc::text FROM {table}"
"""Selects what a peer keeps of a document, as JSON."""
COLUMNS = "SELECT json_build_object('Id', id, 'SyncToken', sync_token, 'TotalAmt', total_amt)::text FROM {table}"
QUOTED = """SELECT json_build_object('Id', "Id", 'SyncToken', "SyncToken", 'TotalAmt', "TotalAmt")::text FROM {table}"""

STREAMS: Mapping[str, str] = {
    "Invoice": "invoices",
    "Payment": "payments",
    "Bill": "bills",
    "BillPayment": "bill_payments",
    "Purchase": "purchases",
    "JournalEntry": "journal_entries",
    "SalesReceipt": "sales_receipts",
    "Deposit": "deposits",
}
"""What the tap, and so the target's tables, call the entities."""


@dataclass(frozen=True, slots=True)
class Peer:
    """One way to land a company's rows."""

    title: str
    program: str
    """Below `peers/`."""
    needs: tuple[str, ...]
    """Modules that its interpreter must be able to import."""
    install: str
    """What gives them, when it is not there."""
    faster: float
    """How many times its rows a second backfill means to land, at least."""
    keeps: str
    compared: Canonical = whole
    """What of its rows is compared with the server's."""
    landed: str | None = OBJECTS
    """Selects a table's rows as JSON. None: it lands nothing, but writes messages to a file."""
    table: Callable[[str], str] = str.lower
    """An entity's table in the schema that it is given."""
    beside: str | None = None
    """The module of its second program, which another interpreter may have."""


EXTRA = "pip install .[peers]"

PEERS: Mapping[str, Peer] = {
    "script": Peer(
        title="competent script",
        program="script.py",
        needs=("aiohttp", "asyncpg", "orjson", "uvloop"),
        install=EXTRA,
        faster=3.5,
        keeps="documents",
    ),
    "quickbooks-dicts": Peer(
        title="python-quickbooks, dicts",
        program="quickbooks_dicts.py",
        needs=("quickbooks", "psycopg2"),
        install=EXTRA,
        faster=3.5,
        keeps="documents",
    ),
    "quickbooks-objects": Peer(
        title="python-quickbooks, objects",
        program="quickbooks_objects.py",
        needs=("quickbooks", "psycopg2"),
        install=EXTRA,
        faster=3.5,
        keeps="its own objects",
        compared=keys,
    ),
    "dlt-arrow": Peer(
        title="dlt, Arrow and COPY",
        program="dlt_arrow.py",
        needs=("dlt", "pyarrow", "psycopg2"),
        install=EXTRA,
        faster=6.0,
        keeps="documents",
    ),
    "dlt-default": Peer(
        title="dlt, defaults",
        program="dlt_default.py",
        needs=("dlt", "psycopg2"),
        install=EXTRA,
        faster=15.0,
        keeps="columns and child tables",
        compared=keys,
        landed=COLUMNS,
    ),
    "airbyte": Peer(
        title="Airbyte's reader, no target",
        program="airbyte_reader.py",
        needs=("airbyte_cdk",),
        install=EXTRA,
        faster=15.0,
        keeps="messages in a file",
        compared=without_cursor,
        landed=None,
    ),
    "tap": Peer(
        title="Singer tap | target",
        program="tap_and_target.py",
        needs=("tap_quickbooks",),
        install="pip install tap-quickbooks==2.5.0, and elsewhere pip install meltanolabs-target-postgres",
        faster=30.0,
        keeps="columns",
        compared=keys,
        landed=QUOTED,
        table=lambda entity: STREAMS[entity],
        beside="target_postgres",
    ),
}

_PROBE = """
import importlib.metadata, importlib.util, json, sys
if not all(importlib.util.find_spec(name) for name in sys.argv[1:]):
    sys.exit(1)
owners = importlib.metadata.packages_distributions()
print(json.dumps({owner: importlib.metadata.version(owner) for name in sys.argv[1:] for owner in owners[name]}))
"""


@dataclass(frozen=True, slots=True)
class Installed:
    """The interpreters of a peer's programs, and the versions of what they import."""

    python: str
    beside: str | None
    versions: Mapping[str, str]


def installed(peer: Peer, pythons: Sequence[str]) -> Installed | None:
    """Where a peer is, or None: each of its programs takes the first interpreter that has its modules."""
    first = _first(peer.needs, pythons)
    second = _first((peer.beside,), pythons) if peer.beside else ("", {})
    if first is None or second is None:
        return None
    return Installed(first[0], second[0] or None, {**first[1], **second[1]})


def _first(modules: Sequence[str], pythons: Sequence[str]) -> tuple[str, dict[str, str]] | None:
    for python in pythons:
        probed = subprocess.run([python, "-c", _PROBE, *modules], stdout=subprocess.PIPE, check=False)
        if probed.returncode == 0:
            return python, json.loads(probed.stdout)
    return None
