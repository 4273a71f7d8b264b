"""Objects read where one of them may be a row that QuickBooks itself cannot read, which fails every answer it is in; or
one whose text we cannot read, which is treated alike: what stands in it may be what we look for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import msgspec

from backfill.errors import Disposition, FaultError, RequestError, UnreadableError
from backfill.jobs.load.work import LoadWork
from backfill.jobs.questions import Questions
from backfill.jobs.slices import ONE_SECOND
from backfill.jobs.too_much import halves, is_broken_row, is_from_a_sound_server, is_too_much
from backfill.jobs.work import REALM_DISPOSITIONS
from backfill.model import Record
from backfill.qbo import query
from backfill.qbo.answers import Page
from backfill.qbo.catalogue import Entity
from backfill.qbo.payloads import decode
from backfill.qbo.query import PAGE_ROWS_MAX

_IN_ONE_SECOND_MAX = 1_000
"""Rows of one second that are asked for one by one: twice what a company's limits let anybody write in a minute."""


MARGIN = timedelta(minutes=10)
"""Around a moment: for the clocks of Intuit's machines, and ours against them."""


@dataclass(slots=True)
class Read:
    """What was read of what was asked for."""

    records: dict[str, Record] = field(default_factory=dict)
    """Id to object."""
    unread: dict[str, RequestError] = field(default_factory=dict)
    """What holds a row that cannot be read, to its fault: an Id or a name that was asked for, or the Id, if it can be
    had, of a row that was created in the time asked for; the entity's name, where all of it is refused."""
    full: bool = False
    """The answer for one value was as long as an answer can be: there may be more."""


def is_readable(record: Record) -> bool:
    """Whether all of its text can be read. Of an answer only the headers are known to be what they should be."""
    try:
        decode(bytes(record.doc))
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return False
    return True


def is_refusal(error: RequestError) -> bool:
    """Whether a server that was well refuses what was asked for: an entity that no query reaches (of
    InventoryAdjustment the reference has none), that this company does not have, or that its user may not see."""
    is_said = isinstance(error, FaultError) and is_from_a_sound_server(error)
    return is_said and error.disposition not in REALM_DISPOSITIONS and not is_too_much(error)


async def _page(ask: Questions, entity: Entity, statement: str, *, hasty: bool = False) -> Page:
    """An answer all of whose objects can be read. Raises as for one that QuickBooks cannot read where one cannot."""
    page = await ask.page(entity, statement, hasty=hasty)
    broken = [one.id for one in page.refusals] + [one.id for one in page.records if not is_readable(one)]
    if broken:
        raise UnreadableError(
            f"{entity.name} {broken[0] or 'without an Id'} of realm {ask.realm_id} came as a text that cannot be read.",
            realm_id=ask.realm_id,
            action="Look at it in QuickBooks, and write its texts anew.",
            disposition=Disposition.SHRINK,
            code="unreadable",
        )
    return page


async def read_values(
    ask: Questions, entity: Entity, values: Sequence[str], statement: Callable[[Sequence[str]], str]
) -> Read:
    """The objects that `statement` selects for some Ids or names, of each at most a page's worth.

    Halved where an answer fails, or holds all that one can.

    Raises `RequestError` for what concerns the realm. What is refused twice cannot be read, whichever is asked for.
    """
    read = Read()
    left = [values] if values else []
    suspect = refused = False
    while left:
        part = left.pop()
        try:
            # A passing trouble was waited out the first time: what stays after that is one of the rows.
            page = await _page(ask, entity, statement(part), hasty=suspect and len(part) > 1)
        except RequestError as error:
            if is_refusal(error):
                left.append(part)
                if refused:
                    read.unread |= {value: error for some in left for value in some}
                    return read
                refused = True
                continue
            if not is_too_much(error) or (len(part) == 1 and not is_broken_row(error)):
                raise
            suspect = True
            if len(part) == 1:
                read.unread[part[0]] = error
            else:
                left += reversed(halves(part))
        else:
            full = page.received >= PAGE_ROWS_MAX
            if full and len(part) > 1:  # what of one value filled it may have left out what is of another
                left += reversed(halves(part))
                continue
            read.records |= {record.id: record for record in page.records}
            read.full = read.full or full
    return read


def is_refused(read: Read) -> bool:
    """Whether what was asked for cannot be asked for so, whatever is there: an attribute that no WHERE takes, an entity
    that no query reaches."""
    return any(map(is_refusal, read.unread.values()))


def anything(_record: Record) -> bool:
    """Whatever there is."""
    return True


async def read_created_since(
    ask: Questions,
    entity: Entity,
    since: datetime,
    until: datetime,
    *,
    keep: Callable[[Record], bool] = anything,
) -> Read:
    """Everything created between two moments, page by page from the last one's CreateTime, so that none is passed over.

    Only what `keep` says is held.

    Where an answer fails the time is halved, down to the second, and that is read row by row.
    Raises `RequestError` for what concerns the realm. What is refused twice is unread under the entity's name.
    """
    read = Read()
    left = [(since.replace(microsecond=0), until)]
    refused = False
    while left:
        low, high = left.pop()
        try:
            page = await _page(ask, entity, query.page(entity, created_from=low, created_to=high))
        except RequestError as error:
            if is_refusal(error):
                if refused:
                    read.unread[entity.name] = error
                    return read
                refused = True
                left.append((low, high))
                continue
            if not is_too_much(error):
                raise
            middle = low + (high - low) / 2
            if high - low > ONE_SECOND:
                middle = middle.replace(microsecond=0)
                left += [(middle + ONE_SECOND, high), (low, middle)]
            else:
                await _one_by_one(ask, entity, low, high, read, keep)
        else:
            read.records |= {record.id: record for record in page.records if keep(record)}
            last = max((record.created_at for record in page.records if record.created_at), default=low)
            if page.received >= PAGE_ROWS_MAX:
                if last > low:
                    left.append((last, high))
                else:
                    await _one_by_one(ask, entity, low, low, read, keep)
                    left.append((low + ONE_SECOND, high))
    return read


async def created_since(
    work: LoadWork, entity: Entity, since: datetime, *, keep: Callable[[Record], bool] = anything
) -> Read:
    """All that was created since, `keep` permitting. What another row made is not unread, whatever it holds."""
    now = (await work.ledger.now()).astimezone(UTC) + timedelta(seconds=work.clock_offset_s)
    read = await read_created_since(work.ask, entity, since, now + MARGIN, keep=keep)
    for id_ in await work.ledger.owned(work.realm_id, entity.name, list(read.unread)):
        del read.unread[id_]
    return read


async def _one_by_one(
    ask: Questions, entity: Entity, low: datetime, high: datetime, read: Read, keep: Callable[[Record], bool]
) -> None:
    """The rows of a second or two. What cannot be read is known by its Id, if a projection leaves its broken part out,
    else by its place; and where there are more than can be asked for, the rest is unread."""
    for position in range(1, _IN_ONE_SECOND_MAX + 1):
        statement = query.page(entity, created_from=low, created_to=high, start_position=position, max_results=1)
        place = f"{entity.name} {position} of {low.isoformat()}"
        try:
            page = await _page(ask, entity, statement)
        except RequestError as error:
            if not is_broken_row(error):
                raise
            read.unread[await _id_at(ask, entity, low, high, position) or place] = error
            continue
        if not page.records:
            return
        read.records |= {record.id: record for record in page.records if keep(record)}
    rest = f"{entity.name} after the first {_IN_ONE_SECOND_MAX} of {low.isoformat()}"
    read.unread[rest] = UnreadableError(
        f"{rest} of realm {ask.realm_id} were not looked at: too many were created within one second.",
        realm_id=ask.realm_id,
        action="Look in QuickBooks whether what was sent is among them.",
        code="unreadable",
    )


async def _id_at(ask: Questions, entity: Entity, low: datetime, high: datetime, position: int) -> str:
    statement = query.ids_only(entity, created_from=low, created_to=high, start_position=position, max_results=1)
    try:
        page = await ask.page(entity, statement, hasty=True)
    except FaultError:
        return ""
    return page.records[0].id if page.records else ""
