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
from backfill.rows import Documents, Rows, kinds

_META_DATA = b'"MetaData":{"CreateTime":"'
"""Intuit's order and spelling. Within a string its quotes would be escaped."""
_UPDATED = b'"LastUpdatedTime":"'
_BETWEEN_TIMES = b'",' + _UPDATED
"""Unless a member comes between: `LastModifiedByRef` does, where Intuit sends it."""
_META_DATA_END = b'"}'
_BETWEEN_ROWS = b"},{"
_HEAD = {"id_key": b'"Id":"', "id": b"", "token_key": b'","SyncToken":"', "token": b"", "token_end": b'",'}
"""What stands before the MetaData, with digits where it says nothing."""

_LOWEST, _HIGHEST = b"0000-00-00T00:00:00+00:00", b"9999-99-99T99:99:99-99:99"
"""A time as Intuit spells it is byte by byte between the two: always as long, always with an offset."""
_SIGN_AT = _LOWEST.index(b"+")
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
    head_at, ids, sync_tokens = _heads(body, said_at)
    created_to, updated_from, created_at, updated_at = _times(body, said_at)
    said_to = updated_from + len(_LOWEST) + len(_META_DATA_END)
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


def _heads(body: bytes, said_at: _Places) -> tuple[_Places, NDArray[np.bytes_], NDArray[np.int64]]:
    """Where each row says its Id, the Ids, and the SyncTokens."""
    token_to = said_at - len(_HEAD["token_end"])
    token_sizes = _back_to_quote(body, token_to, _TOKEN_DIGITS_MAX)
    id_to = token_to - token_sizes - len(_HEAD["token_key"])
    id_sizes = _back_to_quote(body, id_to, _ID_DIGITS_MAX)
    head_at = id_to - id_sizes - len(_HEAD["id_key"])
    ids = np.empty(len(said_at), dtype=f"S{id_sizes.max()}")
    sync_tokens = np.empty(len(said_at), dtype=np.int64)
    sizes = id_sizes << 8 | token_sizes
    for size, rows in kinds(sizes):  # a page has a few
        head = _head(size >> 8, size & 255)
        found = _texts(body, head_at[rows], head.itemsize).view(head)
        if any((found[name] != constant).any() for name, constant in _HEAD.items() if constant):
            raise SplitError("its rows do not say Id, SyncToken and MetaData in this order")
        _digits(found["id"])
        ids[rows] = found["id"]
        token = _digits(found["token"])
        sync_tokens[rows] = token @ 10 ** np.arange(token.shape[1])[::-1]
    return head_at, ids, sync_tokens


@cache
def _head(id_size: int, token_size: int) -> np.dtype[np.void]:
    """Of the bounded sizes that `_heads` asks for."""
    sizes = {"id": id_size, "token": token_size}
    return np.dtype([(name, f"S{sizes.get(name, len(constant))}") for name, constant in _HEAD.items()])


def _times(body: bytes, said_at: _Places) -> tuple[_Places, _Places, NDArray[np.datetime64], NDArray[np.datetime64]]:
    """Where each row's CreateTime ends, where its LastUpdatedTime begins, and both."""
    created = _texts(body, said_at + len(_META_DATA), len(_LOWEST))
    created_to = said_at + len(_META_DATA) + len(_LOWEST)
    updated_from = created_to + len(_BETWEEN_TIMES)
    for row in np.flatnonzero(~_is_at(body, created_to, _BETWEEN_TIMES)).tolist():
        start = int(created_to[row])
        place = body.find(_UPDATED, start, start + _ASIDE_BYTES_MAX)
        if place < 0:
            raise SplitError("a row does not say when it was updated")
        updated_from[row] = place + len(_UPDATED)
    updated = _texts(body, updated_from, len(_LOWEST))
    if not _is_at(body, updated_from + len(_LOWEST), _META_DATA_END).all():
        raise SplitError("a MetaData does not end as Intuit's do")
    created_at = _instants(created)
    updated_at = created_at.copy()  # most objects were never changed
    was_changed = created != updated
    if was_changed.any():
        updated_at[was_changed] = _instants(updated[was_changed])
    return created_to, updated_from, created_at, updated_at


def _instants(texts: NDArray[np.bytes_]) -> NDArray[np.datetime64]:
    """Times as Intuit spells them, in UTC. Raises `ValueError` for other spellings, and for what is no moment."""
    said = _bytes(texts)
    is_spelled_so = (said >= np.frombuffer(_LOWEST, np.uint8)) & (said <= np.frombuffer(_HIGHEST, np.uint8))
    sign, zone = said[:, _SIGN_AT], said[:, _SIGN_AT + 1 :].astype(np.int64) - ord("0")
    if not is_spelled_so.all() or (sign == ord(",")).any():  # which is between the two signs
        raise SplitError("a time is not spelled as Intuit's are")
    hours, minutes = zone[:, 0] * 10 + zone[:, 1], zone[:, 3] * 10 + zone[:, 4]
    local = texts.astype(f"S{_SIGN_AT}").astype("datetime64[us]")
    if hours.max() >= _HOURS or minutes.max() >= _MINUTES or local.min() < _EARLIEST or local.max() >= _LATEST:
        raise SplitError("a time is no moment, or very far away")
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


def _back_to_quote(body: bytes, places: _Places, most: int) -> _Places:
    """How many bytes there are between each place and the quote before it: one to `most`."""
    before = _bytes(_texts(body, places - most - 1, most + 1))[:, ::-1]
    sizes: _Places = (before == ord('"')).argmax(axis=1)
    if not sizes.all():  # at once, or not among them
        raise SplitError("a row says no Id or no SyncToken, or a very long one")
    return sizes


def _digits(column: NDArray[np.bytes_]) -> NDArray[np.uint8]:
    """The digits of each text, from 0 to 9."""
    digits = _bytes(column) - np.uint8(ord("0"))
    if (digits > 9).any():
        raise SplitError("an Id or a SyncToken is not a number")
    return digits


def _is_at(body: bytes, places: _Places, text: bytes) -> NDArray[np.bool_]:
    """Whether `text` stands at each place.

    As numbers: numpy compares texts one by one, a byte at a time. As a rule it stands at all, which is seen at once.
    """
    is_same = _bytes(_texts(body, places, len(text))) == np.frombuffer(text, np.uint8)
    found: NDArray[np.bool_] = np.ones(len(places), dtype=bool) if is_same.all() else is_same.all(axis=1)
    return found


def _texts(body: bytes, places: _Places, size: int) -> NDArray[np.bytes_]:
    """The `size` bytes from each place on."""
    if places.min(initial=0) < 0 or places.max(initial=0) + size > len(body):
        raise SplitError("its rows are cut off")
    return np.ndarray(len(body) - size + 1, dtype=f"S{size}", buffer=body, strides=1)[places]


def _bytes(texts: NDArray[np.bytes_]) -> NDArray[np.uint8]:
    """Each text's bytes, a row each: those at its end, too, that numpy leaves out of a text if they are zero."""
    return np.ascontiguousarray(texts).view(np.uint8).reshape(len(texts), texts.itemsize)
