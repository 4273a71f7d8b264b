"""Proofs by changes and counts."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from backfill.jobs import prove
from backfill.jobs.changes import CaughtUp
from backfill.model import Held
from backfill.qbo.catalogue import CATALOGUE

INVOICE = CATALOGUE["Invoice"]
NOW = datetime(2026, 1, 1, tzinfo=UTC)


async def test_what_outgrows_its_changes_at_the_second_look_is_left_to_another_proof(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And where that is all there was to count, nothing is asked: a batch of nothing has no answer."""
    looks = iter([CaughtUp({"Invoice": NOW}, changed={"Invoice"}), CaughtUp(saturated=[INVOICE])])

    async def catch_up(*_arguments: Any, **_rounds: Any) -> CaughtUp:
        return next(looks)

    async def many(statements: list[str]) -> SimpleNamespace:
        assert statements, "a batch of nothing is not asked"
        return SimpleNamespace(items=[SimpleNamespace(total_count=2)])

    async def held(*_arguments: Any, **_bounds: Any) -> Held:
        return Held(live=1, quarantined=0)

    monkeypatch.setattr(prove, "catch_up", catch_up)
    work: Any = SimpleNamespace(ask=SimpleNamespace(many=many), store=SimpleNamespace(held=held), realm_id="1")
    census: Any = SimpleNamespace(taken_at=NOW, counts={"Invoice": 1})
    found = await prove.prove_changes(work, [INVOICE], census, since=NOW, scope_since=None)
    assert (found.proofs, found.saturated) == ([], [INVOICE])
