"""How a company of a given size comes about: how much is sown, and how often it is there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from backfill.simulator.seed.lists import is_stocked
from backfill.simulator.seed.profile import Profile
from backfill.simulator.seed.quotas import LISTS, Import, quotas, spread
from backfill.simulator.seed.timeline import DAY_S
from backfill.simulator.sown.layout import COPIED

WHOLE_MOST = 900
"""Companies of so many rows are sown whole: some 75 ms of work, within the 100 ms of a first page."""

COPIED_LEAST, COPIED_MOST = 340, 520
"""Rows of a larger company's core that are copied; with the shared lists it has then about as many as a whole one. The
span reaches from two copies to three, so that there are fewer rows left over than copies."""

ITEMS_MOST = 60
"""Of a larger company's core; each copy has its own items in stock besides."""

SPREAD_S = 3 * 365 * DAY_S
"""The copies begin within so long: a business that gains its customers in its first years."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to sow."""

    rows: int
    """Of the company, all entities together."""
    counts: Mapping[str, int]
    """Entity to number of rows of the core."""
    copies: int = 1
    extra: int = 0
    """Estimates that are there once although all others are copied: they make the number of rows right."""

    @property
    def step_s(self) -> int:
        """From a copy to the next."""
        return SPREAD_S // self.copies if self.copies > 1 else DAY_S

    @property
    def later_s(self) -> int:
        """From the core to the last copy."""
        return (self.copies - 1) * self.step_s


def plan(profile: Profile) -> Plan:
    """The plan of a company; its rows add up to `profile.rows` exactly, and every entity that is used has one."""
    whole = quotas(profile)
    if profile.rows <= WHOLE_MOST:
        return Plan(rows=profile.rows, counts=whole)
    items = min(whole["Item"], ITEMS_MOST)
    stocked = sum(map(is_stocked, range(items)))
    shared = {entity: count for entity, count in whole.items() if entity not in COPIED and entity != "Item"}
    left = profile.rows - sum(shared.values()) - (items - stocked)
    # The fewest left over; of several the most that are not the same again.
    rows = min(range(COPIED_LEAST, COPIED_MOST + 1), key=lambda rows: (left % rows, -rows))
    copied = {
        entity: max(int(rows * LISTS[entity].per_mille / 1000), LISTS[entity].least)
        for entity in LISTS
        if entity in COPIED and profile.uses(entity)
    }
    transactions = spread(profile, rows - stocked - sum(copied.values()))
    copies, extra = divmod(left, rows)
    counts = {**shared, "Item": items, **copied, **transactions}
    return Plan(rows=profile.rows, counts=counts, copies=copies, extra=extra)


def imports(planned: Plan) -> tuple[Import, ...]:
    """The bulk imports of a company.

    From 5,000 rows on one is larger than a page of a query (1,000 rows), which no window of time can divide;
    the largest companies have a second one, of another entity. They are not much larger, since a page that begins
    within such a second costs as many rows as the second has.
    """
    counts, copies = planned.counts, planned.copies
    total = {entity: count * copies for entity, count in counts.items()}
    found = [Import("Customer", counts["Customer"] // 5)]
    if planned.rows >= 5_000:
        found.append(Import("Invoice", -(-_large(total["Invoice"]) // copies)))
    if total["Purchase"] >= 1_500:
        found.append(Import("Purchase", -(-_large(total["Purchase"]) // copies)))
    return tuple(found)


def _large(rows: int) -> int:
    return 1_001 + min(rows // 20, 500)
