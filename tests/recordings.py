"""Answers of Intuit's sandbox, recorded by others. They are no part of this repository.

They are looked for in `../shared/recorded`, or where BACKFILL_RECORDED_DIR says. Without them their tests are skipped.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

FOLDER = Path(os.environ.get("BACKFILL_RECORDED_DIR") or Path(__file__).parents[2] / "shared" / "recorded")


def skip_without_recordings() -> None:
    """Skip the test, or the whole module, that calls this, if there are none."""
    if not FOLDER.is_dir():
        pytest.skip(f"the recordings are kept outside the repository, and not in {FOLDER}", allow_module_level=True)


def recording(name: str) -> bytes:
    """A recording's file: an array of exchanges, each with its `request` and `response`."""
    return (FOLDER / f"{name}.json").read_bytes()
