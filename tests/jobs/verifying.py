"""Worlds that are verified: what is broken in a landing, and what a verification says of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from backfill.jobs.comparison import IDS_PER_STATEMENT
from backfill.jobs.verified import verified_realm
from backfill.jobs.verify import VerifyOptions
from backfill.jobs.work import RealmWork
from backfill.model import Proof, RunId, Scan
from backfill.store.memory_rows import Row
from backfill.store.memory_verifications import MemoryVerifications
from backfill.verdict_model import DifferenceKind, Verdict
from tests.jobs.world import BEGIN, World

Named = set[tuple[str, str, DifferenceKind]]


async def verified(
    world: World,
    *,
    run: int,
    deep: bool = True,
    repair: bool = False,
    sample: int = IDS_PER_STATEMENT,
    landed: MemoryVerifications | None = None,
) -> Mapping[str, Verdict]:
    """`landed`: where an earlier verification left its verdicts; else this one is the first."""
    landed = landed or MemoryVerifications(world.store)
    options = VerifyOptions(entities=world.entities, deep=deep, sample=sample)

    async def task(work: RealmWork, _scan: Scan) -> Sequence[Proof]:
        await verified_realm(work, landed, options, repair=repair)
        return []

    world.task = task
    result = await world.extract(run_id=RunId(run))
    assert result.troubles == []
    return landed.verdicts(world.realm)


def differing(verdicts: Mapping[str, Verdict]) -> Named:
    return {(entity, one.id, one.kind) for entity, verdict in verdicts.items() for one in verdict.differences}


def rows(world: World, entity: str) -> dict[str, Row]:
    """The held rows themselves, to be broken."""
    found = world.store.rows(world.realm, entity)
    assert isinstance(found, dict)
    return found


def broken(world: World) -> Named:
    """A row dropped, a document altered in its version, one that is not in the company, one marked deleted."""
    dropped = rows(world, "Customer").popitem()[0]
    id_, invoice = next(iter(rows(world, "Invoice").items()))
    rows(world, "Invoice")[id_] = replace(invoice, doc=invoice.doc.replace(b'"TotalAmt":', b'"TotalAmt":1'))
    bill = next(iter(rows(world, "Bill").values()))
    rows(world, "Bill")["99999999"] = bill
    vendor_id, vendor = next(iter(rows(world, "Vendor").items()))
    rows(world, "Vendor")[vendor_id] = replace(vendor, deleted_at=BEGIN.replace(year=2030))
    return {
        ("Customer", dropped, DifferenceKind.MISSING),
        ("Invoice", id_, DifferenceKind.ALTERED),
        ("Bill", "99999999", DifferenceKind.EXTRA),
        ("Vendor", vendor_id, DifferenceKind.MISSING),
    }
