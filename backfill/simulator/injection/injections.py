"""The injections that are switched on, how often each struck, and the way of a call through them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import blake2b
from random import Random

import anyio

from backfill.errors import UsageError
from backfill.simulator.envelopes import Answer
from backfill.simulator.injection.injection import Injection
from backfill.simulator.injection.mishap import Proceed, Strike
from backfill.simulator.injection.subject import Subject

INJECTIONS_MOST = 1_000
"""Each call is held against all of them."""
APART_MOST = 100_000
"""Realms or requests that one injection counts apart, as many as there can be realms; the oldest are forgotten."""


@dataclass(frozen=True, slots=True)
class Count:
    """How often one injection matched a call in its time, and how often it struck."""

    id: int
    injection: Injection
    matched: int
    struck: int


@dataclass(slots=True)
class _Numbers:
    matched: int = 0
    struck: int = 0


@dataclass(slots=True)
class _Active:
    """An injection that is switched on."""

    id: int
    injection: Injection
    rng: Random
    begin: float | None = None
    """The loop's time of the first call since."""
    total: _Numbers = field(default_factory=_Numbers)
    apart: OrderedDict[bytes, _Numbers] = field(default_factory=OrderedDict)

    def strikes(self, subject: Subject, at: float) -> Sequence[_Numbers]:
        """Count the call, and if it is befallen the strike, too: the numbers that say so, none where it is spared."""
        asked = self.injection
        if self.begin is None:
            self.begin = at
        elapsed_s = at - self.begin
        if elapsed_s < asked.from_s or (asked.until_s is not None and elapsed_s >= asked.until_s):
            return ()
        if not asked.matches(subject):
            return ()
        self.total.matched += 1
        numbers = self.total if not asked.apart else self._apart(subject)
        if numbers is not self.total:
            numbers.matched += 1
        number = numbers.matched - asked.after
        if number < 1 or number % asked.every or (asked.times is not None and numbers.struck >= asked.times):
            return ()
        if asked.probability < 1 and self.rng.random() >= asked.probability:
            return ()
        struck = (self.total,) if numbers is self.total else (self.total, numbers)
        for counted in struck:
            counted.struck += 1
        return struck

    def _apart(self, subject: Subject) -> _Numbers:
        """Those of the call's realm, or of calls that ask the same."""
        key = subject.realm_id.encode()
        if self.injection.apart == "request":
            key = blake2b(key + subject.text, digest_size=16).digest()
        numbers = self.apart.setdefault(key, _Numbers())
        if len(self.apart) > APART_MOST:
            self.apart.popitem(last=False)
        return numbers


class Injections:
    """What goes wrong at one simulator. False while nothing is switched on."""

    def __init__(self, *, seed: int) -> None:
        self._seed = seed
        self._active: dict[int, _Active] = {}
        self._added = 0

    def __bool__(self) -> bool:
        return bool(self._active)

    def add(self, injection: Injection) -> int:
        """Switch it on, beside those that are; the number by which it is known from then on. Raises `UsageError`."""
        if len(self._active) >= INJECTIONS_MOST:
            raise UsageError(
                f"the simulator has {INJECTIONS_MOST} injections already", action="remove some before adding more"
            )
        self._added += 1
        rng = Random(f"{self._seed}:injection:{self._added}")
        self._active[self._added] = _Active(self._added, injection, rng)
        return self._added

    def remove(self, injection_id: int) -> Count:
        """Switch it off; what it did. Raises `UsageError` where there is none of that number."""
        active = self._active.pop(injection_id, None)
        if active is None:
            raise UsageError(f"the simulator has no injection {injection_id}", action="take a number from its list")
        return _count(active)

    def clear(self) -> list[Count]:
        """Switch all off; what each did."""
        counts = self.counts()
        self._active.clear()
        return counts

    def counts(self) -> list[Count]:
        """In the order of adding."""
        return [_count(active) for active in self._active.values()]

    async def befall(self, strike: Strike, proceed: Proceed, *, at_gateway: bool) -> Answer:
        """Take a call past all injections of one place, the first added being the outermost, and on to `proceed`.

        What an outer mishap keeps from going on never reaches the inner ones, and is not counted by them.
        """
        ahead = iter([active for active in self._active.values() if active.injection.at_gateway == at_gateway])

        async def onward(strike: Strike) -> Answer:
            for active in ahead:
                numbers = active.strikes(strike.subject, anyio.current_time())
                if numbers:
                    mishap = active.injection.mishap
                    spare = partial(_spare, strike.befell, mishap.kind(), numbers)
                    strike.befell.append(mishap.kind())
                    return await mishap.befall(replace(strike, rng=active.rng, spare=spare), onward)
            return await proceed(strike)

        return await onward(strike)


def _spare(befell: list[str], kind: str, struck: Sequence[_Numbers]) -> None:
    befell.remove(kind)
    for counted in struck:
        counted.struck -= 1


def _count(active: _Active) -> Count:
    return Count(active.id, active.injection, active.total.matched, active.total.struck)
