"""Loads whose answers are spoiled on the way: they end, and what could not be taken for an answer costs no row."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping

import anyio
import pytest

from backfill import events
from backfill.jobs.load.options import Mode
from backfill.load_model import RowState
from tests.hostile.mutations import BREAKS, FORGES, Mutation
from tests.hostile.test_extraction import SHARE_SPOILED, Spoiler
from tests.jobs.load.test_law_3 import effects, filled, is_bad
from tests.jobs.load.world import LoadWorld

pytestmark = pytest.mark.virtual

SEEDS = 4
SEEDS_LONG = 100
INVOICES = 30


def _half_a_character(body: bytes, rng: random.Random) -> bytes:
    """In some text: the answer is what it was, but for a byte that is none."""
    start = rng.randrange(len(body))
    at = body.find(b'":"', start) + 3 if body.find(b'":"', start) >= 0 else len(body)
    return body[:at] + b"\xc3" + body[at:]


UNREADABLE: Mapping[str, Mutation] = {**BREAKS, "half a character": _half_a_character}
"""What leaves nothing that could be taken for another answer."""


def spoiled_load(seed: int, mutations: Mapping[str, Mutation]) -> tuple[LoadWorld, Counter[str]]:
    rng = random.Random(f"spoiled load {seed}")
    spoiled: Counter[str] = Counter()
    share = rng.choice(SHARE_SPOILED)
    world = LoadWorld(
        seed=seed,
        mode=rng.choice(list(Mode)),
        wrap=lambda inner: Spoiler(inner, rng, share, mutations, spoiled),
    )
    return world, spoiled


async def survives_broken_answers(seed: int) -> Counter[str]:
    """Each row takes effect once, or is said to be rejected; what is there all the same is a row's that is in doubt."""
    world, spoiled = spoiled_load(seed, UNREADABLE)
    await filled(world, INVOICES)
    with anyio.fail_after(7 * 86_400):  # of virtual time: everything has a bound
        await world.load()
        world.transport = world.transport.inner  # type: ignore[attr-defined]  # the spoiler's
        await world.load()
    rejected = [row.outcome for row in world.kept(state=RowState.REJECTED) if row.outcome and not is_bad(row)]
    assert {outcome.code for outcome in rejected} <= {"unknown", "unreadable", "reference"}, f"seed {seed}"
    found = world.breaches(may_be_rejected=lambda row: is_bad(row) or row.state is RowState.REJECTED)
    orphans = [breach for breach in found if "there, and of no row" in breach]
    assert found == orphans, f"seed {seed}"
    assert len(orphans) <= sum(outcome.doubtful for outcome in rejected), f"seed {seed}: {orphans}"
    assert effects(world) == [], f"seed {seed}"
    return spoiled


async def survives_any_answers(seed: int) -> Counter[str]:
    """Answers that are well-formed and untrue may make a load do wrong, and never end anything but their realm's."""
    world, spoiled = spoiled_load(seed, FORGES)
    await filled(world, INVOICES)
    with anyio.fail_after(7 * 86_400):
        await world.load()
    ended = {event.realm_id for event in world.events if isinstance(event, events.RealmFinished | events.RealmParked)}
    assert ended == set(world.realm_ids), f"seed {seed}: every realm's end was told"
    return spoiled


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_broken_answers_cost_no_row(seed: int, tally: Counter[str]) -> None:
    counted(await survives_broken_answers(seed), tally)


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_any_answers_at_all_come_to_an_end(seed: int, tally: Counter[str]) -> None:
    counted(await survives_any_answers(seed), tally)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(SEEDS, SEEDS_LONG))
async def test_many_more_seeds(seed: int, tally: Counter[str]) -> None:
    for survives in (survives_broken_answers, survives_any_answers):
        counted(await survives(seed), tally)


def counted(spoiled: Counter[str], tally: Counter[str]) -> None:
    assert spoiled.total() > 0
    tally.update({"whole loads": 1, "answers spoiled": spoiled.total()})
    tally.update(spoiled)
