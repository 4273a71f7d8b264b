"""Exchange rates as `verify` asks for them: they have no COUNT and no Id, and not all stay on offer."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

from backfill.jobs.rates import RATES_OF_THE_DAY
from backfill.jobs.vanished import deleted_stub
from backfill.jobs.work import RealmWork
from backfill.model import Proof
from backfill.qbo import query
from backfill.qbo.catalogue import Entity
from backfill.qbo.query import PAGE_ROWS_MAX


@dataclass(frozen=True, slots=True)
class AskedRates:
    """Of which currencies, and of which day where the server wants one to be named."""

    entity: Entity
    codes: Sequence[str]
    as_of: date | None

    def page(self, start: int) -> str:
        return query.rates(self.entity, currencies=self.codes, as_of=self.as_of, start_position=start)

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


def asked_as(entity: Entity, codes: Sequence[str], proofs: Sequence[Proof]) -> AskedRates:
    """As they were asked for when they were proven last."""
    of_a_day = [one.watermark for one in proofs if one.entity == entity.name and one.method == RATES_OF_THE_DAY]
    return AskedRates(entity, codes, of_a_day[0].date() if of_a_day and of_a_day[0] is not None else None)


async def repair_rates(work: RealmWork, asked: AskedRates, ids: Collection[str]) -> None:
    """Land again those of the Ids that the company gives, and mark the others deleted."""
    wanted = set(ids)
    start, full = 1, bool(asked.codes)
    at = work.now()
    while full:
        work.check_stop()
        async with work.room_for(asked.entity, PAGE_ROWS_MAX):
            page = await work.ask.page(asked.entity, asked.page(start))
            found = [record for record in page.records if record.id in wanted]
            refusals = [refusal for refusal in page.refusals if refusal.id in wanted]
            await work.land(asked.entity, found, refusals=refusals, latest=True)
            wanted -= {record.id for record in found} | {refusal.id for refusal in refusals}
            full, start, at = page.received >= PAGE_ROWS_MAX, start + page.received, page.server_time
            del page, found, refusals  # with their room
    await work.land(asked.entity, [deleted_stub(id_, at) for id_ in sorted(wanted)], latest=True)
