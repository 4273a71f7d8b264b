"""A page, cut into rows and their key columns without being read: what lands the rows, reads them anyway.

To decode a page only to learn where its rows end is a fifth of all that a row costs us, and its headers as Python
objects are as much again. But each row says its `MetaData` once, near its beginning and spelled as Intuit spells it,
and what differs from row to row before its end are a few digits at known places. So those places are looked for, and
all rows' digits are read a column at a time.

A cut may be believed if the answer is JSON whose every row has a `MetaData` of its own, if as many are found as the
answer says that it has rows, and if all beginnings, up to the end of the MetaData, decode as one array to headers:

* As many as rows, and one at least in each row: so none stands anywhere else, and the nth is the nth row's.
* A row is taken to begin at the last `},{` before its `MetaData`. Were that within an array of the row before or of
  the row itself, that array would have to end before the row's `MetaData`: the beginning would have a `]` too many,
  which ends the array of all beginnings early, and that does not decode.
  What is before the first row's Id ends each array that it begins. So where it stands before another's Id, behind `},`,
  its own bracket is that row's, even if there are arrays in it.
* What stands before the first row and behind the last decodes with nothing between: no bracket of it is a row's.

Of beginnings that differ in digits only, within the quotes of Id, SyncToken and both times, one decodes if and only if
all do, and to the same members. So it is enough that one of each kind (`CutPage.samples`) decodes to what the columns
say of it.

What is not so (an answer that is no JSON, a server that miscounts, a row without a `MetaData` beside an object with a
whole header within another row) has to get past Postgres, which takes no row that is not one whole document. Not sent
there are only rows of a version that is held already, and that one was whole.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import stringzilla  # type: ignore[import-not-found]  # a compiled module without types
from numpy.typing import NDArray

from backfill.qbo.splitter import SplitError
from backfill.rows import Documents, Rows

_META_DATA = b'"MetaData":{"CreateTime":"'
"""Intuit's order and spelling. Within a string its quotes would be escaped."""
_TIME = b"0000-00-00T00:00:00+00:00"
"""As Intuit spells it: always as long, always with an offset."""
_ID, _TOKEN, _CREATED = b'"Id":"', b'","SyncToken":"', b'",' + _META_DATA + _TIME
_HEAD = _ID + b"%b" + _TOKEN + b"%b" + _CREATED
"""What a row says in one piece: Id, SyncToken, and when it was created."""
_UPDATED = b'"LastUpdatedTime":"'
_BETWEEN_TIMES = b'",' + _UPDATED
"""Unless a member comes between: `LastModifiedByRef` does, where Intuit sends it."""
_SAID = _TIME + b'"}'
"""What ends a MetaData."""
_BETWEEN_ROWS = b"},{"

_ANY_DIGIT, _ANY_SIGN = b"0+"
"""In a text of rows whose digits, and the signs of whose zones, may be others."""
_COMMA = ord(",")
"""Which is between the two signs."""
_SIGN_AT = _TIME.index(b"+")
_EARLIEST, _LATEST = np.datetime64("1900", "us"), np.datetime64("9998", "us")
"""So far from what a datetime can say that no offset leads out of it."""
_HOURS, _MINUTES = 24, 60

_ID_DIGITS_MAX = 19
_TOKEN_DIGITS_MAX = 9
"""Few enough for a number of 64 bits. Intuit's have one or two."""
_ASIDE_BYTES_MAX = 1000
"""Before an Id and between two times. Of Intuit's own rows some 150 and 60."""

_Places = NDArray[np.intp]
"""Places in the answer, one for each row, or the numbers of rows."""
_Bytes = NDArray[np.uint8]
"""Texts that are as long, a row each."""


@dataclass(frozen=True, slots=True)
class CutPage:
    """An answer of ordinary rows: each live, with Id, SyncToken and both times in Intuit's order and spelling."""

    around: bytes
    """The answer without its rows: their array is empty."""
    rows: Rows
    """In the order in which they came. Nobody has looked into the documents, which are views of the answer."""
    samples: Rows
    """One row of each kind. In place of its document it has its beginning, from its bracket to its MetaData's end."""


def cut_page(body: bytes) -> CutPage:
    """The rows of the one array in `body`. Raises `ValueError` unless they are ordinary and can be told apart."""
    first, last = body.find(b"[{") + 1, body.rfind(b"}]") + 1
    said_at = _all_said(body, first, last)
    created_to = said_at + len(_META_DATA) + len(_TIME)
    head_at, ids, sync_tokens, created = _heads(body, created_to)
    updated_from, updated = _updates(body, created_to)
    created_at = _instants(created)
    updated_at = created_at.copy()  # most objects were never changed
    was_changed = (created != updated).any(axis=1)
    if was_changed.any():
        updated_at[was_changed] = _instants(updated[was_changed])
    said_to = updated_from + len(_SAID)
    starts, has_first_prefix = _starts(body, first, said_at, said_to, head_at)
    ends = np.append(starts[1:] - 1, last)
    view = memoryview(body)
    rows = Rows(ids, sync_tokens, created_at, updated_at, Documents(view, starts, ends))

    is_plain = has_first_prefix & (updated_from - created_to == len(_BETWEEN_TIMES))
    asked = np.append(np.flatnonzero(is_plain)[:1], np.flatnonzero(~is_plain))
    kinds: dict[tuple[bytes, bytes], int] = {}
    places = (column[asked].tolist() for column in (starts, head_at, created_to, updated_from))
    for row, start, head, created, updated in zip(asked.tolist(), *places, strict=True):
        kinds.setdefault((body[start:head], body[created:updated]), row)
    sampled = np.array(list(kinds.values()))
    beginnings = Documents(view, starts[sampled], said_to[sampled])
    return CutPage(body[:first] + body[last:], rows, replace(rows.take(sampled), docs=beginnings))


def _all_said(body: bytes, first: int, last: int) -> _Places:
    """Where each `MetaData` begins that has an end."""
    # As bytes.split, but parts are views, and it takes a fifth of the time.
    parts = stringzilla.Str(body)[first:last].split(_META_DATA)
    sizes = np.fromiter(map(len, parts), np.intp, len(parts))
    if len(sizes) == 1:
        raise SplitError("it has no rows that begin as Intuit's do")
    return first + np.cumsum(sizes[:-1] + len(_META_DATA)) - len(_META_DATA)


def _heads(body: bytes, heads_to: _Places) -> tuple[_Places, NDArray[np.bytes_], NDArray[np.int64], _Bytes]:
    """Where each row says its Id, the Ids, the SyncTokens, and when each was created as it says it.

    `heads_to` is where each says no more of that.
    """
    head_at = np.empty_like(heads_to)
    ids = np.empty(len(heads_to), dtype=f"S{_ID_DIGITS_MAX}")
    sync_tokens = np.empty(len(heads_to), dtype=np.int64)
    created = np.empty((len(heads_to), len(_TIME)), dtype=np.uint8)
    rows, widest = np.arange(len(heads_to)), 0
    while len(rows):  # once for each number of digits that an Id and a token have: a page has a few
        id_size, token_size = _digits_before(body, int(heads_to[rows[0]]))
        head = _HEAD % (b"0" * id_size, b"0" * token_size)
        found = _texts(body, heads_to[rows] - len(head), len(head))
        is_such = _is_spelled(found, head)
        if not is_such[0]:
            raise SplitError("its rows do not say Id, SyncToken and MetaData in this order")
        such, found = rows[is_such], found[is_such]
        head_at[such] = heads_to[such] - len(head)
        id_to, widest = len(_ID) + id_size, max(id_size, widest)
        ids[such] = np.ascontiguousarray(found[:, len(_ID) : id_to]).view(f"S{id_size}")[:, 0]
        token_from = id_to + len(_TOKEN)
        token = found[:, token_from : token_from + token_size] - np.uint8(_ANY_DIGIT)
        sync_tokens[such] = token @ 10 ** np.arange(token_size)[::-1]
        created[such] = found[:, -len(_TIME) :]
        rows = rows[~is_such]
    return head_at, ids.astype(f"S{widest}"), sync_tokens, created


def _digits_before(body: bytes, head_to: int) -> tuple[int, int]:
    """How many digits the Id and the SyncToken have whose row says no more of its head from `head_to` on."""
    token_to = head_to - len(_CREATED)
    token_from = body.rfind(b'"', 0, token_to) + 1
    id_to = token_from - len(_TOKEN)
    id_size, token_size = id_to - body.rfind(b'"', 0, max(0, id_to)) - 1, token_to - token_from
    if not (0 < id_size <= _ID_DIGITS_MAX and 0 < token_size <= _TOKEN_DIGITS_MAX):
        raise SplitError("a row says no Id or no SyncToken, or a very long one")
    return id_size, token_size


def _updates(body: bytes, created_to: _Places) -> tuple[_Places, _Bytes]:
    """Where each row says when it was updated, and what it says."""
    updated_from = created_to + len(_BETWEEN_TIMES)
    ordinary = _BETWEEN_TIMES + _SAID
    said = _texts(body, created_to, len(ordinary))
    updated = said[:, len(_BETWEEN_TIMES) :]
    aside = np.flatnonzero(~_is_spelled(said, ordinary))
    if len(aside):
        for row, start in zip(aside.tolist(), created_to[aside].tolist(), strict=True):
            place = body.find(_UPDATED, start, start + _ASIDE_BYTES_MAX)
            if place < 0:
                raise SplitError("a row does not say when it was updated")
            updated_from[row] = place + len(_UPDATED)
        updated[aside] = _texts(body, updated_from[aside], len(_SAID))
        if not _is_spelled(updated[aside], _SAID).all():
            raise SplitError("a MetaData does not end as Intuit's do")
    return updated_from, updated[:, : len(_TIME)]


def _instants(times: _Bytes) -> NDArray[np.datetime64]:
    """Times that are spelled as Intuit's are, in UTC. Raises `ValueError` for what is no moment."""
    sign, zone = times[:, _SIGN_AT], times[:, _SIGN_AT + 1 :].astype(np.int64) - _ANY_DIGIT
    hours, minutes = zone[:, 0] * 10 + zone[:, 1], zone[:, 3] * 10 + zone[:, 4]
    local = np.ascontiguousarray(times[:, :_SIGN_AT]).view(f"S{_SIGN_AT}")[:, 0].astype("datetime64[us]")
    if hours.max() >= _HOURS or minutes.max() >= _MINUTES or local.min() < _EARLIEST or local.max() >= _LATEST:
        raise SplitError("a time is no moment, or very far away")
    if (sign == _COMMA).any():
        raise SplitError("a time is not spelled as Intuit's are")
    offset = (hours * _MINUTES + minutes).astype("timedelta64[m]")
    utc: NDArray[np.datetime64] = np.where(sign == ord("-"), local + offset, local - offset)
    return utc


def _starts(
    body: bytes, first: int, said_at: _Places, said_to: _Places, head_at: _Places
) -> tuple[_Places, NDArray[np.bool_]]:
    """Where each row begins, and whether the same stands before its Id as before that of the first."""
    starts = np.full_like(said_at, first)
    prefix = body[first : head_at[0]]
    has_first_prefix = np.ones(len(said_at), dtype=bool)
    if len(prefix) > _ASIDE_BYTES_MAX:
        has_first_prefix[1:] = False
    else:
        starts[1:] = head_at[1:] - len(prefix)
        before = starts[1:] - len(_BETWEEN_ROWS) + 1
        has_first_prefix[1:] = (before >= said_to[:-1]) & _is_at(body, before, _BETWEEN_ROWS[:-1] + prefix)
    rows = np.flatnonzero(~has_first_prefix)
    between = zip(rows.tolist(), said_to[rows - 1].tolist(), said_at[rows].tolist(), strict=True)
    for row, low, high in between:
        start = body.rfind(_BETWEEN_ROWS, low, high)
        if start < 0:
            raise SplitError("two MetaData stand in one row")
        starts[row] = start + len(_BETWEEN_ROWS) - 1
    return starts, has_first_prefix


def _is_at(body: bytes, places: _Places, text: bytes) -> NDArray[np.bool_]:
    """Whether `text` stands at each place."""
    return _all_of_each(_texts(body, places, len(text)) == np.frombuffer(text, np.uint8))


def _is_spelled(texts: _Bytes, text: bytes) -> NDArray[np.bool_]:
    """Whether each of `texts` is `text` with digits of its own."""
    return _all_of_each(texts - np.frombuffer(text, np.uint8) <= _above(text))  # what is below is far above: no sign


def _all_of_each(is_so: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether all of each row are so. As a rule all of all rows are, which is seen at once."""
    return np.ones(len(is_so), dtype=bool) if is_so.all() else np.asarray(is_so.all(axis=1))


@cache
def _above(text: bytes) -> NDArray[np.uint8]:
    """How far each byte may be above that of `text`. Of as many texts as there are numbers of digits: some 170."""
    return np.array([{_ANY_DIGIT: 9, _ANY_SIGN: 2}.get(byte, 0) for byte in text], dtype=np.uint8)


def _texts(body: bytes, places: _Places, size: int) -> _Bytes:
    """The `size` bytes from each place on, a row each."""
    if places.min(initial=0) < 0 or places.max(initial=0) + size > len(body):
        raise SplitError("its rows are cut off")
    texts = np.ndarray(len(body) - size + 1, dtype=f"V{size}", buffer=body, strides=1)[places]
    return texts.view(np.uint8).reshape(len(places), size)
