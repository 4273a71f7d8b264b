"""What a realm holds, as its server says: small entities read outright in one call, the others counted in another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType

from backfill.errors import Disposition, RequestError
from backfill.jobs import rates
from backfill.jobs.costs import Costs
from backfill.jobs.offered import unanswered
from backfill.jobs.outright import Outright, read_one_by_one, read_outright
from backfill.jobs.proofs import UNCOUNTED
from backfill.jobs.rates import RatesLook
from backfill.jobs.work import RealmWork
from backfill.model import Proof
from backfill.qbo import query
from backfill.qbo.answers import Page
from backfill.qbo.catalogue import CATALOGUE, Entity, Reading


@dataclass(frozen=True, slots=True)
class Census:
    """What a realm holds. `not_offered`: entities its plan or country does not have. `refused`: entity to why.

    What is in either was asked for twice.
    """

    counts: Mapping[str, int]
    not_offered: Sequence[str]
    refused: Mapping[str, str]
    taken_at: datetime
    """The server's `time` of the first answer: whatever changes later, catch-up must find."""
    counted_at: Mapping[str, datetime] = field(default_factory=dict)
    """Entity to the `time` of the answer that counted it, for those counted by this process."""
    proofs: Mapping[str, Proof] = field(default_factory=dict)
    """The entities that were read whole on the way, as of `counted_at`."""
    rates: RatesLook = field(default_factory=RatesLook)
    """What is known of the exchange rates already."""


_NOTHING_HELD: Mapping[str, int] = MappingProxyType({})


async def take_census(
    work: RealmWork,
    entities: Sequence[Entity],
    *,
    updated_since: datetime | None,
    costs: Costs,
    held: Mapping[str, int] = _NOTHING_HELD,
) -> Census:
    """Read what is usually small, and count every other countable entity (only what was updated since, if given).

    `held`: instead of what is usually small, these are read, of which about so many rows are there.

    Where a question by itself is cheaper than two in batches, the others are read as well, and counted if too large.
    Raises `RequestError` for what concerns the whole realm.
    """
    outright = await read_outright(work, entities, since=updated_since, held=held)
    if costs.prefers_singles:
        outright = await read_one_by_one(work, _waiting(entities, outright), outright, since=updated_since)
    waiting = _waiting(entities, outright)
    priced = next((entity for entity in entities if entity.reading is Reading.RATES), None)
    look = outright.rates or RatesLook()
    # First of all, so that both stand in one batch: only then are the rates those of the currencies beside them.
    beside = rates.statements(priced, look) if priced is not None and look.codes else []
    statements = [*beside, *(query.count(entity, updated_since=updated_since) for entity in waiting)]
    if not statements:
        census = _census(outright, outright.at or await _server_time(work), look)
        return await _asked_alone(work, entities, census, outright.faults, updated_since)
    async with work.room_for(CATALOGUE["ExchangeRate"], rates.RATES_MAX if beside else 0):
        answers = await work.ask.many(statements)
        if priced is not None and beside:
            look = await _rates_beside(work, priced, look, answers.items[: len(beside)])
    census = _census(outright, outright.at or answers.first_time, look)
    census, faults = _with_counts(census, waiting, answers.items[len(beside) :])
    return await _asked_alone(work, entities, census, {**outright.faults, **faults}, updated_since)


async def _asked_alone(
    work: RealmWork,
    entities: Sequence[Entity],
    census: Census,
    faults: Mapping[str, RequestError],
    since: datetime | None,
) -> Census:
    """The census with what was refused read instead, each in a call of its own, where one answer holds it.

    Intuit has no COUNT of some entities that it lets be read (CustomerType answers 4002, as was reported); and what
    it says that a company does not have must be said twice. Raises a fault that parks the realm.
    """
    _parked(faults)
    refused = {name: f"Intuit refused to answer for it: {fault.message}" for name, fault in faults.items()}
    refused.update(census.refused)
    again = [entity for entity in entities if entity.name in refused]
    read = await read_one_by_one(work, again, Outright(), since=since)
    _parked(read.faults)
    not_offered: list[str] = []
    for entity in again:
        name = entity.name
        if name in read.proofs:
            del refused[name]
        elif name in faults and name in read.faults:
            proof = await unanswered(work, entity, [faults[name], read.faults[name]])
            if proof.proven:
                not_offered.append(name)
                del refused[name]
            else:
                refused[name] = f"Intuit refused to answer for it: {proof.reason}"
    return replace(
        census,
        counts={**census.counts, **read.counts},
        counted_at={**census.counted_at, **_watermarks(read.proofs)},
        proofs={**census.proofs, **read.proofs},
        not_offered=not_offered,
        refused=refused,
    )


def _parked(faults: Mapping[str, RequestError]) -> None:
    """Raises a fault that parks the realm."""
    for fault in faults.values():
        if fault.disposition is Disposition.PARK:
            raise fault


def _watermarks(proofs: Mapping[str, Proof]) -> Mapping[str, datetime]:
    return {name: proof.watermark for name, proof in proofs.items() if proof.watermark is not None}


def _waiting(entities: Sequence[Entity], outright: Outright) -> Sequence[Entity]:
    """What is still to be counted."""
    known = outright.proofs.keys() | outright.faults.keys()
    return [entity for entity in entities if entity.countable and entity.name not in known]


def _census(outright: Outright, taken_at: datetime, look: RatesLook) -> Census:
    """The census of what was read outright."""
    return Census(
        counts=outright.counts,
        not_offered=[],
        refused={},
        taken_at=taken_at,
        counted_at=_watermarks(outright.proofs),
        proofs=outright.proofs,
        rates=look,
    )


async def _rates_beside(
    work: RealmWork, entity: Entity, look: RatesLook, answers: Sequence[Page | RequestError]
) -> RatesLook:
    """What the rates beside the counts say. What they refuse is for their own turn, at the end."""
    try:
        return await rates.looked(work, entity, look, answers)
    except RequestError as fault:
        if fault.disposition is Disposition.PARK:
            raise
        return look


def _with_counts(
    census: Census, entities: Sequence[Entity], answers: Sequence[Page | RequestError]
) -> tuple[Census, Mapping[str, RequestError]]:
    """The census with one answer an entity, and the faults among them."""
    counts, counted_at = dict(census.counts), dict(census.counted_at)
    faults: dict[str, RequestError] = {}
    refused = dict(census.refused)
    for entity, answer in zip(entities, answers, strict=True):
        if isinstance(answer, RequestError):
            faults[entity.name] = answer
        elif answer.total_count is None:
            refused[entity.name] = UNCOUNTED
        else:
            counts[entity.name] = answer.total_count
            counted_at[entity.name] = answer.server_time
    return replace(census, counts=counts, counted_at=counted_at, refused=refused), faults


async def _server_time(work: RealmWork) -> datetime:
    """The server's clock, from an answer that every company has."""
    company = CATALOGUE["CompanyInfo"]
    page = await work.ask.page(company, query.page(company, order_by=None))
    return page.server_time
