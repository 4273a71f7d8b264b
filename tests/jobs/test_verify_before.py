"""Verify after a verification: what differed is looked at until it is seen to be equal."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backfill.jobs import differences
from backfill.store.memory_verifications import MemoryVerifications
from backfill.verdict_model import DifferenceKind
from tests.jobs.verifying import differing, rows, verified
from tests.jobs.world import World


@pytest.mark.virtual
@pytest.mark.parametrize("named", [1_000, 20])
async def test_a_look_at_others_does_not_call_equal_what_differed(monkeypatch: pytest.MonkeyPatch, named: int) -> None:
    """A sample takes others each time: what is known to differ is looked at all the same, and so is repaired."""
    monkeypatch.setattr(differences, "NAMED_MAX", named)
    world = World(seed=2)
    ids = world.sow("Invoice", 2_000, second=lambda number: 90_000 + number)
    await world.extract()
    landed = MemoryVerifications(world.store)
    whole, customer = dict(rows(world, "Invoice")), rows(world, "Customer").popitem()[0]
    altered = {("Invoice", id_, DifferenceKind.ALTERED) for id_ in ids[100:140]}
    for _, id_, _ in altered:
        rows(world, "Invoice")[id_] = replace(whole[id_], doc=b"{}")
    # As many on both sides: no walk by Ids shows it.
    rows(world, "Customer")["99999999"] = next(iter(rows(world, "Customer").values()))
    missing = {("Customer", customer, DifferenceKind.MISSING), ("Customer", "99999999", DifferenceKind.EXTRA)}
    await verified(world, run=2, landed=landed)
    for run, repair in ((3, False), (4, False), (5, True)):
        looked = await verified(world, run=run, deep=False, repair=repair, landed=landed)
        assert {one.differing for one in looked.values()} == ({0} if repair else {0, 2, 40})
        assert named < 40 or differing(looked) == (set() if repair else altered | missing)
    assert rows(world, "Invoice")[ids[100]].doc == whole[ids[100]].doc


@pytest.mark.virtual
async def test_of_what_there_is_none_of_any_more_nothing_is_asked_for() -> None:
    """It may not even be offered any more, and a question for what was missing then would be refused."""
    world = World(seed=2)
    await world.extract()
    landed = MemoryVerifications(world.store)
    rows(world, "Estimate").popitem()
    await verified(world, run=2, landed=landed)
    company = world.company_of()
    for row in company.table("Estimate").all():
        company.delete("Estimate", row.id)
    rows(world, "Estimate").clear()
    asked = len(world.statements())
    verdicts = await verified(world, run=3, deep=False, landed=landed)
    assert verdicts["Estimate"].equal
    assert not [one for one in world.statements()[asked:] if "FROM Estimate WHERE Id" in one]
