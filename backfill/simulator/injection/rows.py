"""What goes wrong with single rows of an answer: of a query, of change data capture, of a batch's items.

All of it is done to the JSON of an answer; what is answered in XML, or is no answer with rows, is left alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any, Literal

import msgspec

from backfill.simulator.documents import Doc, decode, encode
from backfill.simulator.envelopes import Answer, fault_answer, fault_object
from backfill.simulator.faults import POISONS
from backfill.simulator.injection.mishap import Mishap, Proceed, Strike
from backfill.simulator.settings import require

_PAGE_NUMBERS = frozenset({"startPosition", "maxResults", "totalCount"})


def answer_of(answer: Answer) -> Doc:
    """The decoded body; empty where it is no JSON object."""
    try:
        return decode(answer.body)
    except msgspec.MsgspecError:
        return {}


def pages(body: Doc) -> Iterator[Doc]:
    """Every page of rows in an answer, to be changed in place: entity to rows, beside the numbers of the page."""
    for name, value in body.items():
        match name, value:
            case "QueryResponse", dict():
                yield value
            case "QueryResponse", list():
                yield from value
            case (("BatchItemResponse" | "CDCResponse"), list()):
                for item in value:
                    yield from pages(item)
            case _:
                continue


def tables(page: Doc) -> Iterator[tuple[str, list[Any]]]:
    """The entities of a page with their rows."""
    return ((name, rows) for name, rows in page.items() if name not in _PAGE_NUMBERS and isinstance(rows, list))


def id_of(row: Doc) -> str:
    """The Id of a row, or of what it wraps; empty where it has none."""
    inner = row if "Id" in row or len(row) != 1 else next(iter(row.values()))
    return str(inner.get("Id", "")) if isinstance(inner, dict) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowMishap(Mishap):
    """Something that befalls certain rows, the same ones each time: those named, and a share of all others."""

    ids: tuple[str, ...] = ()
    share: float = 0.0
    salt: str = ""
    """Another one, and the share is of other rows."""

    def __post_init__(self) -> None:
        require(f"the {self.kind()}", [("share is between 0 and 1", 0 <= self.share <= 1)])

    def concerns(self, strike: Strike, entity: str, row: Doc) -> bool:
        object_id = id_of(row)
        if object_id in self.ids:
            return True
        key = f"{self.salt}:{strike.subject.realm_id}:{entity}:{object_id}".encode()
        return int.from_bytes(blake2b(key, digest_size=8).digest()) < self.share * 2**64


@dataclass(frozen=True, slots=True, kw_only=True)
class PoisonedRow(RowMishap):
    """A stored row that cannot be read fails every page it is on, and every CDC call that carries it."""

    share: float = 0.001
    code: Literal["4002", "10000"] = "4002"

    async def befall(self, strike: Strike, proceed: Proceed) -> Answer:
        answer = await proceed(strike)
        body = answer_of(answer)
        items = body.get("BatchItemResponse")
        found = False
        for part in items if isinstance(items, list) else [body]:
            if any(self._is_poisoned(strike, page) for page in pages(part)):
                found = True
                kept = {name: part[name] for name in ("bId",) if name in part}
                part.clear()
                part.update(Fault=msgspec.json.decode(fault_object(POISONS[self.code])), **kept)
        if not found:
            strike.spare()
            return answer
        if not isinstance(items, list):
            return fault_answer(POISONS[self.code], strike.now(), json=strike.call.accepts_json)
        return replace(answer, body=encode(body))

    def _is_poisoned(self, strike: Strike, page: Doc) -> bool:
        return any(self.concerns(strike, entity, row) for entity, rows in tables(page) for row in rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class FlaggedDeleted(RowMishap):
    """Change data capture says of objects that live that they were deleted."""

    share: float = 0.1

    async def befall(self, strike: Strike, proceed: Proceed) -> Answer:
        answer = await proceed(strike)
        body = answer_of(answer)
        flagged = 0
        for captured in _captured(body):
            for entity, rows in tables(captured):
                for place, row in enumerate(rows):
                    if row.get("status") != "Deleted" and "MetaData" in row and self.concerns(strike, entity, row):
                        meta = {"LastUpdatedTime": row["MetaData"]["LastUpdatedTime"]}
                        rows[place] = {"domain": "QBO", "status": "Deleted", "Id": row["Id"], "MetaData": meta}
                        flagged += 1
        return changed(answer, body, strike, by=flagged)


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingAttributes(Mishap):
    """Rows of queries lack what a read by Id shows, as was seen with balances and links."""

    names: tuple[str, ...] = ("Balance", "LinkedTxn")

    async def befall(self, strike: Strike, proceed: Proceed) -> Answer:
        answer = await proceed(strike)
        body = answer_of(answer)
        dropped = 0
        for page in pages(body):
            for _, rows in tables(page):
                for row in rows:
                    dropped += sum(row.pop(name, None) is not None for name in self.names)
        return changed(answer, body, strike, by=dropped)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownAttribute(Mishap):
    """Rows have an attribute that nobody announced, as when Intuit adds fields within the same minor version."""

    name: str = "BrandNew"

    async def befall(self, strike: Strike, proceed: Proceed) -> Answer:
        answer = await proceed(strike)
        body = answer_of(answer)
        added = 0
        for page in pages(body):
            for _, rows in tables(page):
                for row in rows:
                    row[self.name] = {"value": "1", "nested": [{"deep": None}]}
                    added += 1
        return changed(answer, body, strike, by=added)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unordered(Mishap):
    """Rows come in another order than was asked for, as of entities whose ORDERBY has no effect."""

    async def befall(self, strike: Strike, proceed: Proceed) -> Answer:
        answer = await proceed(strike)
        body = answer_of(answer)
        moved = 0
        for page in pages(body):
            for _, rows in tables(page):
                strike.rng.shuffle(rows)
                moved += len(rows) > 1
        return changed(answer, body, strike, by=moved)


def changed(answer: Answer, body: Doc, strike: Strike, *, by: int) -> Answer:
    """The answer with that body; where nothing was changed, the answer as it was, and the mishap did not happen."""
    if not by:
        strike.spare()
        return answer
    return replace(answer, body=encode(body))


def _captured(body: Doc) -> Iterator[Doc]:
    """The pages of change data capture, also of a batch's items."""
    for name, value in body.items():
        if name == "CDCResponse":
            yield from pages({name: value})
        elif name == "BatchItemResponse":
            for item in value:
                yield from _captured(item)
