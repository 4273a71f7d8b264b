"""Entities of which most companies have few or none, read at once instead of counted: a short answer is all of it.

To count what is then read asks twice, and to count what is empty buys nothing but its proof, which an empty answer
is as well. So the census asks outright for what is usually small, all in one batch call, and counts the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from backfill.errors import FaultError, RequestError
from backfill.jobs.rates import RatesLook, after_currencies
from backfill.jobs.too_much import is_too_much
from backfill.jobs.whole_answer import WholeAnswer, all_of, land_whole, prove_whole, read_alone
from backfill.jobs.work import RealmWork
from backfill.model import Proof
from backfill.qbo.catalogue import CATALOGUE, Entity, Reading
from backfill.qbo.query import BATCH_ITEMS_MAX

USUALLY_MANY = frozenset({
    "Account", "Bill", "BillPayment", "Customer", "Deposit", "Invoice", "Item", "JournalEntry", "Payment", "Purchase",
    "SalesReceipt", "Vendor",
})  # fmt: skip
"""What a company trades with and the books of every day: more than a few rows even in a small company, so counted."""

OUTRIGHT_ROWS_MAX = 900
"""Rows asked for outright in one call. An answer holds 1000 objects, and how a cut shows is not documented; a server
that sends one more than each of thirty statements asked for stays below it, too."""

_ROWS_COME = 10
"""Of an entity with few rows, more than come during most outages; where more came, it is counted and read again."""


@dataclass(frozen=True, slots=True)
class Outright:
    """What was asked for outright. Entities that did not fit are in none of these: they are still to be counted."""

    proofs: Mapping[str, Proof] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    """The rows of those that have a COUNT, which is not asked for any more."""
    faults: Mapping[str, RequestError] = field(default_factory=dict)
    rates: RatesLook | None = None
    """What the company's currencies say of its exchange rates, where they came whole."""
    at: datetime | None = None
    """The server's `time` of the first answer; None where nothing was asked."""


def is_usually_small(entity: Entity) -> bool:
    """Whether the entity is asked for outright."""
    return (entity.countable or entity.reading is Reading.SINGLETON) and entity.name not in USUALLY_MANY


def outright_rows(held: int) -> int:
    """Rows to ask for of an entity of which so many are held: as much more as may have come since."""
    return held + max(_ROWS_COME, held // 10)


async def read_outright(
    work: RealmWork, entities: Sequence[Entity], *, since: datetime | None, held: Mapping[str, int]
) -> Outright:
    """Ask for all of each entity in one batch call, and land and prove what came whole.

    Of those that are usually small; or where it is known how many are `held`, of those that are named there.
    """
    asked = [entity for entity in entities if (entity.name in held if held else is_usually_small(entity))]
    asked = asked[:BATCH_ITEMS_MAX]
    if not asked:
        return Outright()
    rows = _rows_of(asked, held, work.page_rows)
    statements = [all_of(entity, since, max_results=rows[entity]) for entity in asked]
    async with work.room_for(asked[0], OUTRIGHT_ROWS_MAX):
        whole, found = await _landed(work, rows, statements, since)
    proofs = {proof.entity: proof for proof in await prove_whole(work, whole, since)}
    counts = {one.entity.name: one.received for one in whole if one.entity.countable}
    return replace(found, proofs=proofs, counts=counts)


async def _landed(
    work: RealmWork, asked: Mapping[Entity, int], statements: Sequence[str], since: datetime | None
) -> tuple[Sequence[WholeAnswer], Outright]:
    """Ask, and land what came whole. A function of its own, so that the rows are gone when their room is."""
    whole: list[WholeAnswer] = []
    faults: dict[str, RequestError] = {}
    look: RatesLook | None = None
    answers = await work.ask.many(statements, to_land=True)
    for (entity, rows), answer in zip(asked.items(), answers.items, strict=True):
        if isinstance(answer, RequestError):
            if not is_too_much(answer):
                faults[entity.name] = answer
        elif answer.received < rows:
            whole.append(await land_whole(work, entity, answer))
            if entity.name == "CompanyCurrency" and since is None:
                look = after_currencies(CATALOGUE["ExchangeRate"], answer)
    return whole, Outright(faults=faults, rates=look, at=answers.first_time)


async def read_one_by_one(
    work: RealmWork, entities: Sequence[Entity], before: Outright, *, since: datetime | None
) -> Outright:
    """Ask for all of each entity in a call of its own, and land and prove what came whole, beside what was `before`.

    For where a batch is billed by its items: this is one, while to count an entity and to read it then are two.
    """
    proofs, faults, counts = dict(before.proofs), dict(before.faults), dict(before.counts)
    at = before.at
    for entity in entities:
        try:
            whole = await read_alone(work, entity, since)
        except FaultError as fault:
            faults[entity.name] = fault
            continue
        if whole is not None:
            at = at or whole.at
            (proofs[entity.name],) = await prove_whole(work, [whole], since)
            counts[entity.name] = whole.received
    return replace(before, proofs=proofs, faults=faults, counts=counts, at=at)


def _rows_of(asked: Sequence[Entity], held: Mapping[str, int], page_rows: int) -> Mapping[Entity, int]:
    """Rows to ask for: of a singleton one more than there is, so that its one row is a short answer."""
    equal = min(OUTRIGHT_ROWS_MAX // len(asked), page_rows)
    return {
        entity: 2
        if entity.reading is Reading.SINGLETON
        else outright_rows(held[entity.name])
        if entity.name in held
        else equal
        for entity in asked
    }
