"""Law 4, end to end: an extract that is killed or interrupted goes on, and asks for no committed page again."""

from __future__ import annotations

import asyncio
import random
import re
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from backfill.store.entity_tables import table_of
from tests.cli.conftest import Query
from tests.comparison import compare
from tests.gate import gated
from tests.processes import Backfill, Intuit, ended, eventually, simulated

SMALL_PAGES = "[extract]\npage_rows = 25\nreaders_per_realm = 2\n"
"""Many pages of few rows, so that a kill at any moment comes between two checkpoints of some slice."""

LATENCY_S = 0.02

OURS = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'backfill %'"

PAGE = re.compile(
    r"SELECT \* FROM (?P<entity>\w+) WHERE (?:MetaData\.CreateTime >= '(?P<low>[^']+)' AND )?"
    r"MetaData\.CreateTime <= '"
)
"""A page of a slice. Only slices have an upper bound; what else is asked (sweeps, walks for a proof) has none."""


@dataclass(frozen=True)
class Checkpoint:
    """How far a slice was, as committed."""

    realm_id: str
    entity: str
    lower: datetime | None
    upper: datetime | None
    cursor: datetime | None
    done: bool

    def holds(self, entity: str, low: datetime | None) -> bool:
        """Whether a page from `low` on begins in this slice. Neighbours share a second, which is the later one's."""
        begins = self.lower is None or (low is not None and self.lower <= low)
        ends = self.upper is None or low is None or low < self.upper
        return entity == self.entity and begins and ends

    def had_read(self, low: datetime | None) -> bool:
        """Whether a page from `low` on was committed already. The cursor's own second may be asked for again."""
        return self.done or (self.cursor is not None and (low is None or low < self.cursor))


def asked_again(log: Sequence[dict[str, Any]], checkpoints: Sequence[Checkpoint]) -> list[str]:
    """The statements of the log that asked for what was committed."""
    return [
        f"{entry['asked']} after {checkpoint}"
        for entry in log
        if entry["lane"] == "query" and (page := PAGE.match(entry["asked"]))
        for checkpoint in checkpoints
        if checkpoint.holds(page["entity"], _instant(page["low"])) and checkpoint.had_read(_instant(page["low"]))
    ]


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


@contextmanager
def fleet(user: Backfill, folder: Path, **options: float | str) -> Iterator[tuple[Backfill, Intuit]]:
    """A user connected to three companies whose people are at work."""
    (folder / "small.toml").write_text(SMALL_PAGES)
    given = {"realms": 3, "rows": "1500:2000", "latency_ms": LATENCY_S * 1000, "changes_per_minute": 300, **options}
    with simulated(folder, **given) as intuit:
        connected = user.having(**intuit.variables)
        assert connected.run("realms", "import", intuit.realms_file).code == 0
        yield connected, intuit


def extract(user: Backfill, *arguments: str) -> tuple[str, ...]:
    return ("extract", "--config", str(user.home / "small.toml"), *arguments)


def checkpoints_at_rest(intuit: Intuit, query: Query) -> tuple[list[Checkpoint], dict[str, int]]:
    """What is committed, and how long each realm's log is, once a dead command's last statement is over.

    What the simulator still has in hand from it belongs to no committed page, or it would have answered.
    """
    assert eventually(lambda: not query(OURS))
    rows = query(
        "SELECT realm_id, entity, lower_bound AS lower, upper_bound AS upper, cursor, done FROM backfill.slice"
    )
    lengths = {realm_id: len(intuit.log(realm_id)) for realm_id in intuit.realm_ids}
    return [Checkpoint(**row) for row in rows], lengths


def no_row_is_behind_its_checkpoint(query: Query) -> None:
    """A first run counts each row once, so all that the checkpoints count is landed."""
    counted = query("SELECT realm_id, entity, sum(rows_read) AS rows FROM backfill.slice GROUP BY 1, 2")
    assert sum(row["rows"] for row in counted) > 100
    for row in counted:
        ((landed,),) = query(f"SELECT count(*) FROM {table_of(row['entity'])} WHERE realm_id = $1", row["realm_id"])
        assert landed >= row["rows"], row


def nothing_asked_again(intuit: Intuit, checkpoints: Sequence[Checkpoint], lengths: dict[str, int]) -> None:
    for realm_id in intuit.realm_ids:
        own = [checkpoint for checkpoint in checkpoints if checkpoint.realm_id == realm_id]
        assert asked_again(intuit.log(realm_id)[lengths[realm_id] :], own) == []


def said_until(words: str, process: subprocess.Popen[str]) -> str:
    """What the process says on stderr up to the line with these words."""
    said = ""
    assert process.stderr is not None
    while words not in said:
        line = process.stderr.readline()
        assert line, said
        said += line
    return said


def same_as_the_companies(dsn: str, intuit: Intuit) -> int:
    """How many documents were compared, and are equal."""
    compared = asyncio.run(compare(dsn, intuit))
    assert compared.differing == 0, "\n".join(compared.differences)
    assert compared.documents > 1_000 * compared.realms > 0
    return compared.documents


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(2, 18))])
def test_killed_at_random_moments(
    user: Backfill, tmp_path: Path, dsn: str, query: Query, seed: int, tally: Counter[str]
) -> None:
    rng = random.Random(seed)
    with fleet(user, tmp_path) as (connected, intuit), gated(intuit) as gate:
        told: list[tuple[list[Checkpoint], dict[str, int]]] = []
        for _ in range(3):
            gate.let(rng.randrange(40, 75))
            with connected.having(QBO_BASE_URL=gate.url).started(*extract(connected)) as process:
                gate.full(process)
                process.kill()
                ended(process)
            told.append(checkpoints_at_rest(intuit, query))
            if len(told) == 1:
                no_row_is_behind_its_checkpoint(query)
        last = connected.run(*extract(connected, "--json"))
        assert last.code == 0, last.stderr
        assert "waits for" not in last.stderr, "the dead command's leases are not waited for"
        assert "Going on with run 1, which was not finished." in last.stderr
        assert last.json()["run_id"] == 1
        for checkpoints, lengths in told:
            nothing_asked_again(intuit, checkpoints, lengths)
        middle = [checkpoint for checkpoint in told[-1][0] if checkpoint.cursor is not None]
        assert middle, "some slices were in the middle, or all this proves nothing"
        equal = same_as_the_companies(dsn, intuit)
        tally.update({"kills": len(told), "slices in the middle at the last": len(middle), "documents equal": equal})


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.long)])
def test_interrupted_once_it_finishes_its_pages_and_can_go_on(
    user: Backfill, tmp_path: Path, dsn: str, query: Query, number: signal.Signals
) -> None:
    with fleet(user, tmp_path) as (connected, intuit), gated(intuit) as gate:
        gate.let(50)
        with connected.having(QBO_BASE_URL=gate.url).started(*extract(connected, "--json")) as process:
            gate.full(process)
            process.send_signal(number)
            assert "Stopping: the pages in flight are finished first." in said_until("Stopping", process)
            gate.open()
            stopped = ended(process)
        assert stopped.code == 3, stopped.stderr
        assert "Traceback" not in stopped.stderr
        result = stopped.json()
        assert result["realms"]["proven"] < 3
        assert sum(result["realms"][state] for state in ("proven", "unproven", "parked")) == 3
        assert query("SELECT status FROM backfill.run")[0][0] == "stopped"
        checkpoints, lengths = checkpoints_at_rest(intuit, query)
        # Every page that was answered was landed: what the realms have met is what the checkpoints say.
        assert sum(checkpoint.cursor is not None or checkpoint.done for checkpoint in checkpoints) > 3
        again = connected.run(*extract(connected))
        assert again.code == 0, again.stderr
        assert "Going on with run 1, which was not finished." in again.stderr
        nothing_asked_again(intuit, checkpoints, lengths)
        same_as_the_companies(dsn, intuit)


def test_interrupted_twice_it_ends_at_once(user: Backfill, tmp_path: Path, dsn: str) -> None:
    with fleet(user, tmp_path, changes_per_minute=0) as (connected, intuit), gated(intuit) as gate:
        gate.let(2)
        arguments = extract(connected, "--json", "--entity", "Customer")
        with connected.having(QBO_BASE_URL=gate.url).started(*arguments) as process:
            gate.full(process)
            process.send_signal(signal.SIGINT)
            said_until("Stopping", process)
            begun = time.monotonic()  # noqa: TID251  # how long the program takes
            process.send_signal(signal.SIGINT)
            stopped = ended(process)
            took_s = time.monotonic() - begun  # noqa: TID251  # as above
        assert stopped.code == 3
        assert "Stopped at once. Everything committed so far is kept." in stopped.stderr
        assert "Run the same command again" in stopped.json()["error"]["action"]
        assert took_s < 25, "the answer that never came was not waited for, nor its 30 seconds"


CHECKPOINT = Checkpoint(
    realm_id="1",
    entity="Invoice",
    lower=datetime(2020, 1, 1, tzinfo=UTC),
    upper=datetime(2021, 1, 1, tzinfo=UTC),
    cursor=datetime(2020, 6, 1, tzinfo=UTC),
    done=False,
)


@pytest.mark.parametrize(
    ("statement", "again"),
    [
        ("SELECT * FROM Invoice WHERE MetaData.CreateTime >= '2020-05-31T23:59:59Z' AND {high}", True),
        ("SELECT * FROM Invoice WHERE MetaData.CreateTime >= '2020-06-01T00:00:00Z' AND {high}", False),
        ("SELECT * FROM Invoice WHERE MetaData.CreateTime >= '2020-01-01T00:00:00Z' AND {high}", True),
        ("SELECT * FROM Bill WHERE MetaData.CreateTime >= '2020-01-01T00:00:00Z' AND {high}", False),
        ("SELECT * FROM Invoice WHERE MetaData.CreateTime >= '2019-01-01T00:00:00Z' AND {high}", False),
        ("SELECT * FROM Invoice ORDERBY MetaData.CreateTime STARTPOSITION 1 MAXRESULTS 1", False),
        ("SELECT COUNT(*) FROM Invoice WHERE MetaData.CreateTime >= '2020-01-01T00:00:00Z' AND {high}", False),
    ],
)
def test_what_counts_as_asked_again(statement: str, again: bool) -> None:
    high = "MetaData.CreateTime <= '2021-01-01T00:00:00Z' ORDERBY MetaData.CreateTime STARTPOSITION 1 MAXRESULTS 1000"
    log = [{"lane": "query", "asked": statement.replace("{high}", high)}]
    assert bool(asked_again(log, [CHECKPOINT])) is again
    assert asked_again([{"lane": "batch", "asked": log[0]["asked"]}], [CHECKPOINT]) == []
