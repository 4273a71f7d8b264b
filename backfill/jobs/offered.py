"""Whether a company has an entity at all: that it has not is believed of two answers, and never against rows held.

Intuit's codes for it (unsupported operation, unknown object, feature not supported) are also said of a wrong address
and of one way of asking alone, and anything may be said by a server in a bad moment.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from backfill.errors import RequestError
from backfill.jobs.proofs import is_not_offered, not_offered, refused
from backfill.jobs.too_much import is_answered, is_from_a_sound_server
from backfill.jobs.work import OF_THE_REALM, RealmWork
from backfill.model import Proof
from backfill.qbo.catalogue import Entity

T = TypeVar("T")

_ANSWERS = 2
"""The second is of a question in a call of its own, if the first was an item's or a COUNT's."""


async def answer_or_proof(
    work: RealmWork, entity: Entity, ask: Callable[[], Awaitable[T]], *, first: RequestError | None = None
) -> T | Proof:
    """What `ask` answers, asked again where it says that there is no such entity; else what is then said of the entity.

    `first`: what was said before. Raises `RequestError` for what concerns the whole realm.
    """
    said = [] if first is None else [first]
    while True:
        try:
            return await ask()
        except RequestError as error:
            if not is_answered(error) or error.disposition in OF_THE_REALM:
                raise
            said.append(error)
        if len(said) >= _ANSWERS or not is_not_offered(said[-1]):
            return await unanswered(work, entity, said)


async def unanswered(work: RealmWork, entity: Entity, said: Sequence[RequestError]) -> Proof:
    """The proof that the company has no such entity, if all that was `said` says so; else why nothing is known."""
    if len(said) < _ANSWERS or not all(map(_is_credible, said)):
        return refused(entity, said[-1].message)
    held = await work.store.held(work.realm_id, entity.name)
    if held.total:
        words = f"{held.total} are held, and Intuit says that there is no such thing"
        return refused(entity, f"{words}: {said[-1].message}")
    return not_offered(entity, None)


def _is_credible(fault: RequestError) -> bool:
    return is_not_offered(fault) and is_from_a_sound_server(fault)
