"""Ctrl-C once: finish the pages in flight and end in a state that can be gone on with. Twice: end now.

SIGTERM is the same, and so is the loss of the terminal: whoever dies of a signal may take a token with him that was
granted and is not committed.
"""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import TypeVar

import anyio

from backfill.cli.output import say
from backfill.errors import StoppedError
from backfill.jobs.beside import beside

T = TypeVar("T")


class Stopping:
    """Whether the user asked to stop. Called, it answers."""

    def __init__(self) -> None:
        self._asked = anyio.Event()

    def __call__(self) -> bool:
        return self._asked.is_set()

    def ask(self) -> None:
        self._asked.set()

    async def wait(self) -> None:
        """Until it is asked for: of who has no pages, only something that listens."""
        await self._asked.wait()


async def until_stopped(work: Callable[[Stopping], Awaitable[T]]) -> T:
    """Run `work`, which looks at its `Stopping` at every page's boundary. Raises `StoppedError` if ended at once."""
    stopping = Stopping()

    async def watch() -> None:
        with anyio.open_signal_receiver(*_heeded()) as signals:
            async for _ in signals:
                if stopping():
                    raise StoppedError(
                        "Stopped at once. Everything committed so far is kept.",
                        action="Run the same command again to go on from there.",
                    )
                stopping.ask()
                say("Stopping: the pages in flight are finished first. Press Ctrl-C again to stop at once.")

    async with beside(watch, name="signals"):
        return await work(stopping)


async def until_ended(work: Callable[[], Awaitable[T]]) -> T:
    """Run `work`, which may have no page's boundary to stop at: SIGTERM and the loss of the terminal end it at once.

    Ctrl-C does so by itself. Within `until_stopped` all of them ask it to stop. Raises `StoppedError` if ended.
    """
    return await _cancelled_by(_sent_by_others(), work, ended())


async def stopped_at_once(work: Callable[[], Awaitable[T]], message: str) -> T:
    """Run `work`, of which nothing is worth keeping: the first signal cancels it. Raises `StoppedError` then.

    Further signals do nothing: what it has made is taken away meanwhile.
    """
    return await _cancelled_by(_heeded(), work, StoppedError(message, action="Run the same command again."))


def ended() -> StoppedError:
    """What is said of a command that was ended where it has nothing to go on with."""
    return StoppedError("Stopped.", action="Run the same command again.")


async def _cancelled_by(numbers: Iterable[signal.Signals], work: Callable[[], Awaitable[T]], why: StoppedError) -> T:
    async def watch() -> None:
        async for _ in signals:
            raise why

    with anyio.open_signal_receiver(*numbers) as signals:  # heard from before the work begins
        async with beside(watch, name="signals that end the command"):
            return await work()


def _heeded() -> Iterator[signal.Signals]:
    yield signal.SIGINT
    yield from _sent_by_others()


def _sent_by_others() -> Iterator[signal.Signals]:
    yield signal.SIGTERM
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # under nohup it is to be ignored
        yield signal.SIGHUP
