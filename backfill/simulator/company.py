"""One simulated company: its tables, its clock, and the mechanics of a change.

What a change may be (defaults, faults, references) is the business of whoever asks for it; here it only takes
effect: Ids, SyncToken, MetaData, tombstones and the journal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from backfill.errors import UsageError
from backfill.simulator.books.ledger import Ledger
from backfill.simulator.catalogue import TRAITS
from backfill.simulator.clock import HybridClock, PacificZone
from backfill.simulator.documents import Doc, encode
from backfill.simulator.journal import JOURNAL_LIMIT, Change, Changed, Journal
from backfill.simulator.sown.history import HistoryOf
from backfill.simulator.sown.layout import Layout
from backfill.simulator.stored import StoredObject
from backfill.simulator.table import Base, Table

# Recorded Ids of these two are past what a float can hold; all others begin at 1.
_FIRST_IDS = {"Class": 5_000_000_000_000_142_240, "Attachable": 5_000_000_000_000_503_624}


class UnknownObjectError(UsageError):
    """The company has no such object (any more)."""


class Company:
    """The books of one realm. Every change is one instant of its own and can be undone in retrospect.

    `history` gives what they begin with, whenever it is needed; without one they begin empty. `watch` is told of
    every change once it was made.
    """

    def __init__(
        self,
        *,
        realm_id: str,
        name: str,
        country: str,
        home_currency: str,
        multicurrency: bool,
        now: Callable[[], datetime],
        zone: PacificZone | None = None,
        journal_limit: int = JOURNAL_LIMIT,
        history: HistoryOf | None = None,
        watch: Callable[[str, Changed], None] | None = None,
    ) -> None:
        self.realm_id = realm_id
        self.name = name
        self.country = country
        """Two letters: `US`, `CA`, `GB`, `FR`."""
        self.home_currency = home_currency
        self.multicurrency = multicurrency
        self.ledger: Ledger | None = None
        """Of `books`: made when the first change needs it, or by who seeds the company."""
        self._zone = zone or PacificZone()
        self._clock = HybridClock(now)
        self._journal = Journal(realm_id, journal_limit)
        self._watch = watch
        self._layout = history().layout if history else Layout()
        self._tables = {entity: Table(_base(history, entity)) if history else Table() for entity in TRAITS}
        self._last_numbers: dict[str, int] = {}
        self._next_ids = {space: self._layout.next_id(space, first) for space, first in first_ids().items()}

    @property
    def rows(self) -> int:
        """How many live objects there are, of all entities together."""
        return sum(len(table) for table in self._tables.values())

    @property
    def changes(self) -> int:
        """How many changes were made since seeding."""
        return len(self._journal)

    @property
    def is_as_sown(self) -> bool:
        """Whether it is still what it began with, so that it could be forgotten and sown again."""
        return not any(table.is_changed for table in self._tables.values())

    def table(self, entity: str) -> Table:
        return self._tables[entity]

    def last_sown_number(self, entity: str) -> int:
        """The last DocNumber that the sown history used of the entity's; 1000 where it used none."""
        return self._layout.last_number(entity)

    def stamp(self) -> datetime:
        """The next instant of this company: aware UTC, whole milliseconds, strictly increasing.

        Every answer's `time` and every change has its own, so "as it stood at that `time`" is exact.
        """
        return self._clock.stamp()

    @property
    def last_stated(self) -> datetime:
        """The last instant that was stamped."""
        return self._clock.last

    def not_before(self, instant: datetime) -> None:
        """Stamp only later instants: those up to this one were stated by the same company earlier."""
        self._clock.not_before(instant)

    def offset_text(self, epoch_s: int) -> str:
        """Epoch seconds as MetaData shows them: `2020-09-29T05:58:07-07:00`."""
        return self._zone.text(epoch_s)

    def next_id(self, entity: str) -> str:
        """Use up the next Id of the entity's sequence."""
        space = TRAITS[entity].id_space
        number = self._next_ids[space]
        self._next_ids[space] = number + 1
        return str(number)

    def next_number(self, sequence: str, last_used: Callable[[], int]) -> int:
        """Use up the next number of a sequence of the company's own (document numbers), not of Ids.

        `last_used` is asked once, when the sequence is first used: the last number that the history used.
        """
        number = self._last_numbers.get(sequence)
        number = (last_used() if number is None else number) + 1
        self._last_numbers[sequence] = number
        return number

    def load(self, entity: str, row: StoredObject) -> None:
        """Put a row in past the journal: it is there at every instant."""
        self._tables[entity].put(row)

    def bury(self, entity: str, object_id: str, at: int) -> None:
        """A deletion past the journal: a tombstone of that epoch second."""
        self._tables[entity].bury(object_id, at)

    def create(self, entity: str, doc: Mapping[str, object]) -> StoredObject:
        """Add an object: Id (any in `doc` is ignored), SyncToken 0 and MetaData are given here.

        An ExchangeRate is keyed by its own attributes, and one already there is replaced.
        """
        if TRAITS[entity].has_id:
            object_id = self.next_id(entity)
        else:
            object_id = rate_key(doc)
            if self._tables[entity].get(object_id) is not None:
                return self.replace(entity, object_id, doc)
        at = self.stamp()
        second = int(at.timestamp())
        return self._put(entity, at, None, self.sealed(entity, object_id, doc, created=second, updated=second))

    def replace(self, entity: str, object_id: str, doc: Mapping[str, object], *, counted: bool = True) -> StoredObject:
        """New content for an object: SyncToken + 1, LastUpdatedTime now, Id and CreateTime kept.

        `counted=False` is a change QuickBooks makes by itself (a customer's balance): in the recordings it moves
        LastUpdatedTime and leaves SyncToken. Raises `UnknownObjectError`.
        """
        old = self._existing(entity, object_id)
        at = self.stamp()
        new = self.sealed(
            entity,
            object_id,
            doc,
            created=old.created,
            updated=max(old.updated, int(at.timestamp())),
            sync_token=old.sync_token + counted,
        )
        return self._put(entity, at, old.doc, new, counted=counted)

    def delete(self, entity: str, object_id: str) -> None:
        """Remove an object for good; a tombstone stays. Raises `UnknownObjectError`."""
        old = self._existing(entity, object_id)
        at = self.stamp()
        self._journal.record(Change(at, entity, object_id, old.doc))
        self._tables[entity].remove(object_id, int(at.timestamp()))
        self._tell(Changed(at, entity, object_id, old.doc, None, counted=True))

    def deleted_since(self, entity: str, since: int) -> Sequence[tuple[str, int]]:
        """(Id, epoch seconds of deletion) of what was deleted at epoch second `since` or later, oldest first."""
        return self._tables[entity].tombstones_since(since)

    def state_at(self, instant: datetime, *, only: str | None = None) -> dict[str, dict[str, bytes]]:
        """Entity to Id to bytes as all stood at `instant`, changes at that very instant included.

        Before the first change it is the seeded state, however early the instant. `only`: of that entity alone, since
        to make all rows of a company takes 40 times as long.
        """
        tables = self._tables if only is None else {only: self._tables[only]}
        docs = {entity: {row.id: row.doc for row in table.all()} for entity, table in tables.items()}
        self._journal.rewind(docs, instant)
        return docs

    def versions_since(self, instant: datetime) -> dict[tuple[str, str], list[bytes | None]]:
        """What each (entity, Id) that changed after `instant` was, from then to now; None: it was not there."""
        found: dict[tuple[str, str], list[bytes | None]] = {}
        for change in self._journal.since(instant):
            found.setdefault((change.entity, change.object_id), []).append(change.before)
        for (entity, object_id), versions in found.items():
            row = self._tables[entity].get(object_id)
            versions.append(None if row is None else row.doc)
        return found

    def sealed(
        self,
        entity: str,
        object_id: str,
        doc: Mapping[str, object],
        *,
        created: int,
        updated: int,
        sync_token: int = 0,
    ) -> StoredObject:
        """As `sealed` of the module, with this company's times."""
        return sealed(entity, object_id, doc, created=created, updated=updated, sync_token=sync_token, zone=self._zone)

    def _put(
        self, entity: str, at: datetime, before: bytes | None, row: StoredObject, *, counted: bool = True
    ) -> StoredObject:
        self._journal.record(Change(at, entity, row.id, before))
        self._tables[entity].put(row)
        self._tell(Changed(at, entity, row.id, before, row.doc, counted=counted))
        return row

    def _tell(self, change: Changed) -> None:
        if self._watch is not None:
            self._watch(self.realm_id, change)

    def _existing(self, entity: str, object_id: str) -> StoredObject:
        row = self._tables[entity].get(object_id)
        if row is None:
            raise UnknownObjectError(f"the simulated company {self.realm_id} has no {entity} {object_id}")
        return row


def first_ids() -> dict[str, int]:
    """Space of Ids to the first that a company uses."""
    return {traits.id_space: _FIRST_IDS.get(traits.id_space, 1) for traits in TRAITS.values()}


def sealed(
    entity: str,
    object_id: str,
    doc: Mapping[str, object],
    *,
    created: int,
    updated: int,
    sync_token: int,
    zone: PacificZone,
) -> StoredObject:
    """The stored form of a document: with domain, Id, SyncToken and MetaData, encoded. Changes nothing."""
    traits = TRAITS[entity]
    times = {"CreateTime": zone.text(created), "LastUpdatedTime": zone.text(updated)}
    head: Doc = {"domain": "QBO", "sparse": False, "Id": object_id, "SyncToken": str(sync_token), "MetaData": times}
    if not traits.has_id:
        del head["Id"], times["CreateTime"]
    if traits.wrapped:
        ((kind, inner),) = doc.items()
        assert isinstance(inner, Mapping)
        whole: Doc = {kind: _headed(head, inner)}
    else:
        whole = _headed(head, doc)
    active = bool(doc.get("Active", True))
    return StoredObject(object_id, sync_token, created, updated, active, encode(whole))


def rate_key(doc: Mapping[str, object]) -> str:
    """The key of an ExchangeRate, which has no Id: `EUR:2024-01-31`."""
    return f"{doc['SourceCurrencyCode']}:{doc['AsOfDate']}"


def _headed(head: Doc, doc: Mapping[str, object]) -> Doc:
    """`doc` with the server's own attributes first; whatever it says of them itself does not count."""
    return {**head, **{key: value for key, value in doc.items() if key not in head}}


def _base(history: HistoryOf, entity: str) -> Callable[[], Base]:
    return lambda: history().table(entity)
