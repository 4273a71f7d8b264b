"""Random writes against a simple model of what the API promises: who is there, under which token, with what in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest

from backfill.simulator.books.opening import ledger_of
from backfill.simulator.catalogue import TRAITS
from tests.simulator.books.conftest import audited

STEPS = 400
ENTITIES = ("Bill", "Class", "Customer", "Estimate", "Invoice", "Payment", "Purchase", "Term", "Vendor")
NOTES = {"Class": "Name", "Customer": "Notes", "Term": "Name", "Vendor": "Notes"}


@dataclass
class Model:
    """Entity and Id to (SyncToken, note) of what is there; the names that are taken."""

    live: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict)
    gone: list[tuple[str, str]] = field(default_factory=list)


class Walk:
    """One random client over one company."""

    def __init__(self, counter: Any, rng: Random) -> None:
        self.counter = counter
        self.rng = rng
        self.model = Model()

    def step(self) -> None:
        act = self.rng.choice(
            [self.create, self.create, self.update, self.update, self.delete, self.stale, self.missing]
        )
        act()

    def create(self) -> None:
        entity = self.rng.choice(ENTITIES)
        body = self.counter.sample(entity)
        made = self.counter.post(entity.lower(), body)
        assert (entity, made["Id"]) not in self.model.live
        assert (entity, made["Id"]) not in self.model.gone, "an Id is used once"
        self.model.live[entity, made["Id"]] = (0, str(body.get(NOTES.get(entity, "PrivateNote"), "")))

    def update(self) -> None:
        found = self.pick()
        if not found:
            return
        (entity, object_id), (token, _) = found
        note = self.counter.new_name("note")
        key = NOTES.get(entity, "PrivateNote")
        body = {"Id": object_id, "SyncToken": str(token), "sparse": True, key: note}
        if self.rng.random() < 0.5:
            body = self.counter.get(f"{entity.lower()}/{object_id}") | {key: note}
        changed = self.counter.post(entity.lower(), body)
        assert (changed["SyncToken"], changed[key]) == (str(token + 1), note)
        self.model.live[entity, object_id] = (token + 1, note)

    def delete(self) -> None:
        found = self.pick()
        if not found or not TRAITS[found[0][0]].deletable:
            return
        (entity, object_id), (token, _) = found
        self.counter.post(entity.lower(), {"Id": object_id, "SyncToken": str(token)}, operation="delete")
        del self.model.live[entity, object_id]
        self.model.gone.append((entity, object_id))

    def stale(self) -> None:
        found = self.pick()
        if found:
            (entity, object_id), (token, _) = found
            body = {"Id": object_id, "SyncToken": str(token + 1), "sparse": True}
            assert self.counter.fault(entity.lower(), body)["code"] == "5010"

    def missing(self) -> None:
        if self.model.gone:
            entity, object_id = self.rng.choice(self.model.gone)
            body = {"Id": object_id, "SyncToken": "0", "sparse": True}
            assert self.counter.fault(entity.lower(), body)["code"] == "610"

    def pick(self) -> tuple[tuple[str, str], tuple[int, str]] | None:
        return self.rng.choice(list(self.model.live.items())) if self.model.live else None

    def check(self) -> None:
        """Every object as the model has it; what was deleted is no more."""
        for (entity, object_id), (token, note) in self.model.live.items():
            read = self.counter.get(f"{entity.lower()}/{object_id}")
            assert (read["SyncToken"], read.get(NOTES.get(entity, "PrivateNote"), "")) == (str(token), note)
        for entity, object_id in self.model.gone:
            assert self.counter.company.table(entity).get(object_id) is None


@pytest.mark.parametrize("seed", range(3))
def test_random_writes_leave_what_the_model_has(counter, seed: int) -> None:
    walk = Walk(counter, Random(seed))
    for _ in range(STEPS):
        walk.step()
    walk.check()
    assert len(walk.model.live) > STEPS / 8
    assert walk.model.gone


@pytest.mark.long
def test_ten_thousand_writes_leave_what_the_model_has_and_books_that_balance(counter) -> None:
    walk = Walk(counter, Random(11))
    for step in range(10_000):
        walk.step()
        assert sum(ledger_of(counter.company).daybook().balances().values()) == 0
        if step % 1_000 == 0:
            walk.check()
            audited(counter.company)
    walk.check()
    audited(counter.company)
