"""Histories of copies, each sown once."""

from __future__ import annotations

from functools import cache

import pytest

from backfill.simulator.sown.history import History
from tests.simulator.sown.worlds import CompanyOf, HistoryOf, fleet


@cache
def _history(number: int) -> History:
    world = fleet()
    return world.history(world.realm_ids[number])


@pytest.fixture
def history_of() -> HistoryOf:
    return _history


@pytest.fixture
def company_of() -> CompanyOf:
    world = fleet()
    return lambda number: world.company(world.realm_ids[number])
