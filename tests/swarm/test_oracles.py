"""A rehearsal that nobody has watched fail proves nothing: for each oracle, a bug that it must find.

Each bug is put into the program's own code, and seeds are rehearsed until one fails. Worlds in which it cannot show
are passed over; within those that are left it is found many times, so that a change to how worlds are drawn moves the
first of them and loses none.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, islice

import pytest

from backfill.rehearsal.oracles import ORACLES
from backfill.rehearsal.rehearsal import rehearse
from backfill.rehearsal.world import World, draw_world
from tests.swarm.planted_bugs import BUGS, Bug

WORLDS = 80
"""Of those in which a bug can show. The rarest is found in one of eight (counted), so in none of these hardly ever."""


def worlds_of(bug: Bug) -> Iterator[World]:
    """The first worlds of all seeds in which the bug can show."""
    return islice(filter(bug.where, map(draw_world, count())), WORLDS)


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.plant.__name__)
def test_a_bug_is_found(bug: Bug, monkeypatch: pytest.MonkeyPatch) -> None:
    bug.plant(monkeypatch)
    found = any(bug.oracle in {breach.oracle for breach in rehearse(world).breaches} for world in worlds_of(bug))
    assert found, f"the oracle '{bug.oracle}' saw nothing of it"


def test_every_oracle_was_watched_failing() -> None:
    assert {bug.oracle for bug in BUGS} == {oracle.name for oracle in ORACLES} | {"ends"}
