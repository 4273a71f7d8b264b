"""Verifications whose answers are spoiled on the way: they end, and what they found can be stored."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

import anyio
import msgspec
import pytest

from backfill import events
from backfill.jobs.verified import verified_realm
from backfill.jobs.verify import VerifyOptions
from backfill.jobs.work import RealmWork
from backfill.model import Proof, RunId, Scan
from backfill.store.memory_verifications import MemoryVerifications
from tests.hostile.mutations import MUTATIONS
from tests.hostile.test_extraction import SHARE_SPOILED, Spoiler
from tests.jobs.world import World

pytestmark = pytest.mark.virtual

SEEDS = 6
SEEDS_LONG = 200


async def survives_any_answers(seed: int) -> Counter[str]:
    """A company that was read well, compared with spoiled answers: every end is told, and nobody else's is brought."""
    rng = random.Random(f"spoiled verification {seed}")
    spoiled: Counter[str] = Counter()
    world = World(seed=seed, rows_max=150)
    await world.extract()
    landed = MemoryVerifications(world.store)
    options = VerifyOptions(entities=world.entities, deep=rng.random() < 0.5, trial_balance=True)

    async def task(work: RealmWork, _scan: Scan) -> Sequence[Proof]:
        await verified_realm(work, landed, options, repair=rng.random() < 0.5)
        return []

    world.task = task
    share = rng.choice(SHARE_SPOILED)
    world.wrap = lambda inner: Spoiler(inner, rng, share, MUTATIONS, spoiled)
    world.events.clear()
    with anyio.fail_after(7 * 86_400):  # of virtual time: everything has a bound
        await world.extract(run_id=RunId(2))
    ended = {event.realm_id for event in world.events if isinstance(event, events.RealmFinished | events.RealmParked)}
    assert ended == set(world.realm_ids), f"seed {seed}: every realm's end was told"
    for realm_id in world.realm_ids:
        msgspec.json.encode(landed.verdicts(realm_id))
    return spoiled


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_any_answers_at_all_come_to_an_end(seed: int, tally: Counter[str]) -> None:
    spoiled = await survives_any_answers(seed)
    assert spoiled.total() > 0
    tally.update({"whole verifications": 1, "answers spoiled": spoiled.total()})
    tally.update(spoiled)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(SEEDS, SEEDS_LONG))
async def test_many_more_seeds(seed: int, tally: Counter[str]) -> None:
    await test_any_answers_at_all_come_to_an_end(seed, tally)
