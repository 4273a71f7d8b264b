"""What the worlds must be like in which reports are read."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backfill.qbo.reports import IDENTITY_COLUMNS
from backfill.rehearsal.stage import ROWS_MIN
from backfill.rehearsal.world import BEGIN, World, draw_world
from backfill.simulator.api import Api
from backfill.simulator.call import Call
from backfill.simulator.core import Simulator
from backfill.simulator.fleet import Fleet
from backfill.simulator.reports.answer import OVERFLOW

WORLDS = [world for seed in range(300) if (world := draw_world(seed)).job.name == "reports"]


def with_changes(world: World, changes: int) -> World:
    """The same world, had it been drawn with so many changes by people."""
    busy = replace(world, changes_most=changes, again_after_s=0.0)
    return replace(busy, settings=world.job.settings(busy))


def gives_the_journal(world: World) -> bool:
    """Whether one answer holds the day on which people made all their changes in one company."""
    fleet = Fleet(realms=1, seed=world.seed, now=lambda: BEGIN, rows_min=ROWS_MIN, rows_max=world.rows_max)
    (realm_id,) = fleet.realm_ids
    Simulator(world.settings, fleet, now=lambda: BEGIN, seed=world.seed).people(realm_id).act(world.changes_most)
    day = BEGIN.date().isoformat()
    asked = {"start_date": day, "end_date": day, "columns": ",".join((*IDENTITY_COLUMNS, "memo"))}
    call = Call(realm_id, "GET", "/reports/JournalReport", asked, {"accept": "application/json"})
    answer = Api(world.settings, fleet).handle(call)
    return answer.status == 200 and OVERFLOW.encode() not in answer.body


@pytest.mark.parametrize("changes", [20, 33, 80, 110])
def test_one_answer_holds_a_days_journal_however_much_people_change(changes: int) -> None:
    """Of a journal nothing smaller can be asked for: what is cut or given up then is unproven in the soundest world."""
    assert {world.settings.reports.cells for world in WORLDS} > {500, 900}
    assert {world.settings.reports.cell_s for world in WORLDS} == {0.0, 0.03}
    assert [world.seed for world in WORLDS if not gives_the_journal(with_changes(world, changes))] == []
