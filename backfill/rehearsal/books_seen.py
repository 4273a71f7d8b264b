"""What happened in the companies' books, change by change, and whether people made it: told by the simulator itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from backfill.model import RealmId
from backfill.simulator.journal import Changed

Watch = Callable[[str, Changed], None]


class SeenChange(NamedTuple):
    """One change of an object."""

    change: Changed
    by_people: bool
    """Else an API call asked for it, or QuickBooks made it by itself (`change.counted` is False)."""


class BooksSeen:
    """Watches every company of a fleet from the beginning."""

    def __init__(self) -> None:
        self._seen: defaultdict[RealmId, list[SeenChange]] = defaultdict(list)
        self._people = False

    def beside(self, watch: Watch | None) -> Watch:
        """A watch that tells `watch`, too."""

        def told(realm_id: str, change: Changed) -> None:
            self._seen[RealmId(realm_id)].append(SeenChange(change, self._people))
            if watch is not None:
                watch(realm_id, change)

        return told

    @contextmanager
    def people(self) -> Iterator[None]:
        """What changes within the block, which awaits nothing, is people's doing."""
        self._people = True
        try:
            yield
        finally:
            self._people = False

    def of(self, realm_id: RealmId) -> Sequence[SeenChange]:
        """The realm's changes, in order."""
        return self._seen[realm_id]
