"""Requests that come again: the same requestid gets the answer it got the first time, and nothing is done twice."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from backfill.simulator.faults import FaultedError
from backfill.simulator.settings import SimulatorSettings
from backfill.simulator.writing.faults import BAD_REQUEST_ID, DUPLICATE_REQUEST_ID, UNEXPECTED

MOST_CHARACTERS = 50
"""Of a request id; a batch joins its own with each item's bId."""

REMEMBERED = 10_000
"""Answers that a company remembers: at the limit of 500 a minute, those of twenty minutes."""

Reply = TypeVar("Reply")


@dataclass(frozen=True, slots=True)
class _Remembered(Generic[Reply]):
    """What an id was answered: a reply, or the refusal where those are remembered too."""

    content: bytes
    at: datetime
    outcome: Reply | FaultedError


class Replays(Generic[Reply]):
    """The answers of one company, by request id. The oldest are forgotten first, and all after their life.

    How long Intuit remembers, what it does with the same id for another content and whether it remembers refusals is
    undocumented: the settings say it.
    """

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._remembered = remembered
        self._answers: OrderedDict[str, _Remembered[Reply]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._answers)

    def once(
        self, request_id: str, content: bytes, at: datetime, act: Callable[[], Reply], settings: SimulatorSettings
    ) -> Reply:
        """What `act` returns, which for an id that is known is not called. "" is no id.

        `content` is what is asked, `at` when. Raises what `act` raises, and where the settings say that what comes
        again is refused.
        """
        if not request_id:
            return act()
        known = self._answers.get(request_id)
        if known is None or at - known.at >= timedelta(seconds=settings.request_id_life_s):
            return self._first(request_id, content, at, act, remember_faults=settings.request_id_faults)
        does = settings.request_id_again if known.content == content else settings.request_id_changed
        match does:
            case "replayed":
                return _given(known.outcome)
            case "refused":
                raise FaultedError(DUPLICATE_REQUEST_ID)
            case "unexpected":
                raise FaultedError(UNEXPECTED)
            case "executed":
                return self._first(request_id, content, at, act, remember_faults=settings.request_id_faults)

    def _first(
        self, request_id: str, content: bytes, at: datetime, act: Callable[[], Reply], *, remember_faults: bool
    ) -> Reply:
        outcome: Reply | FaultedError
        try:
            outcome = act()
        except FaultedError as error:
            if not remember_faults:
                raise
            outcome = error
        self._answers.pop(request_id, None)
        self._answers[request_id] = _Remembered(content, at, outcome)
        if len(self._answers) > self._remembered:
            self._answers.popitem(last=False)
        return _given(outcome)


def _given(outcome: Reply | FaultedError) -> Reply:
    if isinstance(outcome, FaultedError):
        raise FaultedError(outcome.fault)
    return outcome


def checked_id(request_id: str) -> str:
    """The id, where it may be one. Raises `FaultedError` (2130)."""
    if len(request_id) > MOST_CHARACTERS:
        raise FaultedError(BAD_REQUEST_ID)
    return request_id
