"""What a call is about, as injections choose by: its lane, its entities, its operations."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property

from backfill.simulator.batch import Item, items_of
from backfill.simulator.call import Call
from backfill.simulator.endpoints.routes import ON_OBJECTS
from backfill.simulator.faults import FaultedError
from backfill.simulator.oauth.discovery import TOKEN_PATH
from backfill.simulator.reads import BY_PATH
from backfill.simulator.writing.requests import BY_KEY

TOKEN_LANE = "token"  # noqa: S105 -- a word of ours for a kind of call
"""The lane of the token endpoint, which Intuit counts against no realm."""
FRONT_LANE = "front"
"""The lane of everything else outside `/v3/company`: consent, discovery, files."""
_FROM = re.compile(r"\bfrom\s+(\w+)", re.IGNORECASE)


class Subject:
    """One call as injections see it. What takes reading the call's body is found out when it is first asked for."""

    def __init__(self, call: Call, *, realm_id: str, app: str) -> None:
        """`app` is the client id; `realm_id` that of the path, or of the token that is refreshed."""
        self.call = call
        self.realm_id = realm_id
        self.app = app

    @cached_property
    def lane(self) -> str:
        if self.is_front:
            return TOKEN_LANE if self.call.path == TOKEN_PATH else FRONT_LANE
        return self.call.lane.value

    @property
    def is_front(self) -> bool:
        """Outside `/v3/company`, where the call itself names no realm."""
        return not self.call.realm_id

    @cached_property
    def entities(self) -> frozenset[str]:
        """The entities it touches, in lower case: several of a batch or of CDC; a report's name for a report."""
        return frozenset(name.lower() for name in self._entities())

    @cached_property
    def operations(self) -> frozenset[str]:
        """What it does: create, update, delete, void, read, query, cdc, pdf, send ...; of a batch, its items' too."""
        return frozenset(name.lower() for name in self._operations())

    @cached_property
    def text(self) -> bytes:
        """Path, parameters and body, to look for a text in."""
        params = "&".join(f"{name}={value}" for name, value in self.call.params.items())
        return f"{self.call.path}?{params}\n".encode() + self.call.body

    @cached_property
    def items(self) -> list[Item]:
        """The items of a batch; none of another call, or of a body that is no batch."""
        if self.is_front or self.call.segments[0] != "batch":
            return []
        try:
            return items_of(self.call.body)
        except FaultedError:
            return []

    def _entities(self) -> Iterator[str]:
        if self.is_front:
            return
        match self.call.segments:
            case ["query", *_]:
                yield from _FROM.findall(self.statement)[:1]
            case ["cdc", *_]:
                yield from (name.strip() for name in self.call.params.get("entities", "").split(","))
            case ["batch", *_]:
                for item in self.items:
                    yield from item_entities(item)
            case ["reports", name, *_]:
                yield name
            case [path, *_] if path in BY_PATH:
                yield BY_PATH[path].name
            case _:
                return

    def _operations(self) -> Iterator[str]:
        if self.is_front:
            return
        match self.call.segments:
            case ["batch", *_]:
                yield "batch"
                yield from (item_operation(item) for item in self.items)
            case [path, _, action] if path in BY_PATH and (self.call.method, action) in ON_OBJECTS:
                yield action
            case [path, *_] if path in BY_PATH:
                yield "read" if self.call.method == "GET" else self._write()
            case [path, *_]:
                yield path

    def _write(self) -> str:
        """Create, update, delete or void, as the parameters and the body say."""
        params = self.call.params
        if "void" in (params.get("operation", "").lower(), params.get("include", "").lower()):
            return "void"
        return params.get("operation") or ("update" if b'"SyncToken"' in self.call.body else "create")

    @property
    def statement(self) -> str:
        """A query's statement; of another call, its body."""
        return (
            self.call.params.get("query", "") if self.call.method == "GET" else self.call.body.decode(errors="replace")
        )


def item_entities(item: Item) -> list[str]:
    """The entities that an item of a batch touches."""
    if "Query" in item:
        return _FROM.findall(str(item["Query"]))[:1]
    asked = item.get("CDCQuery")
    if isinstance(asked, dict):
        return [name.strip() for name in str(asked.get("Entities", "")).split(",")]
    return [BY_KEY[key] for key in item if key in BY_KEY]


def item_operation(item: Item) -> str:
    """What an item of a batch does."""
    if "Query" in item:
        return "query"
    if "CDCQuery" in item:
        return "cdc"
    operation = str(item.get("operation", "")).lower()
    return "void" if "void" in str(item.get("optionsData", "")).lower() else operation
