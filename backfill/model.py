"""The words of the domain as types. Nothing here does anything."""

from __future__ import annotations

from datetime import datetime
from typing import NewType

import msgspec

RealmId = NewType("RealmId", str)
"""Intuit's id of a company. A string: some are longer than a float can hold."""

EntityId = NewType("EntityId", str)
"""Intuit's id of an object, unique within one realm and entity only. May be a word (`TAX`)."""

RunId = NewType("RunId", int)


class Secret:
    """A value that no log, repr or traceback shows. `reveal()` at the last moment only."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __bool__(self) -> bool:
        return bool(self._value)


class Record(msgspec.Struct, frozen=True, gc=False):
    """One object of a company as Intuit sent it: the key columns and the entity's own bytes.

    `doc` is never a re-encoded copy, so numbers keep their scale. A deleted stub has `deleted=True`
    and knows only its id and when it was deleted.
    """

    id: str
    sync_token: int | None
    created_at: datetime | None
    updated_at: datetime | None
    doc: bytes
    deleted: bool = False


class Refusal(msgspec.Struct, frozen=True):
    """A row that cannot be landed, set aside with its reason. `id` is empty where it could not be read."""

    id: str
    code: str
    message: str
    raw: bytes


class Lease(msgspec.Struct, frozen=True):
    """The right to work on a realm. Every commit of data for the realm checks `epoch` in its transaction."""

    realm_id: RealmId
    epoch: int
    owner: str
