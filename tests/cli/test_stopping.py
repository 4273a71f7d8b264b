"""Ctrl-C once asks the work to stop; twice ends it. The signals are real, and go to this very process."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import anyio
import pytest

from backfill.cli.stopping import Stopping, stopped_at_once, until_stopped
from backfill.errors import StoppedError, UnavailableError

PATIENCE_S = 60


@pytest.fixture(autouse=True)
def _heeds_the_loss_of_its_terminal() -> Iterator[None]:
    """As a program does that is not under nohup, where these tests may run."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


async def signalled(number: int, stopping: Stopping) -> None:
    """Send it once somebody listens, and wait until it was heard."""
    await anyio.wait_all_tasks_blocked()
    os.kill(os.getpid(), number)
    with anyio.fail_after(PATIENCE_S):
        while not stopping():  # noqa: ASYNC110  # the real thing has no event to give
            await anyio.sleep(0.01)


async def test_work_that_is_not_stopped_returns_what_it_made() -> None:
    async def work(stopping: Stopping) -> str:
        assert not stopping()
        return "made"

    assert await until_stopped(work) == "made"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler, "afterwards Ctrl-C ends the program"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_once_the_work_is_asked_and_ends_by_itself(
    number: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    async def work(stopping: Stopping) -> str:
        assert not stopping()
        await signalled(number, stopping)
        return "the pages in flight"

    assert await until_stopped(work) == "the pages in flight"
    assert capsys.readouterr().err.startswith("Stopping: the pages in flight are finished first.")


async def test_under_nohup_the_loss_of_the_terminal_is_nothing() -> None:
    async def work(stopping: Stopping) -> bool:
        await anyio.wait_all_tasks_blocked()
        os.kill(os.getpid(), signal.SIGHUP)
        await signalled(signal.SIGTERM, stopping)
        await anyio.wait_all_tasks_blocked()
        return True

    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert await until_stopped(work)
    finally:
        signal.signal(signal.SIGHUP, before)


async def test_twice_the_work_is_cancelled() -> None:
    cleaned = False

    async def work(stopping: Stopping) -> None:
        nonlocal cleaned
        try:
            await signalled(signal.SIGINT, stopping)
            await signalled(signal.SIGTERM, stopping)
            await anyio.sleep_forever()
        finally:
            cleaned = True

    with anyio.fail_after(PATIENCE_S), pytest.raises(StoppedError, match="Stopped at once"):
        await until_stopped(work)
    assert cleaned


async def test_an_error_of_the_work_is_raised_as_it_is() -> None:
    async def work(stopping: Stopping) -> None:
        raise UnavailableError("The database is gone.")

    with pytest.raises(UnavailableError, match="The database is gone"):
        await until_stopped(work)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_work_of_which_nothing_is_kept_ends_at_the_first_signal(number: signal.Signals) -> None:
    """And what it takes away at its end is not disturbed by a second."""
    taken_away = False

    async def work() -> None:
        nonlocal taken_away
        try:
            await anyio.wait_all_tasks_blocked()
            os.kill(os.getpid(), number)
            await anyio.sleep(PATIENCE_S)
        finally:
            with anyio.CancelScope(shield=True):
                os.kill(os.getpid(), number)
                await anyio.sleep(0.1)
            taken_away = True

    with pytest.raises(StoppedError, match="Nothing is left"):
        await stopped_at_once(work, "Nothing is left.")
    assert taken_away


async def test_its_result_and_its_troubles_come_as_they_are() -> None:
    async def work() -> str:
        return "made"

    async def troubled() -> None:
        raise UnavailableError("gone")

    assert await stopped_at_once(work, "stopped") == "made"
    with pytest.raises(UnavailableError, match="gone"):
        await stopped_at_once(troubled, "stopped")
