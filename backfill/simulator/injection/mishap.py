"""The one-method interface of everything that can go wrong with a call."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import ClassVar

import anyio

from backfill.simulator.call import Call
from backfill.simulator.envelopes import Answer
from backfill.simulator.injection.subject import Subject
from backfill.simulator.oauth.authority import OAuth
from backfill.simulator.settings import SimulatorSettings
from backfill.simulator.throttle import Throttle

_HUMP = re.compile(r"(?<!^)(?=[A-Z])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Strike:
    """One call that a mishap befalls, and what it may reach for. `rng` is the injection's own, seeded."""

    call: Call
    subject: Subject
    settings: SimulatorSettings
    now: Callable[[], datetime]
    rng: Random
    oauth: OAuth
    throttle: Throttle
    befell: list[str]
    """The names of the mishaps that befell the call so far, for the log."""
    spare: Callable[[], None] = lambda: None
    """To be called by a mishap that found nothing to do after all: it did not happen, and is not counted."""

    async def wait(self, duration_s: float) -> None:
        """Let time pass, divided by the scale of the limits like every other duration of a rehearsal."""
        if duration_s > 0:
            await anyio.sleep(self.scaled(duration_s))

    def scaled(self, duration_s: float) -> float:
        return duration_s / self.settings.limits_scale


Proceed = Callable[[Strike], Awaitable[Answer]]
"""What would have happened without the mishap: the service acts, and this is its answer."""


class Mishap(ABC):
    """One thing that can go wrong. A mishap is a frozen dataclass whose fields are its settings, all with a default.

    Who it befalls, when and how often is `Injection`'s business.
    """

    __slots__ = ()

    at_gateway: ClassVar[bool] = False
    """Whether it happens before the doors: then the call may be refused by them yet, and what the mishap keeps from
    them was never counted, throttled or logged."""

    @abstractmethod
    async def befall(self, strike: Strike, proceed: Proceed) -> Answer:
        """The answer that comes instead. Not to call `proceed` is to keep the service from acting."""

    @classmethod
    def kind(cls) -> str:
        """Its name for a switch: `LostReply` is `lost_reply`."""
        return _HUMP.sub("_", cls.__name__).lower()
