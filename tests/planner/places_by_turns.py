"""The schedule of a fleet once more, turn by turn with the fleet's own `jobs.turns.Places`: slow, and what is meant."""

from __future__ import annotations

from collections.abc import Sequence

from backfill.jobs.fleet import FleetOptions
from backfill.jobs.turns import Places, Turn
from backfill.model import RealmId
from backfill.planner.schedule import Capacity, Work

ON_TIME_S = 1e-6
"""What is due within this is due: sums of floats do not meet exactly."""


def taken(works: Sequence[Work], capacity: Capacity, *, realms_at_once: int, turn_s: float) -> tuple[float, int]:
    """When all are done, and how many were paused.

    Nothing is kept from one step to the next but what each company has left.
    """
    options = FleetOptions()
    places = Places(realms_at_once, turn_s=turn_s, early_end_s=options.early_end_s, rest_s=options.rest_s)
    left = {RealmId(str(number)): work.seconds for number, work in enumerate(works)}
    for realm_id in left:
        places.join(realm_id)
    open_turns: dict[RealmId, Turn] = {}
    paused: set[RealmId] = set()
    now = 0.0
    while not places.idle:
        while (turn := places.begin(now)) is not None:
            open_turns[turn.realm_id] = turn
        places.end_turns(now)
        over = [
            turn
            for realm_id, turn in open_turns.items()
            if turn.over and left[realm_id] > works[int(realm_id)].seconds - works[int(realm_id)].breakable_s
        ]
        for turn in over:
            del open_turns[turn.realm_id]
            places.leave_for_now(turn, now)
            paused.add(turn.realm_id)
        if over:
            continue
        speed = _speed([works[int(realm_id)] for realm_id in open_turns], capacity)
        ends_at = now + min(left[realm_id] for realm_id in open_turns) / speed
        until = min(ends_at, max(now + ON_TIME_S, places.next_at()))
        for realm_id, turn in list(open_turns.items()):
            left[realm_id] -= (until - now) * speed
            if left[realm_id] <= ON_TIME_S:
                del open_turns[realm_id]
                places.leave(turn)
        now = until
    return now, len(paused)


def _speed(works: Sequence[Work], capacity: Capacity) -> float:
    loads = (sum(work.uses.get(resource, 0.0) for work in works) / most for resource, most in capacity.items())
    return 1 / max(1.0, *loads)
