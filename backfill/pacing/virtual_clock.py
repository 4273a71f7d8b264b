"""An event loop whose clock jumps to the next timer whenever nothing is ready: hours of waiting in seconds.

The same code, sleeping with anyio and reading only the loop's time, runs on it unchanged; the same seed gives the
same run. There are no threads, sockets or processes in virtual time: a jump would overtake them, so they are refused.
"""

from __future__ import annotations

import asyncio
import contextvars
import selectors
import threading
import time
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Executor
from typing import Any, TypeVar, TypeVarTuple, Unpack

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")

TIMER_FLOOR_S = 1e-6
"""No timer is nearer than this: one set less than a float step ahead would never let the clock move (a livelock)."""

WALL_LIMIT_S = 60.0
"""Default bound on the real time of one virtual run: a minute is far more than any test or plan step needs."""


class VirtualClockError(RuntimeError):
    """The program did in virtual time what virtual time cannot do (a thread, a socket, a wait for nothing)."""


class WallLimitError(VirtualClockError):
    """The virtual run took more real time than its caller allowed: most likely it goes round without end."""


class _JumpingSelector(selectors.BaseSelector):
    """Where a loop would sleep until its next timer, the clock jumps there.

    It watches one descriptor, the loop's own wake-up pipe (a signal still gets through), and refuses any other.
    """

    def __init__(self, *, wall_limit_s: float) -> None:
        self.now_s = 0.0
        self._wall_limit_s = wall_limit_s
        self._wall_deadline_s = _real_time_s() + wall_limit_s
        self._pipe = selectors.DefaultSelector()

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        if self._pipe.get_map():
            raise VirtualClockError("a socket in virtual time: the clock would jump past its answer")
        return self._pipe.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._pipe.unregister(fileobj)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._pipe.get_map()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Never sleeps. `timeout` is what the loop would wait for: None for ever, 0 for something that is ready."""
        if _real_time_s() > self._wall_deadline_s:
            self._wall_deadline_s += self._wall_limit_s  # the cancelled tasks get as long again to clean up
            raise WallLimitError(f"{self._wall_limit_s:g} s of real time passed at virtual second {self.now_s:.6f}")
        if timeout == 0:
            return []
        woken = self._pipe.select(0)
        if woken:
            return woken
        if timeout is None:
            raise VirtualClockError("every task waits and no timer is set: nothing will ever happen")
        self.now_s += timeout
        return []

    def close(self) -> None:
        self._pipe.close()


class VirtualClockLoop(asyncio.SelectorEventLoop):
    """An asyncio loop in virtual time, which begins at 0 s. `wall_limit_s` bounds its real time."""

    def __init__(self, *, wall_limit_s: float = WALL_LIMIT_S) -> None:
        self._jumping = _JumpingSelector(wall_limit_s=wall_limit_s)
        self._thread = threading.get_ident()
        super().__init__(self._jumping)
        # asyncio runs a timer once it is nearer than this. Its own nanosecond is below a float step after some months
        # of virtual time: then a timer is due and not near enough, for ever. Half the floor: none runs as it is set.
        self._clock_resolution = TIMER_FLOOR_S / 2

    def time(self) -> float:
        return self._jumping.now_s

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[_Ts]], object],
        *args: *_Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        return super().call_at(max(when, self.time() + TIMER_FLOOR_S), callback, *args, context=context)

    def call_soon_threadsafe(
        self,
        callback: Callable[[Unpack[_Ts]], object],
        *args: *_Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.Handle:
        if threading.get_ident() != self._thread:
            raise VirtualClockError("a thread in virtual time: the clock has jumped past its answer")
        return super().call_soon_threadsafe(callback, *args, context=context)

    def run_in_executor(
        self,
        executor: Executor | None,  # noqa: ARG002  # the signature is asyncio's
        func: Callable[[Unpack[_Ts]], _T],  # noqa: ARG002  # the signature is asyncio's
        *args: *_Ts,  # noqa: ARG002  # the signature is asyncio's
    ) -> asyncio.Future[_T]:
        raise VirtualClockError("a thread in virtual time: the clock would jump past its answer")


def run_virtual(main: Coroutine[Any, Any, _T], *, wall_limit_s: float = WALL_LIMIT_S) -> _T:
    """Run `main` in virtual time and return its result.

    Raises `WallLimitError` when it takes more than `wall_limit_s` of real time, `VirtualClockError` when it waits
    for what cannot come.
    """
    with asyncio.Runner(loop_factory=lambda: VirtualClockLoop(wall_limit_s=wall_limit_s)) as runner:
        return runner.run(main)


def _real_time_s() -> float:
    return time.monotonic()  # noqa: TID251  # the guard bounds real time, which the loop's clock does not show
