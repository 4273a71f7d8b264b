"""Exchange rates as `verify` asks for them: they have no COUNT and no Id, and not all stay on offer."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

from backfill.jobs.rates import CURRENCIES, CURRENCIES_MAX, RATES_OF_THE_DAY, codes_of
from backfill.jobs.uncounted import every_page
from backfill.jobs.vanished import deleted_stub
from backfill.jobs.whole_answer import all_of
from backfill.jobs.work import RealmWork
from backfill.model import Proof
from backfill.qbo import query
from backfill.qbo.answers import Page
from backfill.qbo.catalogue import Entity
from backfill.qbo.query import PAGE_ROWS_MAX


@dataclass(frozen=True, slots=True)
class AskedRates:
    """Of which currencies, and of which day where the server wants one to be named."""

    entity: Entity
    codes: Sequence[str]
    as_of: date | None

    def page(self, start: int = 1, rows: int = PAGE_ROWS_MAX) -> str:
        return query.rates(self.entity, currencies=self.codes, as_of=self.as_of, start_position=start, max_results=rows)

    def would_be_given(self, id_: str, oldest: str) -> bool:
        """Whether the company would give a rate, `EUR:2026-01-31`, if it had it. `oldest`: the first day that it gives.

        Only of currencies that are enabled, and of the last three years (Intuit's release notes of April 2026): what
        is older is kept, and no difference.
        """
        code, _, day = id_.partition(":")
        of_the_day = day == self.as_of.isoformat() if self.as_of is not None else day >= oldest
        return code in self.codes and of_the_day


def oldest_day(ids: Collection[str]) -> str:
    """The first day among rates; past all days where there are none."""
    return min((id_.partition(":")[2] for id_ in ids), default="9999")


async def asked_as(work: RealmWork, entity: Entity, proofs: Sequence[Proof], listed: Page | None = None) -> AskedRates:
    """As they were asked for when they were proven last, of the currencies that were `listed` or are now.

    Raises `UnprovenError` if a currency cannot be read, and `RequestError`.
    """
    if listed is None or listed.received >= CURRENCIES_MAX:  # of a full answer nobody knows what it has not
        listed = await work.ask.page(CURRENCIES, all_of(CURRENCIES, None))
    of_a_day = [one.watermark for one in proofs if one.entity == entity.name and one.method == RATES_OF_THE_DAY]
    as_of = of_a_day[0].date() if of_a_day and of_a_day[0] is not None else None
    return AskedRates(entity, codes_of(listed), as_of)


async def repair_rates(work: RealmWork, asked: AskedRates, ids: Collection[str]) -> None:
    """Land again those of the Ids that the company gives, and mark the others deleted.

    Raises `UnprovenError`, and marks nothing, if it cannot be told which it gives.
    """
    wanted, missing, at = set(ids), set(ids), work.now()

    async def look(page: Page) -> None:
        nonlocal at
        found = [record for record in page.records if record.id in wanted]
        refusals = [refusal for refusal in page.refusals if refusal.id in wanted]
        await work.land(asked.entity, found, refusals=refusals, latest=True, as_of=page.server_time)
        missing.difference_update([record.id for record in found], [refusal.id for refusal in refusals])
        at = page.server_time

    if asked.codes:
        await every_page(work, asked.entity, asked.page, look)
    await work.land(asked.entity, [deleted_stub(id_, at) for id_ in sorted(missing)], latest=True)
