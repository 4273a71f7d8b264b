"""What happened in a world, in order, as one digest: two runs of one seed are the same if theirs are."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Sequence

import anyio

LINES_KEPT = 200
"""The last things that happened are kept in words, for whoever looks at a seed that failed."""


class Trace:
    """Takes in every exchange, commit and event of a world."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._last: deque[str] = deque(maxlen=LINES_KEPT)

    def add(self, what: str, *details: object) -> None:
        """Something happened now."""
        line = f"{anyio.current_time():.6f} {what} {' '.join(map(str, details))}"
        self._digest.update(f"{line}\n".encode())
        self._last.append(line)

    @property
    def digest(self) -> str:
        return self._digest.hexdigest()

    @property
    def last(self) -> Sequence[str]:
        """The last things that happened, oldest first."""
        return tuple(self._last)
