"""Worlds in which a planted bug can show: what a world must have in it for that."""

from __future__ import annotations

from collections.abc import Callable

from backfill.rehearsal.faults.bad_network import BadNetwork
from backfill.rehearsal.faults.bad_reports import BadReports
from backfill.rehearsal.faults.crash import Crash
from backfill.rehearsal.faults.flagged_deletes import FlaggedDeletes
from backfill.rehearsal.faults.late_commits import LateCommits
from backfill.rehearsal.faults.pause import Pause
from backfill.rehearsal.faults.request_ids import RequestIds
from backfill.rehearsal.faults.short_tokens import ShortTokens
from backfill.rehearsal.world import World
from backfill.simulator.injection.mishap import Mishap
from backfill.simulator.injection.network import LostReply, LostRequest


def does(job: str) -> Callable[[World], bool]:
    """Worlds of that job."""
    return lambda world: world.job.name == job


def sweeps_with_flags(world: World) -> bool:
    """Change data capture says of what lives that it was deleted."""
    return does("care")(world) and any(isinstance(fault, FlaggedDeletes) for fault in world.faults)


def is_forged_for(world: World) -> bool:
    return does("webhooks")(world) and world.settings.webhooks.forged > 0 and world.changes_most > 0


def reads_reports(world: World) -> bool:
    return world.job.name == "reports"


def has_reports_with(mishap: type[Mishap]) -> Callable[[World], bool]:
    """A tenth of them: a world has no more than a few of those that it befalls."""

    def where(world: World) -> bool:
        bad = [fault for fault in world.faults if isinstance(fault, BadReports) and fault.share >= 0.1]
        return reads_reports(world) and any(isinstance(one, mishap) for fault in bad for one, _names in fault.mishaps)

    return where


def loads(world: World) -> bool:
    return world.job.name == "load"


def loses_answers(world: World) -> bool:
    """Of writes that took effect, early or late."""
    return loads(world) and any(isinstance(fault, LateCommits) and fault.lost_share for fault in world.faults)


def does_things_twice(world: World) -> bool:
    """If it is asked twice, and nobody knows whether it was."""
    return loses_answers(world) and any(
        isinstance(fault, RequestIds) and fault.again == "executed" for fault in world.faults
    )


def is_at_work_unheard(world: World) -> bool:
    """Much later than it was asked, and what it answers then is lost."""
    late = [fault for fault in world.faults if isinstance(fault, LateCommits) and fault.share * fault.lost_share > 0.02]
    return does_things_twice(world) and bool(late)


def loads_and_dies(world: World) -> bool:
    return loads(world) and any(isinstance(fault, Crash) for fault in world.faults)


def loads_and_undoes(world: World) -> bool:
    return loads(world) and world.again_after_s > 0


def extracts(world: World) -> bool:
    return world.job.name == "extract"


def has_room_for_one_page(world: World) -> bool:
    """And several readers who would have more."""
    return extracts(world) and world.memory_bytes == 1 and world.page_rows < 1000 and world.readers > 1


def extracts_and_dies(world: World) -> bool:
    return extracts(world) and any(isinstance(fault, Crash) for fault in world.faults)


def loses_what_is_read(world: World) -> bool:
    """Requests or answers, among them those of a page."""
    networks = [fault for fault in world.faults if isinstance(fault, BadNetwork) and fault.share >= 0.1]
    return extracts(world) and any(
        isinstance(mishap, LostRequest | LostReply) for fault in networks for mishap in fault.mishaps
    )


def is_overtaken(world: World) -> bool:
    """A process is stopped, and another takes its realms meanwhile."""
    return extracts(world) and any(isinstance(fault, Pause) and fault.rival for fault in world.faults)


def is_overtaken_refreshing(world: World) -> bool:
    """Both of them need new tokens all the time."""
    return is_overtaken(world) and any(isinstance(fault, ShortTokens) for fault in world.faults)
