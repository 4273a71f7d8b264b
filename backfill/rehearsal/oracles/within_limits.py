"""Law 1: no window at the server is ever over its limit, by the server's own log and not by its throttle."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from backfill.rehearsal.oracles.oracle import Oracle
from backfill.rehearsal.stage import Stage


class WithinLimits(Oracle):
    """Counts every arrival, refused ones too, in windows that begin anywhere."""

    name: ClassVar[str] = "within limits"
    law: ClassVar[str] = "never over a limit"

    def over(self, stage: Stage) -> Iterable[str]:
        limits = stage.world.limits
        # What a stopped process had in its hands goes out when it is let go on, whoever works on the realm by then.
        held = stage.pauses * limits.in_flight
        # A dead process's calls may still be worked on beside its successor's: places in flight, and the second's
        # window, begin anew with each process (see `RealmBudget.restore`).
        bunches = any(fault.bunches for fault in stage.world.faults)
        processes = 1 + stage.successions
        for realm_id, seen in stage.simulator.log.summary().items():
            for said, most, limit in (
                ("requests in a minute", seen.most_in_minute, limits.request_permits + held),
                ("batches in a minute", seen.most_batches_in_minute, limits.batch_permits + held),
                ("requests in a second", seen.most_in_second, limits.starts_per_second * (processes + bunches)),
                ("calls in flight", seen.most_in_flight, limits.in_flight * processes),
            ):
                if most > limit:
                    yield f"{realm_id}: {most} {said}, {limit} are allowed"
            if seen.throttled and not (stage.may_be_refused or bunches):
                yield f"{realm_id}: {seen.throttled} refused, and nobody else uses up its limits"
