"""Progress: what a person sees while a run works, on a terminal and in a log."""

from __future__ import annotations

import io
import sys

import anyio
import pytest
from rich.console import Console

from backfill import events
from backfill.cli.progress import Progress
from backfill.cli.tally import Tally
from backfill.model import RealmId
from backfill.wire import Lane

REALM, OTHER = RealmId("1"), RealmId("2")


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tally(clock: Clock) -> Tally:
    """A run of three realms: one half read, one waiting for another process, one still to come."""
    tally = Tally(clock, realms_total=3)
    tally.observe(events.RealmStarted(realm_id=REALM, resumed=False))
    tally.observe(events.LeaseAwaited(realm_id=OTHER, owner="host/boot:77:1"))
    tally.observe(events.CensusTaken(realm_id=REALM, counts={"Invoice": 3000}))
    return tally


def page(landed: int, quarantined: int = 0) -> events.PageLanded:
    return events.PageLanded(
        realm_id=REALM, entity="Invoice", landed=landed, unchanged=0, deleted=0, quarantined=quarantined
    )


def answered(code: str) -> events.RequestAnswered:
    return events.RequestAnswered(
        realm_id=REALM, lane=Lane.QUERY, method="GET", path="/query", status=429, code=code, intuit_tid="",
        body_bytes=0, duration_s=0.1,
    )  # fmt: skip


def shown(progress: Progress) -> str:
    console = Console(file=io.StringIO(), width=120)
    console.print(progress.panel())
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_line_says_what_is_done_and_for_whom_a_realm_waits(tally: Tally, clock: Clock) -> None:
    progress = Progress(tally, title="run 1", allowed_per_window=450)
    line = progress.line()
    assert "0/3 realms done, 1 running" in line
    assert "0 rows" in line
    assert "0 requests/min of 450 allowed" in line
    assert "realm 2 waits for process 77 on host" in line
    assert "left" not in line, "nothing is known yet"
    clock.now = 110.0
    tally.observe(page(1500, quarantined=2))
    tally.observe(answered("3001"))
    tally.observe(events.Throttled(realm_id=REALM, lane="query", freeze_s=60))
    line = progress.line()
    assert "1,500 rows" in line
    assert "1 requests/min of 450 allowed" in line
    assert "1 throttled" in line
    assert "2 rows quarantined" in line
    assert line.endswith("about 50 s left"), "150 rows a second; 1,498 and two realms of 3,000 are to come"


def filled(progress: Progress) -> float:
    """How much of the bar."""
    bar = progress._bar()
    assert bar.total
    return bar.completed / bar.total


def test_the_bar_is_empty_where_nothing_is_known_and_full_at_the_end(clock: Clock) -> None:
    tally = Tally(clock, realms_total=2)
    progress = Progress(tally, title="run 1", allowed_per_window=450)
    clock.now += 5
    tally.observe(page(1500))
    assert filled(progress) == 0, "nobody has counted what comes"
    tally.observe(events.RealmFinished(realm_id=OTHER, proven=True))
    assert filled(progress) == 0.5, "by realms, then"
    tally.observe(events.CensusTaken(realm_id=REALM, counts={"Invoice": 3000}))
    assert filled(progress) == 0.5, "by rows"
    tally.observe(events.RealmFinished(realm_id=REALM, proven=True))
    assert filled(progress) == 1
    assert "left" not in progress.line()
    assert "left" not in shown(progress)


def test_where_the_limits_are_scaled_the_window_is_named_as_it_is(clock: Clock) -> None:
    tally = Tally(clock, realms_total=1, window_s=0.6)
    tally.observe(answered(""))
    progress = Progress(tally, title="run 1", allowed_per_window=450)
    assert "1 requests/0.6 s of 450 allowed" in progress.line()
    assert "1 requests in the last 0.6 s, 450 allowed" in shown(progress)


def test_the_panel_says_the_same_and_its_faults(tally: Tally, clock: Clock) -> None:
    progress = Progress(tally, title="run 1", allowed_per_window=450)
    assert "none" in shown(progress)
    clock.now = 3_825.0
    tally.observe(page(1500, quarantined=2))
    tally.observe(answered("3001"))
    tally.observe(events.RealmParked(realm_id=OTHER, code="invalid_grant", message="m", action="a"))
    tally.observe(events.RealmFinished(realm_id=RealmId("3"), proven=False))
    text = shown(progress)
    for words in (
        "run 1",
        "2 done, 1 running, 3 in all",
        "1 parked",
        "1 unproven",
        "1,500 landed",
        "1 x 3001, 2 rows quarantined",
        "1 h 02 min so far",
    ):
        assert words in text, text
    assert "waits for" not in text


async def test_where_stderr_is_no_terminal_its_last_line_is_the_end(
    tally: Tally, capsys: pytest.CaptureFixture[str]
) -> None:
    async with Progress(tally, title="run 1", allowed_per_window=450).shown():
        tally.observe(page(7))
        await anyio.lowlevel.checkpoint()
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert "7 rows" in captured.err


@pytest.mark.virtual
async def test_a_log_is_not_flooded(capsys: pytest.CaptureFixture[str]) -> None:
    tally = Tally(anyio.current_time, realms_total=1)
    async with Progress(tally, title="run 1", allowed_per_window=450).shown():
        await anyio.sleep(30)
        assert capsys.readouterr().err.count("\n") == 5, "a short run is seen to go on"
        await anyio.sleep(10 * 3600 - 30)
    assert 600 <= capsys.readouterr().err.count("\n") <= 630


async def test_on_a_terminal_it_is_drawn(tally: Tally, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    async with Progress(tally, title="run 1", allowed_per_window=450).shown():
        await anyio.wait_all_tasks_blocked()
        tally.observe(page(7))
    drawn = terminal.getvalue()
    assert "\x1b[" in drawn
    assert "7 landed" in drawn, "its last state is what stays"
