"""How a run over realms ended: its exit code, its status in the database, and its troubles in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from backfill.cli.output import Exit
from backfill.jobs.fleet import FleetResult, Trouble
from backfill.store.runs import RunStatus

TROUBLES_SHOWN = 20
"""A screenful; the JSON has them all."""

STATUSES: Mapping[Exit, RunStatus] = {
    Exit.DONE: RunStatus.DONE,
    Exit.UNPROVEN: RunStatus.INCOMPLETE,
    Exit.STOPPED: RunStatus.STOPPED,
}
"""What is stored of a run that ended so."""


def exit_of(fleet: FleetResult, *, well: bool = True) -> Exit:
    """The contract's exit code. `well`: nothing beside the realms is wrong, such as a row that was set aside."""
    if fleet.stopped:
        return Exit.STOPPED
    return Exit.DONE if well and not (fleet.unproven or fleet.parked or fleet.troubles) else Exit.UNPROVEN


def troubles_in_words(troubles: Sequence[Trouble], *, more: str) -> Iterator[str]:
    """What happened to which realm, and what to do. `more`: where those are that are not shown."""
    for trouble in troubles[:TROUBLES_SHOWN]:
        about = " ".join(filter(None, ("realm", trouble.realm_id, trouble.entity)))
        yield f"  {f'{about}: ' if trouble.realm_id else ''}{trouble.message}"
        if trouble.action:
            yield f"      What to do: {trouble.action}"
    if len(troubles) > TROUBLES_SHOWN:
        yield f"  and {len(troubles) - TROUBLES_SHOWN} more: {more}"
