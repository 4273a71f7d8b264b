"""One seal sent, and what its answer says of each row: by bId, never by position."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

import anyio

from backfill.errors import (
    Disposition,
    FaultError,
    RequestError,
    ThrottledError,
    TokenError,
    UnansweredError,
)
from backfill.jobs.load.sealing import request_of
from backfill.jobs.load.work import LoadWork
from backfill.jobs.questions import CALL_S
from backfill.jobs.too_much import is_from_a_sound_server
from backfill.load_model import Seal, SealItem
from backfill.qbo import answers
from backfill.qbo.answers import Page, Written
from backfill.qbo.catalogue import CATALOGUE
from backfill.qbo.operations import Operation
from backfill.wire import Lane

Answer = Page | Written | RequestError | None
"""What came for one item; None: nothing."""


class Verdict(Enum):
    """What an answer says of a row."""

    APPLIED = "applied"
    REJECTED = "rejected"
    STALE = "stale"
    """Its object has changed: nothing was done."""
    THROTTLED = "throttled"
    """Refused for this moment: nothing was done."""
    LOOK = "look"
    """It says that the like was done before, and that may have been us."""
    UNKNOWN = "unknown"
    HALT = "halt"
    """Nothing was done, and nothing more can be done for the realm."""


class LostError(Exception):
    """The whole request has an unknown outcome. `cause` says why."""

    def __init__(self, cause: RequestError) -> None:
        super().__init__(cause.message)
        self.cause = cause


class TooMuchError(Exception):
    """The whole request was refused for what it is, so that nothing of it was done; a smaller one may pass."""

    def __init__(self, cause: RequestError) -> None:
        super().__init__(cause.message)
        self.cause = cause


_UNSUPPORTED = frozenset({"500", "2000"})
"""Of a write: this operation, or this entity, is not for this company. Reads are told so of what its plan or country
does not have."""

_NO_PATH = "could not find resource"
"""What 500 says of a path that is none, whatever the row: recorded."""

_TELLTALE = frozenset({"6140", "6240", "630", "5010"})
"""Number, name or object there already, or another version of it: after an attempt in doubt that may be ours."""


async def send(work: LoadWork, seal: Seal) -> Mapping[str, Answer]:
    """Send, and return what came by bId.

    Raises `LostError`, `TooMuchError`; the `RequestError` of a request that was certainly not acted on; and what stops
    a run before sending (`StoppedError`, `UnavailableError`).
    """
    request = request_of(work.realm_id, seal)
    deadline = anyio.current_time() + CALL_S
    try:
        response = await work.transport.send(request, deadline=deadline)
        if seal.lane == Lane.BATCH:
            return answers.decode_batch(response, request=request).items
        entity = CATALOGUE[seal.items[0].entity]
        return {seal.items[0].b_id: answers.decode_written(entity, response, request=request)}
    except RequestError as error:
        match _fate(error, Lane(seal.lane)):
            case _Fate.LOST:
                raise LostError(error) from error
            case _Fate.ANSWERED:
                return {seal.items[0].b_id: error}
            case _Fate.TOO_MUCH:
                raise TooMuchError(error) from error
            case _Fate.NOT_DONE:
                raise


class _Fate(Enum):
    """What an error says of the whole request."""

    LOST = "lost"
    ANSWERED = "answered"
    """It is the answer for the one row that was sent."""
    TOO_MUCH = "too much"
    NOT_DONE = "not done"


def _fate(error: RequestError, lane: Lane) -> _Fate:
    """Any answer that is no 2xx leaves open whether the server acted, or will, but these: a fault of the application's
    own for a single write, which says that it looked and did not do it; a refusal for the request's size; and what
    concerns the app's right to ask, which is looked at before anything else. None of it is believed of a server that
    fails (5xx), whatever code it says.
    """
    if isinstance(error, UnansweredError):
        return _Fate.LOST if error.sent else _Fate.NOT_DONE
    if isinstance(error, TokenError) or _is_turned_away(error, lane):
        return _Fate.NOT_DONE
    if not isinstance(error, FaultError) or isinstance(error, ThrottledError) or not is_from_a_sound_server(error):
        return _Fate.LOST
    if error.disposition is Disposition.SHRINK and lane is Lane.BATCH:
        return _Fate.TOO_MUCH
    is_said = error.code != "" or error.disposition is Disposition.SHRINK
    if lane is Lane.WRITE and is_said and error.disposition is not Disposition.RETRY:
        return _Fate.ANSWERED
    return _Fate.LOST


_NO_RIGHT = frozenset({Disposition.PARK, Disposition.REFRESH, Disposition.STOP})


def _is_turned_away(error: RequestError, lane: Lane) -> bool:
    """Whether the request was refused for what it is, or for whose it is, before anybody looked at its rows."""
    is_the_rows = lane is Lane.WRITE and _is_of_the_row(error)
    return error.disposition in _NO_RIGHT and is_from_a_sound_server(error) and not is_the_rows


def _is_of_the_row(error: RequestError) -> bool:
    """Whether the server says that it does not do this to such an object: no other row is the worse for it."""
    is_said = isinstance(error, FaultError) and _NO_PATH not in error.detail.lower()
    return is_said and error.code in _UNSUPPORTED and is_from_a_sound_server(error)


_BY_DISPOSITION: Mapping[Disposition, Verdict] = {
    Disposition.WAIT: Verdict.THROTTLED,
    Disposition.RETRY: Verdict.UNKNOWN,
    Disposition.READ_BACK: Verdict.LOOK,
    Disposition.REREAD: Verdict.STALE,
    Disposition.PARK: Verdict.HALT,
    Disposition.REFRESH: Verdict.HALT,
    Disposition.STOP: Verdict.HALT,
}
"""What a fault says of a row; any other one is a rejection."""


def judge(item: SealItem, answer: Answer) -> Verdict:
    """What the answer says of the item. A single write's refusal is an item's."""
    if isinstance(answer, Written):
        is_it = answer.entity == item.entity and bool(answer.record.id)
        return Verdict.APPLIED if is_it else Verdict.UNKNOWN
    if not isinstance(answer, FaultError):
        return Verdict.UNKNOWN
    if _is_of_the_row(answer):
        return Verdict.REJECTED
    verdict = _BY_DISPOSITION.get(answer.disposition, Verdict.REJECTED)
    return Verdict.LOOK if item.doubtful and _may_be_ours(item, answer.code) else verdict


def _may_be_ours(item: SealItem, code: str) -> bool:
    """After an attempt in doubt: it is there already, has changed already, or is gone already."""
    return code in _TELLTALE or (code == "610" and item.operation == Operation.DELETE)
