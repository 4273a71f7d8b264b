"""How many objects of each entity a realm holds, as its server says, many counts to a call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from backfill.errors import Disposition, FaultError, RequestError
from backfill.jobs.work import RealmWork
from backfill.qbo import query
from backfill.qbo.catalogue import CATALOGUE, Entity

_NOT_OFFERED = {"500", "2000", "5030"}
"""Unsupported operation, unknown object, feature not in the company's plan: there is nothing to read."""


@dataclass(frozen=True, slots=True)
class Census:
    """What a realm holds. `not_offered`: entities its plan or country does not have. `refused`: entity to why."""

    counts: Mapping[str, int]
    not_offered: Sequence[str]
    refused: Mapping[str, str]
    taken_at: datetime
    """The server's `time` of the first answer: whatever changes later, catch-up must find."""
    counted_at: Mapping[str, datetime] = field(default_factory=dict)
    """Entity to the `time` of the answer that counted it, for those counted by this process."""


async def take_census(work: RealmWork, entities: Iterable[Entity], *, updated_since: datetime | None) -> Census:
    """Count every countable entity (only what was created or updated since, if a moment is given)."""
    countable = [entity for entity in entities if entity.countable]
    if not countable:
        return Census(counts={}, not_offered=[], refused={}, taken_at=await _server_time(work))
    answers = await work.ask.many([query.count(entity, updated_since=updated_since) for entity in countable])
    counts: dict[str, int] = {}
    counted_at: dict[str, datetime] = {}
    not_offered: list[str] = []
    refused: dict[str, str] = {}
    for entity, answer in zip(countable, answers.items, strict=True):
        if isinstance(answer, RequestError):
            if answer.disposition is Disposition.PARK:
                raise answer
            if is_not_offered(answer):
                not_offered.append(entity.name)
            else:
                refused[entity.name] = f"Intuit refused to count it: {answer.message}"
        elif answer.total_count is None:
            refused[entity.name] = "Intuit answered a COUNT without a number."
        else:
            counts[entity.name] = answer.total_count
            counted_at[entity.name] = answer.server_time
    return Census(
        counts=counts,
        not_offered=not_offered,
        refused=refused,
        taken_at=answers.first_time,
        counted_at=counted_at,
    )


async def _server_time(work: RealmWork) -> datetime:
    """The server's clock, from an answer that every company has."""
    company = CATALOGUE["CompanyInfo"]
    page = await work.ask.page(company, query.page(company, order_by=None))
    return page.server_time


def is_not_offered(fault: RequestError) -> bool:
    """Whether the fault says that this company has no such entity at all.

    4001 is also the answer to a wrong property, so the words decide: only an unknown entity is meant.
    """
    detail = fault.detail if isinstance(fault, FaultError) else ""
    return fault.code in _NOT_OFFERED or (fault.code == "4001" and "invalid context declaration" in detail)
