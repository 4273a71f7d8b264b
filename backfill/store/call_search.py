"""What the call log holds, found again: by realm, time, outcome, entity. Reads only."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from datetime import datetime

import msgspec

from backfill.model import RealmId
from backfill.store.call_log import COLUMNS
from backfill.store.database import Database
from backfill.store.reading import PIECE_TIMEOUT_S, at_leisure

# A word of the question names the entity: in a statement, among CDC's entities, in a path, in a batch's items.
FIND = f"""
SELECT {", ".join(COLUMNS)}
FROM backfill.call
WHERE asked_at >= coalesce($1::timestamptz, '-infinity') AND asked_at < coalesce($2::timestamptz, 'infinity')
    AND ($3::text[] IS NULL OR realm_id = ANY ($3))
    AND ($4::integer IS NULL OR status BETWEEN $4 AND $5)
    AND (NOT $6 OR status IS NULL)
    AND (NOT $7 OR code <> '' OR status IS NULL)
    AND ($8::text IS NULL OR code = $8)
    AND ($9::text IS NULL OR intuit_tid = $9)
    AND ($10::text IS NULL OR lane = $10)
    AND ($11::text IS NULL OR concat_ws(' ', path, params, request_body) ~* ('\\m' || $11 || '\\M'))
    AND ($12::double precision IS NULL OR duration_s >= $12)
ORDER BY asked_at DESC, intuit_tid
LIMIT $13
"""  # noqa: S608  # columns of ours

# Which index serves depends on what is wanted: a plan that has to do for all of it reads the whole log, newest first.
PLANNED_ANEW = "SET LOCAL plan_cache_mode = force_custom_plan"

ROWS_AHEAD = 200
"""Of an export, fetched together: with their bodies some 10 MB at the most that is likely."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which calls. None, and False, leave a question open; `until` is not included."""

    since: datetime | None = None
    until: datetime | None = None
    realm_ids: Sequence[RealmId] | None = None
    statuses: tuple[int, int] | None = None
    """The lowest and the highest."""
    unanswered: bool = False
    failed: bool = False
    code: str | None = None
    intuit_tid: str | None = None
    lane: str | None = None
    entity: str | None = None
    """A name of letters only."""
    slower_than_s: float | None = None


class Call(msgspec.Struct, frozen=True):
    """One exchange, as the log has it; see the table's own comments."""

    asked_at: datetime
    realm_id: RealmId
    lane: str
    method: str
    path: str
    params: str
    request_id: str
    attempt: int
    status: int | None
    code: str
    intuit_tid: str
    duration_s: float
    request_bytes: int
    response_bytes: int
    response_crc32: int | None
    request_body: str | None
    response_body: str | None


class CallSearch:
    """The table of calls, for readers."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def calls(self, wanted: Wanted, *, limit: int | None = None) -> AsyncGenerator[Call]:
        """The newest first, at most `limit` of them (None: all), fetched as they are taken."""
        low, high = wanted.statuses or (None, None)
        assert wanted.entity is None or wanted.entity.isalpha(), "it becomes part of a pattern"
        arguments = (
            wanted.since,
            wanted.until,
            None if wanted.realm_ids is None else list(wanted.realm_ids),
            low,
            high,
            wanted.unanswered,
            wanted.failed,
            wanted.code,
            wanted.intuit_tid,
            wanted.lane,
            wanted.entity,
            wanted.slower_than_s,
            limit,
        )
        async with at_leisure(self._database) as connection:
            await connection.execute(PLANNED_ANEW)
            async for row in connection.cursor(FIND, *arguments, prefetch=ROWS_AHEAD, timeout=PIECE_TIMEOUT_S):
                yield Call(*row)
