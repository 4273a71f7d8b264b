"""The rows that a realm's load holds: which are ready to be sent, which wait, and for what. Pure.

A row is ready when all that it needs is there, when it is the first of the rows that change its object, and when no row
of a lower rank is left (payments come after their invoices). What is ready decides, not the order of the source.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from backfill.jobs.load.references import text_of
from backfill.load_model import LoadRow, Need
from backfill.qbo.operations import Operation
from backfill.qbo.writes import item_size


class Pool:
    """Rows from their fetching to their end. `out` are those that were taken, or are about to end, and are not over."""

    def __init__(self) -> None:
        self.out: dict[int, LoadRow] = {}
        self._held: dict[int, LoadRow] = {}
        self._missing: dict[int, set[Need]] = {}
        """Of rows that wait for something."""
        self._wanted_by: dict[Need, set[int]] = {}
        self._objects: dict[str, list[int]] = {}
        """The rows that change an object, in their order. (A deque for each would be half of what a row takes.)"""
        self._ready: dict[int, dict[int, None]] = {}
        """By rank, the rows in the order in which they became ready."""
        self._ranks: dict[int, int] = {}
        """Rank to rows that are not over."""
        self._ignores_ranks = False

    def __len__(self) -> int:
        """Rows that are held and not out."""
        return len(self._held)

    def __contains__(self, row_id: int) -> bool:
        return row_id in self._held or row_id in self.out

    def holds(self, row_id: int) -> bool:
        """Whether the row is here, and neither under way nor about to end."""
        return row_id in self._held

    def add(self, row: LoadRow, missing: Iterable[Need]) -> None:
        """Hold a row until all that it needs is there."""
        assert row.row_id not in self, "a row is held once"
        self._held[row.row_id] = row
        self._ranks[row.rank] = self._ranks.get(row.rank, 0) + 1
        self._objects.setdefault(row.object_key, []).append(row.row_id)
        if waits_for := set(missing):
            self._missing[row.row_id] = waits_for
        for need in waits_for:
            self._wanted_by.setdefault(need, set()).add(row.row_id)
        self._look(row)

    def satisfy(self, need: Need) -> None:
        """What was needed is there."""
        for row_id in self._wanted_by.pop(need, ()):
            self._missing[row_id].discard(need)
            if not self._missing[row_id]:
                del self._missing[row_id]
            self._look(self._held[row_id])

    def wanting(self, need: Need) -> Sequence[LoadRow]:
        """Rows that wait for it."""
        return [self._held[row_id] for row_id in self._wanted_by.get(need, ())]

    def ready(self) -> int:
        """How many rows may be taken now."""
        return sum(map(len, self._open()))

    def take(self, limit: int, *, size_bytes_max: int, suits: Callable[[LoadRow], bool]) -> list[LoadRow]:
        """Ready rows that `suits` allows, at most `limit`, their payloads together not larger than `size_bytes_max`.

        The first one is taken however large it is.
        """
        taken: list[LoadRow] = []
        size = 0
        for queue in self._open():
            for row_id in list(queue):
                if len(taken) == limit:
                    return taken
                row = self._held[row_id]
                more = item_size(row.size_bytes)
                if not suits(row) or (taken and size + more > size_bytes_max):
                    continue
                size += more
                taken.append(row)
                del queue[row_id], self._held[row_id]
                self.out[row_id] = row
        return taken

    def take_this(self, row_id: int) -> None:
        """A row that is under way already, or about to end: nobody else takes it, or ends it with what it needs."""
        if row_id in self.out:
            return
        row = self.out[row_id] = self._held.pop(row_id)
        for need in self._missing.pop(row_id, ()):
            self._wanted_by[need].discard(row_id)
        self._ready.get(row.rank, {}).pop(row_id, None)

    def row(self, row_id: int) -> LoadRow:
        """A row that is held or out."""
        return self._held.get(row_id) or self.out[row_id]

    def is_changed_again(self, row_id: int) -> bool:
        """Whether another row that is here changes the object that this one makes or changes."""
        row = self.row(row_id)
        made = makes(row)
        return len(self._objects[row.object_key]) > 1 if made is None else text_of(made) in self._objects

    def put_back(self, row: LoadRow) -> None:
        """A row that was taken is to be sent another time: it stays the first of its object's."""
        assert row.row_id in self.out, "who is put back was out"
        del self.out[row.row_id]
        self._held[row.row_id] = row
        self._look(row)

    def over(self, row_id: int) -> None:
        """A row's end, whatever it was."""
        self.take_this(row_id)
        row = self.out.pop(row_id)
        self._ranks[row.rank] -= 1
        if not self._ranks[row.rank]:
            del self._ranks[row.rank]
        queue = self._objects[row.object_key]
        queue.remove(row_id)
        if not queue:
            del self._objects[row.object_key]
        elif queue[0] in self._held:
            self._look(self._held[queue[0]])

    def ignore_ranks(self, *, ignore: bool) -> None:
        """Whether rows of any rank may be taken: for when the ranks and the needs contradict one another."""
        self._ignores_ranks = ignore

    def stuck(self) -> Sequence[LoadRow]:
        """All rows that are held."""
        return list(self._held.values())

    def _open(self) -> list[dict[int, None]]:
        """The queues that may be taken from."""
        ranks = sorted(self._ready) if self._ignores_ranks else sorted(self._ranks)[:1]
        return [self._ready[rank] for rank in ranks if rank in self._ready]

    def _look(self, row: LoadRow) -> None:
        if row.row_id not in self._missing and self._objects[row.object_key][0] == row.row_id:
            self._ready.setdefault(row.rank, {})[row.row_id] = None


def makes(row: LoadRow) -> Need | None:
    """What others may wait for until the row is done."""
    return Need(row.entity, "", row.source_key) if row.operation == Operation.CREATE else None
