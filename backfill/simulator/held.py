"""What of a fleet is in memory: the least recently used goes first, and nothing goes that could not be sown again."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime
from typing import NamedTuple
from weakref import WeakValueDictionary

from backfill.simulator.company import Company
from backfill.simulator.sown.history import History


class Held(NamedTuple):
    """What is in memory now."""

    rows: int
    """Of histories."""
    histories: int
    companies: int


class Histories:
    """Histories by realm, of at most `rows_held` rows in memory together; the last one asked for always stays."""

    def __init__(self, rows_held: int) -> None:
        self._rows_held = rows_held
        self._rows = 0
        self._held: OrderedDict[str, History] = OrderedDict()

    @property
    def rows(self) -> int:
        """How many rows are in memory."""
        return self._rows

    def __len__(self) -> int:
        return len(self._held)

    def get(self, realm_id: str) -> History | None:
        history = self._held.get(realm_id)
        if history is not None:
            self._held.move_to_end(realm_id)
        return history

    def add(self, realm_id: str, history: History) -> History:
        self._held[realm_id] = history
        self._rows += history.rows_held
        while self._rows > self._rows_held and len(self._held) > 1:
            _, forgotten = self._held.popitem(last=False)
            self._rows -= forgotten.rows_held
        return history


class Companies:
    """Companies by realm: all that were changed, and at most `most` of those that are as they were sown.

    Of a forgotten one the last instant that it stated stays, since no two of its answers may have the same. While
    anybody else holds one (a call under way, people at work in it) it is not made a second time.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._changed: dict[str, Company] = {}
        self._held: OrderedDict[str, Company] = OrderedDict()
        self._alive: WeakValueDictionary[str, Company] = WeakValueDictionary()
        self._stated: dict[str, datetime] = {}

    def __len__(self) -> int:
        return len(self._held) + len(self._changed)

    def get(self, realm_id: str) -> Company | None:
        company = self._changed.get(realm_id)
        if company is None:
            company = self._alive.get(realm_id)
            if company is not None:
                self._hold(company)
        return company

    def add(self, company: Company) -> Company:
        """Take in one that was made just now."""
        if company.realm_id in self._stated:
            company.not_before(self._stated.pop(company.realm_id))
        self._alive[company.realm_id] = company
        self._hold(company)
        return company

    def _hold(self, company: Company) -> None:
        self._held[company.realm_id] = company
        self._held.move_to_end(company.realm_id)
        if len(self._held) > self._most:
            realm_id, oldest = self._held.popitem(last=False)
            if oldest.is_as_sown:
                self._stated[realm_id] = oldest.last_stated
            else:
                self._changed[realm_id] = oldest
