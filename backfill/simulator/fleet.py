"""Many simulated companies from one seed, each seeded when it is first touched."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from math import exp, log
from random import Random

from backfill.errors import UsageError
from backfill.simulator.clock import PacificZone
from backfill.simulator.company import Company
from backfill.simulator.seed.profile import SMALLEST, Profile, draw_profile, sample_profile
from backfill.simulator.seed.sample import WHOLE_ROWS
from backfill.simulator.seed.sower import Sower

# Realm ids are 15 or 16 digits long; those of the second kind are past what a float can hold.
_ID_BASES = (123_146_000_000_000, 193_514_000_000_000, 9_130_357_000_000_000)
_ID_STEP = 1_009  # ids of one world are spread, and a hundred thousand of them keep to their base's digits


class UnknownRealmError(UsageError):
    """The fleet has no such realm."""


class Fleet:
    """The realms of one simulated world.

    A company's content depends on `seed`, its number and the UTC day of `now()` at creation (history ends
    there); its size is drawn log-uniformly between `rows_min` and `rows_max`, and is never below `SMALLEST`. The
    first is the sample company (`seed.sample`), which is as large as that one is, or `rows_max`; where all are to be
    larger there is none.
    A company once touched stays in memory, about 2 KB a row. Raises `UsageError` for an impossible world.
    """

    def __init__(self, *, realms: int, seed: int, now: Callable[[], datetime], rows_min: int, rows_max: int) -> None:
        if realms < 1 or not 1 <= rows_min <= rows_max:
            raise UsageError(
                f"no world has {realms} realms of {rows_min} to {rows_max} rows",
                action="ask for at least one realm, and for at least one row but no more at least than at most",
            )
        self._seed = seed
        self._now = now
        self._today = now().astimezone(UTC).date()
        self._bounds = (log(rows_min), log(rows_max))
        self._rows_min, self._rows_max = rows_min, rows_max
        self._zone = PacificZone()
        self._companies: dict[str, Company] = {}
        rng = Random(f"{seed}:realms")
        ids = (
            _ID_BASES[index % len(_ID_BASES)] + index * _ID_STEP + rng.randrange(_ID_STEP) for index in range(realms)
        )
        self._numbers = {str(realm_id): index for index, realm_id in enumerate(ids)}
        self.realm_ids: Sequence[str] = tuple(self._numbers)

    def size_of(self, realm_id: str) -> int:
        """How many objects the company begins with, of all entities together; nothing is seeded for it."""
        return self.profile(realm_id).rows

    def profile(self, realm_id: str) -> Profile:
        """What kind of company it is; nothing is seeded for it. Raises `UnknownRealmError`."""
        index = self._number(realm_id)
        rng = Random(f"{self._seed}:{realm_id}:profile")
        if index == 0 and self._rows_min <= WHOLE_ROWS:
            return sample_profile(realm_id=realm_id, rows=min(WHOLE_ROWS, self._rows_max))
        rows = max(SMALLEST, round(exp(rng.uniform(*self._bounds))))
        return draw_profile(realm_id=realm_id, index=index, rows=rows, rng=rng)

    def company(self, realm_id: str) -> Company:
        """The realm's company, seeded if this is the first touch. Raises `UnknownRealmError`."""
        company = self._companies.get(realm_id)
        if company is None:
            company = self._companies[realm_id] = self._seeded(self.profile(realm_id))
        return company

    def _seeded(self, profile: Profile) -> Company:
        company = Company(
            realm_id=profile.realm_id,
            name=profile.name,
            country=profile.country,
            home_currency=profile.home.code,
            multicurrency=profile.multicurrency,
            now=self._now,
            zone=self._zone,
        )
        rng = Random(f"{self._seed}:{profile.realm_id}")
        Sower(company, profile, today=self._today, rng=rng, zone=self._zone).sow()
        return company

    def _number(self, realm_id: str) -> int:
        number = self._numbers.get(realm_id)
        if number is None:
            raise UnknownRealmError(
                f"the simulated world has no realm {realm_id}", action="take a realm id from the simulator's own list"
            )
        return number
