"""Whole runs of extract whose answers are spoiled on the way: they end, keep the laws, and are whole afterwards."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

import anyio
import orjson
import pytest

from backfill import events
from backfill.entities import ENTITIES
from backfill.model import RunId
from backfill.qbo.catalogue import CATALOGUE, Reading
from backfill.wire import Request, Response, Transport
from tests.hostile.mutations import BREAKS, MUTATIONS, Mutation
from tests.jobs.world import World, breaches

pytestmark = pytest.mark.virtual

SEEDS = 8
SEEDS_LONG = 300
SHARE_SPOILED = (0.1, 0.3, 0.6)
"""Of the answers: now and then, often, and so often that whole entities are given up."""
AGAIN = RunId(2)


@dataclass
class Spoiler:
    """A transport that spoils some of the answers, each from a seed of its own."""

    inner: Transport
    rng: random.Random
    share: float
    mutations: Mapping[str, Mutation]
    spoiled: Counter[str]
    answers: int = 0

    async def send(self, request: Request, *, deadline: float) -> Response:
        response = await self.inner.send(request, deadline=deadline)
        self.answers += 1
        if (self.rng.random() >= self.share and self.answers != 3) or not response.body:
            return response  # the third is always spoiled, so that no run goes by without
        name = self.rng.choice(list(self.mutations))
        self.spoiled[name] += 1
        headers = {**response.headers, "content-type": self.rng.choice(["application/json", "text/html", "image/png"])}
        return replace(response, headers=headers, body=self.mutations[name](response.body, self.rng))


def spoiled_world(seed: int, mutations: Mapping[str, Mutation]) -> tuple[World, Counter[str]]:
    rng = random.Random(f"spoiled:{seed}")
    spoiled: Counter[str] = Counter()
    share = rng.choice(SHARE_SPOILED)
    world = World(seed=seed, realms=1, rows_min=500, rows_max=600, page_rows=rng.choice([3, 10, 50]))
    world.wrap = lambda inner: Spoiler(inner, rng, share, mutations, spoiled)
    return world, spoiled


async def survives_broken_answers(seed: int) -> Counter[str]:
    """What cannot be taken for an answer: every proof given all the same is true, and afterwards all is proven."""
    world, spoiled = spoiled_world(seed, BREAKS)
    await world.extract()
    given_up = "no word on"  # a realm whose very beginning is broken too often is left, and told
    untrue = [breach for breach in breaches(world, unproven=ENTITIES, throttled=True) if given_up not in breach]
    assert untrue == [], f"seed {seed}"
    world.wrap = lambda inner: inner
    await world.extract(run_id=AGAIN)
    assert breaches(world, throttled=True) == [], f"seed {seed}, when it was over"
    return spoiled


async def survives_any_answers(seed: int) -> Counter[str]:
    """Also what may be taken for an answer: a run ends, and what it landed and counted is consistent with itself."""
    world, spoiled = spoiled_world(seed, MUTATIONS)
    with anyio.fail_after(7 * 86_400):  # of virtual time: everything has a bound
        await world.extract()
    for realm_id in world.realm_ids:
        for entity, proof in world.store.proofs(realm_id).items():
            landed = world.store.live_documents(realm_id, entity)
            assert proof.landed_live <= len(landed), f"seed {seed}: {entity}: it says more than there is"
            for id_, doc in landed.items():
                assert id_, f"seed {seed}: {entity}"
                assert isinstance(orjson.loads(doc), dict) or b"\\u" in doc, f"seed {seed}: {entity}"
    ended = {event.realm_id for event in world.events if isinstance(event, events.RealmFinished | events.RealmParked)}
    assert ended == set(world.realm_ids), f"seed {seed}: every realm's end was told"
    return spoiled


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_broken_answers_cost_time_and_never_a_row(seed: int, tally: Counter[str]) -> None:
    counted(await survives_broken_answers(seed), tally)


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_any_answers_at_all_end_in_a_consistent_store(seed: int, tally: Counter[str]) -> None:
    counted(await survives_any_answers(seed), tally)


def counted(spoiled: Counter[str], tally: Counter[str]) -> None:
    assert spoiled.total() > 0
    tally["whole runs of extract"] += 1
    tally["answers spoiled"] += spoiled.total()
    tally.update(spoiled)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(SEEDS, SEEDS_LONG))
async def test_many_more_seeds(seed: int, tally: Counter[str]) -> None:
    for survives in (survives_broken_answers, survives_any_answers):
        counted(await survives(seed), tally)


PUNCTUATION = (b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b'\\"', b"},{", b'"}', b'"],"a":["', b"\n")
"""What makes rows out of bytes, where it stands within a text: as of a server that does not escape it."""


class Punctuated:
    """A transport that puts some of it somewhere into many of the answers."""

    def __init__(self, inner: Transport, rng: random.Random, share: float) -> None:
        self.inner = inner
        self.rng = rng
        self.share = share

    async def send(self, request: Request, *, deadline: float) -> Response:
        response = await self.inner.send(request, deadline=deadline)
        body = response.body
        if self.rng.random() <= self.share:
            for _ in range(self.rng.choice([1, 1, 1, 2, 3])):
                at = self.rng.randrange(len(body) + 1)
                body = body[:at] + self.rng.choice(PUNCTUATION) + body[at:]
        return replace(response, body=body)


@pytest.mark.parametrize("seed", range(20, 50))
async def test_punctuation_within_a_row_takes_no_other_with_it(seed: int) -> None:
    """What is proven holds or sets aside every row, whatever became of its text."""
    rng = random.Random(seed)
    world = World(seed=seed % 7, page_rows=rng.choice([7, 60, 1000]))
    share = rng.choice([0.3, 0.8, 1.0])
    world.wrap = lambda inner: Punctuated(inner, rng, share)
    await world.extract()
    for name, proof in world.store.proofs(world.realm).items():
        if not proof.proven or CATALOGUE[name].reading is not Reading.SCAN:
            continue
        ids = {row.id for row in world.company_of().table(name).all()}
        aside = [refusal.id for refusal in world.store.refusals(world.realm, name)]
        seen = world.store.live_documents(world.realm, name).keys() | {id_ for id_ in aside if id_}
        if seen <= ids:  # else it fell into an Id, which nobody can know
            assert len(ids - seen) <= aside.count(""), f"of {name}"
