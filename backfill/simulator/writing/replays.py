"""Requests that come again: the same requestid gets the answer it got the first time, and nothing is done twice."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from backfill.simulator.faults import FaultedError
from backfill.simulator.settings import SimulatorSettings
from backfill.simulator.writing.faults import BAD_REQUEST_ID, DUPLICATE_REQUEST_ID

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

    def __init__(self, settings: SimulatorSettings | None = None, remembered: int = REMEMBERED) -> None:
        settings = settings or SimulatorSettings()
        self._life = timedelta(seconds=settings.request_id_life_s)
        self._changed = settings.request_id_changed
        self._faults = settings.request_id_faults
        self._remembered = remembered
        self._answers: OrderedDict[str, _Remembered[Reply]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._answers)

    def once(self, request_id: str, content: bytes, at: datetime, act: Callable[[], Reply]) -> Reply:
        """What `act` returns, which for an id that is known is not called. "" is no id.

        `content` is what is asked, `at` when. Raises what `act` raises, and 600 where another content is refused.
        """
        if not request_id:
            return act()
        known = self._answers.get(request_id)
        if known is not None and at - known.at < self._life:
            if known.content == content or self._changed == "replayed":
                return _given(known.outcome)
            if self._changed == "refused":
                raise FaultedError(DUPLICATE_REQUEST_ID)
        return self._first(request_id, content, at, act)

    def _first(self, request_id: str, content: bytes, at: datetime, act: Callable[[], Reply]) -> Reply:
        outcome: Reply | FaultedError
        try:
            outcome = act()
        except FaultedError as error:
            if not self._faults:
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
