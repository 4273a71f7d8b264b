"""Many simulated companies from one seed, each seeded when it is first touched."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from math import exp, log
from random import Random

from backfill.errors import UsageError
from backfill.simulator.books.ledger import Ledger
from backfill.simulator.books.opening import transactions
from backfill.simulator.books.stored_lists import StoredLists
from backfill.simulator.clock import PacificZone
from backfill.simulator.company import Company
from backfill.simulator.held import Companies, Held, Histories
from backfill.simulator.journal import Changed
from backfill.simulator.seed.profile import SMALLEST, Profile, draw_profile, sample_profile
from backfill.simulator.seed.sample import WHOLE_ROWS
from backfill.simulator.seed.sower import Sower
from backfill.simulator.sown.history import History
from backfill.simulator.sown.stocks import SownStocks

# Realm ids are 15 or 16 digits long; those of the second kind are past what a float can hold.
_ID_BASES = (123_146_000_000_000, 193_514_000_000_000, 9_130_357_000_000_000)
_ID_STEP = 1_009  # ids of one world are spread, and a hundred thousand of them keep to their base's digits


class UnknownRealmError(UsageError):
    """The fleet has no such realm."""


ROWS_HELD = 100_000
"""Sown rows in memory, of all companies together: a row of a core takes 2 KB, and 3 KB more once it was copied, so
that they are at most 500 MB. A company's core has 90 to 900, whatever its size: 110 or more stay, of small ones 1,000;
one that comes back later costs what it cost at first, 10 to 75 ms."""

COMPANIES_HELD = 2_000
"""Companies in memory that nothing happened to: some 30 KB each beside their rows."""


class Fleet:
    """The realms of one simulated world.

    A company's content depends on `seed`, its number and the UTC day of `now()` at creation (history ends
    there); its size is drawn log-uniformly between `rows_min` and `rows_max`, and is never below `SMALLEST`. The
    first is the sample company (`seed.sample`), which is as large as that one is, or `rows_max`; where all are to be
    larger there is none.

    What is sown can be sown again, so memory is bounded whatever is touched: histories that nobody asked for lately
    are forgotten beyond `rows_held` rows, and companies that nothing happened to beyond `companies_held`. Of a company
    that was changed only the changes stay. Raises `UsageError` for an impossible world.
    """

    def __init__(
        self,
        *,
        realms: int,
        seed: int,
        now: Callable[[], datetime],
        rows_min: int,
        rows_max: int,
        rows_held: int = ROWS_HELD,
        companies_held: int = COMPANIES_HELD,
    ) -> None:
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
        self._companies = Companies(companies_held)
        self._histories = Histories(rows_held)
        rng = Random(f"{seed}:realms")
        ids = (
            _ID_BASES[index % len(_ID_BASES)] + index * _ID_STEP + rng.randrange(_ID_STEP) for index in range(realms)
        )
        self._numbers = {str(realm_id): index for index, realm_id in enumerate(ids)}
        self.realm_ids: Sequence[str] = tuple(self._numbers)
        self.watch: Callable[[str, Changed], None] | None = None
        """Is told of every change of every company, with its realm."""

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
        """The realm's company, sown if this is the first touch. Raises `UnknownRealmError`."""
        company = self._companies.get(realm_id)
        return company or self._companies.add(self._opened(self.profile(realm_id)))

    @property
    def held(self) -> Held:
        """What is in memory now."""
        return Held(self._histories.rows, len(self._histories), len(self._companies))

    def history(self, realm_id: str) -> History:
        """What the realm's company begins with, sown unless it is in memory. Raises `UnknownRealmError`."""
        return self._histories.get(realm_id) or self._histories.add(realm_id, self._sown(self.profile(realm_id)))

    def _opened(self, profile: Profile) -> Company:
        history = partial(self.history, profile.realm_id)
        company = Company(
            realm_id=profile.realm_id,
            name=profile.name,
            country=profile.country,
            home_currency=profile.home.code,
            multicurrency=profile.multicurrency,
            now=self._now,
            zone=self._zone,
            history=history,
            watch=self._changed,
        )
        stocks = SownStocks(history().layout, lambda: history().stocks)
        company.ledger = Ledger(StoredLists(company), lambda: transactions(company), stocks)
        return company

    def _changed(self, realm_id: str, change: Changed) -> None:
        if self.watch is not None:
            self.watch(realm_id, change)

    def _sown(self, profile: Profile) -> History:
        rng = Random(f"{self._seed}:{profile.realm_id}")
        return Sower(profile, today=self._today, rng=rng, zone=self._zone).sow()

    def _number(self, realm_id: str) -> int:
        number = self._numbers.get(realm_id)
        if number is None:
            raise UnknownRealmError(
                f"the simulated world has no realm {realm_id}", action="take a realm id from the simulator's own list"
            )
        return number
