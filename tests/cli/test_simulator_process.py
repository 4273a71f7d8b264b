"""The simulator that commands start for themselves."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import anyio
import anyio.abc
import pytest

from backfill.cli.simulator_process import simulator
from backfill.errors import UnavailableError


async def test_a_simulator_that_ends_by_itself_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It cannot be ended once more by then."""
    really = anyio.open_process

    async def short_lived(_command: object, **how: Any) -> anyio.abc.Process:
        process = await really([sys.executable, "-c", ""], **how)
        await process.wait()
        await anyio.sleep(0.1)  # until its pipes are closed, too
        return process

    monkeypatch.setattr(anyio, "open_process", short_lived)
    with pytest.raises(UnavailableError, match="The simulator ended at once"):
        async with simulator(tmp_path / "realms.jsonl", {}):
            pass
