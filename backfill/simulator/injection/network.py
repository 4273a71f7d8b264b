"""What goes wrong between client and service: connections that break, and time that passes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from backfill.simulator.envelopes import Answer, Delivery
from backfill.simulator.injection.mishap import Mishap, Proceed, Strike
from backfill.simulator.settings import require

UNSENT = Answer(502, b"", delivery=Delivery(headless=True))
"""What is on its way to a client whose connection is reset: nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LostRequest(Mishap):
    """The connection is reset before the service has seen the request: nothing is done, counted or logged."""

    at_gateway: ClassVar[bool] = True
    hold_s: float = 0.0

    async def befall(self, strike: Strike, proceed: Proceed) -> Answer:  # noqa: ARG002 -- it never goes on
        await strike.wait(self.hold_s)
        return UNSENT


@dataclass(frozen=True, slots=True, kw_only=True)
class LostReply(Mishap):
    """The connection is reset before a byte of the answer came.

    With `after_commit=False` the service took the request and died before it acted. `hold_s` of minutes is a service
    that never answers: the client gives up first.
    """

    after_commit: bool = True
    hold_s: float = 0.0

    async def befall(self, strike: Strike, proceed: Proceed) -> Answer:
        answer = await proceed(strike) if self.after_commit else UNSENT
        await strike.wait(self.hold_s)
        return replace(answer, delivery=Delivery(headless=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class CutReply(Mishap):
    """The connection is reset in the middle of the body, after that share of it."""

    share: float = 0.5

    def __post_init__(self) -> None:
        require("the cut reply", [("share is at least 0 and below 1", 0 <= self.share < 1)])

    async def befall(self, strike: Strike, proceed: Proceed) -> Answer:
        answer = await proceed(strike)
        return replace(answer, delivery=Delivery(cut_after=int(len(answer.body) * self.share)))


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowReply(Mishap):
    """The body drips: a piece, a pause, a piece. It is whole in the end."""

    piece_bytes: int = 1024
    pause_s: float = 1.0

    def __post_init__(self) -> None:
        rules = [("piece_bytes is at least 1", self.piece_bytes >= 1), ("pause_s is at least 0", self.pause_s >= 0)]
        require("the slow reply", rules)

    async def befall(self, strike: Strike, proceed: Proceed) -> Answer:
        answer = await proceed(strike)
        return replace(answer, delivery=Delivery(piece_bytes=self.piece_bytes, pause_s=strike.scaled(self.pause_s)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay(Mishap):
    """The service takes its time, before it acts and after. `before_s` beyond a client's patience is a late commit."""

    before_s: float = 5.0
    after_s: float = 0.0
    jitter_s: float = 0.0
    """Added to `before_s`, drawn evenly between 0 and this."""

    def __post_init__(self) -> None:
        require("the delay", [("no duration is below 0", min(self.before_s, self.after_s, self.jitter_s) >= 0)])

    async def befall(self, strike: Strike, proceed: Proceed) -> Answer:
        await strike.wait(self.before_s + (strike.rng.uniform(0, self.jitter_s) if self.jitter_s else 0.0))
        answer = await proceed(strike)
        await strike.wait(self.after_s)
        return answer
