"""What a worker does before it collects the tests."""

from __future__ import annotations

import importlib
from types import SimpleNamespace

import pytest

from tests.conftest import pytest_sessionstart


def test_a_module_that_is_skipped_as_a_whole_keeps_no_worker_from_starting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the recorded answers are, where these are not there: a user's clone has none beside it."""
    asked: list[str] = []

    def skipped(name: str) -> None:
        asked.append(name)
        pytest.skip("not here", allow_module_level=True)

    monkeypatch.setattr(importlib, "import_module", skipped)
    worker = {"workerid": "gw0", "workercount": 1}
    config = SimpleNamespace(workerinput=worker, args_source=pytest.Config.ArgsSource.TESTPATHS)
    try:
        pytest_sessionstart(SimpleNamespace(config=config))  # type: ignore[arg-type]  # all that it looks at
    except pytest.skip.Exception as skip:
        pytest.fail(f"it ends the worker: {skip}")
    assert "tests.test_recorded" in asked
