"""A document of the core with holes where its copies differ, and the filling of them.

What differs: Ids and references to what is copied, names, document numbers, days and times. The holes are cut once a
document, by what its attributes mean, and then filled by joining bytes: some five microseconds a copy.
"""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache
from typing import Any

from backfill.simulator.books.links import target_of
from backfill.simulator.catalogue import TRAITS
from backfill.simulator.changes import DELETED_SUFFIX
from backfill.simulator.documents import Doc, decode, encode
from backfill.simulator.sown.layout import Layout, suffix

_MARK = "\ue000"  # from Unicode's private area: no word list has it, and JSON does not escape it
_HOLE = re.compile(f"{_MARK}([a-z])([^{_MARK}]*){_MARK}".encode())
_CREATED, _UPDATED, _DAY, _NUMBER, _NAME = "c", "u", "d", "n", "s"

_NAMES = frozenset({"CompanyName", "DisplayName", "FullyQualifiedName", "Name", "PrintOnCheckName", "Sku"})
_DAYS = frozenset(
    {"DueDate", "ExpirationDate", "InvStartDate", "NextDate", "PaymentDate", "StartDate", "TxnDate"}
)  # fmt: skip
_REFERENCES = {"CustomerRef": "Customer", "VendorRef": "Vendor", "ItemRef": "Item"}
_CUT_REFERENCES = frozenset(_REFERENCES) | {"AttachableRef", "EntityRef", "ParentRef"}
_ALIKE = frozenset({"BillAddr", "BillEmail", "CustomField", "CustomerMemo", "MetaData", "ShipAddr", "TxnTaxDetail"})
"""Large parts in which nothing differs, that need not be gone through."""


class Stamp:
    """One document of the core, ready to be copied. `still`: its own days do not move with the copies."""

    __slots__ = ("_blanks", "_created", "_days", "_form", "_names", "_numbers", "_updated")

    def __init__(self, layout: Layout, entity: str, doc: bytes, *, still: bool) -> None:
        parts = _HOLE.split(encode(_Cutter(layout, entity, still=still).cut(decode(doc))))
        form = [parts[0].replace(b"%", b"%%")]
        self._created, self._updated = -1, -1
        self._names: list[int] = []
        self._days: list[tuple[int, int]] = []
        self._numbers: list[tuple[int, int, int]] = []
        # After each piece of text come a hole's kind and its argument.
        for place, (kind, argument, text) in enumerate(zip(parts[1::3], parts[2::3], parts[3::3], strict=True)):
            form += (self._hole(place, kind.decode(), argument.decode()), text.replace(b"%", b"%%"))
        self._form = b"".join(form)
        self._blanks: list[int | bytes] = [b""] * (len(parts) // 3)

    def _hole(self, place: int, kind: str, argument: str) -> bytes:
        """Note what fills a hole; how it is written."""
        match kind:
            case "c":
                self._created = place
            case "u":
                self._updated = place
            case "s":
                self._names.append(place)
            case "d":
                self._days.append((place, date.fromisoformat(argument).toordinal()))
            case _:
                first, step = argument.split("+")
                self._numbers.append((place, int(first), int(step)))
                return b"%d"
        return b"%b"

    def fill(self, copy: int, days: int, created: str, updated: str) -> bytes:
        """The document of a copy: `days` later than the core's, with its times as MetaData shows them."""
        filled = self._blanks.copy()
        for place, first, step in self._numbers:
            filled[place] = first + copy * step
        if self._names:
            name = suffix(copy).encode()
            for place in self._names:
                filled[place] = name
        for place, day in self._days:
            filled[place] = _day_text(day + days)
        filled[self._created] = created.encode()
        filled[self._updated] = updated.encode()
        return self._form % tuple(filled)


class _Cutter:
    """Puts marks where a document's copies differ."""

    def __init__(self, layout: Layout, entity: str, *, still: bool) -> None:
        self._layout = layout
        self._entity = entity
        self._still = still

    def cut(self, doc: Doc) -> Doc:
        """The whole document; where it is wrapped, the one inside."""
        if TRAITS[self._entity].wrapped:
            ((kind, inner),) = doc.items()
            return {kind: self._object(inner)}
        return self._object(doc)

    def _object(self, doc: Doc) -> Doc:
        cut = {key: self._value(key, value) for key, value in doc.items()}
        cut["Id"] = self._id(self._entity, doc["Id"])
        cut["MetaData"] = {"CreateTime": _mark(_CREATED), "LastUpdatedTime": _mark(_UPDATED)}
        if "DocNumber" in doc:
            step = self._layout.number_steps[self._entity]
            cut["DocNumber"] = _mark(_NUMBER, f"{doc['DocNumber']}+{step}")
        for name in _NAMES & doc.keys():
            cut[name] = ":".join(map(_named, doc[name].split(":")))  # a whole name has those of all above
        return cut

    def _value(self, key: str, value: Any) -> Any:
        """What is under `key`, at any depth."""
        if isinstance(value, (dict, list)):
            if key in _ALIKE or (key.endswith("Ref") and key not in _CUT_REFERENCES):
                return value
            return self._part(key, value) if isinstance(value, dict) else [self._value(key, part) for part in value]
        if key in _DAYS and not self._still:
            return _mark(_DAY, value)
        return value

    def _part(self, key: str, part: Doc) -> Doc:
        if "TxnId" in part:
            return {**part, "TxnId": self._id(target_of(part).entity, part["TxnId"])}
        entity = part.get("type") if key == "EntityRef" else _REFERENCES.get(key)
        if key == "ParentRef":
            entity = self._entity
        if entity and self._layout.is_copied(entity, part["value"]):
            named = {"name": _named(part["name"])} if "name" in part else {}
            return {**part, "value": self._id(entity, part["value"]), **named}
        if key == "RecurringInfo":
            return {**{name: self._value(name, value) for name, value in part.items()}, "Name": _named(part["Name"])}
        return {name: self._value(name, value) for name, value in part.items()}

    def _id(self, entity: str, object_id: str) -> str:
        return _mark(_NUMBER, f"{object_id}+{self._layout.id_step(entity)}")


def _mark(kind: str, argument: str = "") -> str:
    return f"{_MARK}{kind}{argument}{_MARK}"


def _named(name: str) -> str:
    """A name with a hole at its end, but before the word that says it is inactive."""
    bare = name.removesuffix(DELETED_SUFFIX)
    return f"{bare}{_mark(_NAME)}{name[len(bare) :]}"


@lru_cache(maxsize=8_192)  # a history's days, as often as they come
def _day_text(ordinal: int) -> bytes:
    return date.fromordinal(ordinal).isoformat().encode()
