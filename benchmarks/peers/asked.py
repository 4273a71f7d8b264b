"""What each peer is asked to do, and how it says that it has.

A peer is a program of its own, run by an interpreter that has its packages; so nothing here is imported but Python's.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

REALM = "1000"
PAGE_ROWS = 1000
"""The most that Intuit answers; everyone asks for as much."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Land every row of these entities below `address` in tables of `schema`, one for each, lower case."""

    address: str
    dsn: str
    schema: str
    folder: Path
    entities: tuple[str, ...]
    beside: str | None
    """The interpreter of a second program, for a peer that is two."""

    @property
    def company(self) -> str:
        """Below which the company's resources are."""
        return f"{self.address}/v3/company/{REALM}"

    def table(self, entity: str) -> str:
        """Qualified; the schema is there and empty."""
        return f"{self.schema}.{entity.lower()}"


def run(peer: Callable[[Asked], int]) -> None:
    """Let it work and say how many rows it has read, and how long that took, imports not counted."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--address", required=True)
    parser.add_argument("--dsn", required=True)
    parser.add_argument("--schema", required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--beside")
    parser.add_argument("entities", nargs="+")
    given = parser.parse_args()
    asked = Asked(given.address, given.dsn, given.schema, given.folder, tuple(given.entities), given.beside)
    started = time.perf_counter()
    rows = peer(asked)
    print(json.dumps({"rows": rows, "wall_s": time.perf_counter() - started}), flush=True)
