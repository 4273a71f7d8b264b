"""A world: everything that one seed decides before anything runs."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from math import exp, log
from random import Random

from backfill.jobs.costs import Costs, Optimise
from backfill.pacing.limits import Limits, load_limits
from backfill.pacing.metering import BatchCountsAs
from backfill.qbo.query import CDC_OBJECTS_MAX
from backfill.rehearsal.faults import FAULTS
from backfill.rehearsal.faults.fault import Fault
from backfill.rehearsal.jobs import JOBS
from backfill.rehearsal.jobs.job import RehearsedJob
from backfill.simulator.settings import ServerLimits, SimulatorSettings
from backfill.wire import HEAD_BYTES

BEGIN = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)
"""When every world begins, by the server's clock."""

ROOMY_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What there is, how it behaves, and what goes wrong in it."""

    seed: int
    job: RehearsedJob
    realms: int
    rows_max: int
    page_rows: int
    cdc_objects: int
    """At which an answer of change data capture is cut."""
    readers: int
    realms_at_once: int
    memory_bytes: int
    head_bytes: int
    """What is held of an answer that there is no room for."""
    settings: SimulatorSettings
    limits: Limits
    costs: Costs
    changes_per_minute: float
    """That people make in each realm, until they have made `changes_most` in all."""
    changes_most: int
    turn_s: float
    """How long a realm keeps its place while others wait."""
    again_after_s: float
    """So long after all is proven the same realms are read once more, as after an outage. 0: they are not."""
    faults: tuple[Fault, ...]
    scale: float = 1.0
    """Divides leases, backoffs and their like, as `limits` and `settings` say it of theirs: for worlds in real time."""

    def described(self) -> str:
        """The world in words: what differs from the ordinary."""
        usual_limits, usual = load_limits(), SimulatorSettings()
        lines = [
            f"{self.job.name} of {self.realms} realms of up to {self.rows_max} rows",
            f"{self.realms_at_once} at once by turns of {self.turn_s:g} s, {self.readers} readers each",
            f"pages of {self.page_rows} rows, answers of {self.cdc_objects} changes",
            f"{self.memory_bytes:,} bytes for pages, {self.head_bytes:,} for a beginning; {self.costs}",
            f"people make {self.changes_most} changes, {self.changes_per_minute:g} a minute",
            f"Intuit: {_differing(self.settings, usual) or 'as documented'}",
            f"limits: {_differing(self.limits, usual_limits) or 'as documented'}",
            *(f"fault {fault.name}: {_differing(fault, None) or 'no settings'}" for fault in self.faults),
        ]
        if self.again_after_s:
            lines.append(f"read again after {self.again_after_s / 3_600:g} hours")
        return "\n".join(f"  {line}" for line in lines)


def draw_world(seed: int, *, only: frozenset[str] | None = None) -> World:
    """The world of a seed. `only`: no other faults than these, by name; all else is drawn alike."""
    rng = Random(f"world {seed}")
    realms = rng.choice((1, 1, 1, 1, 2, 3))
    # Who reads three rows in a second and a half can never catch up with people who change thirty.
    slow = rng.random() < 0.4
    tight = rng.random() < 0.4
    limits = _tight_limits(rng) if tight else load_limits()
    cdc_objects = Random(f"change data capture of world {seed}").choice((30, CDC_OBJECTS_MAX))
    settings = SimulatorSettings(
        latency_s=rng.choice((0.3, 1.5) if slow else (0.0, 0.05, 0.3)),
        jitter_s=rng.choice((0.0, 0.05, 0.1)),
        gzip=False,
        limits=ServerLimits(
            requests_per_minute=limits.requests_per_window,
            requests_per_second=limits.starts_per_second,
            batches_per_minute=limits.batches_per_window,
            realm_batches_per_minute=limits.realm_batches_per_window,
            in_flight=limits.in_flight,
        ),
        window=rng.choice(("sliding", "fixed", "bucket")),
        window_offset_seed=seed,
        second_window=rng.choice(("sliding", "fixed", "bucket")),
        second_refuses=rng.random() < 0.7,
        throttle_body=rng.choice(("xml", "json_lower", "json_upper", "http_403_legacy", "no_body")),
        retry_after=rng.choice(("absent", "seconds", "date")),
        refused_count=rng.random() < 0.3,
        id_sort=rng.choice(("ignored", "error", "honoured")),
        limit_plus_one=rng.random() < 0.3,
        batch_object_cap=rng.choice((1000, None)),
        cdc_object_cap=cdc_objects,
        batch_shuffled=rng.random() < 0.5,
    )
    job = JOBS[Random(f"job of world {seed}").choice(list(JOBS))]
    world = World(
        seed=seed,
        job=job,
        realms=realms,
        rows_max=round(exp(rng.uniform(log(91), log(160)))),
        page_rows=rng.choice((5, 12, 1000)),  # larger ones hold any entity of a company so small
        cdc_objects=cdc_objects,
        readers=rng.choice((1, 3, 8)),
        realms_at_once=rng.choice((1, 2, 200)),
        memory_bytes=rng.choice((1, 10_000, ROOMY_BYTES) if slow else (50_000, ROOMY_BYTES)),
        head_bytes=Random(f"heads of world {seed}").choice((200, HEAD_BYTES)),
        settings=settings,
        limits=limits,
        costs=Costs(optimise=rng.choice(list(Optimise)), batch_counts_as=rng.choice(list(BatchCountsAs))),
        changes_per_minute=rng.choice((2, 10) if tight else (20, 60) if slow else (120, 600)),
        changes_most=0 if rng.random() < 0.2 else round(exp(rng.uniform(0, log(80)))),
        turn_s=rng.choice((1.0, 30.0)),
        again_after_s=rng.choice((3_600.0, 40 * 86_400.0)) if rng.random() < 0.12 else 0.0,
        faults=_drawn_faults(seed, job, realms, only),
    )
    for fault in world.faults:
        world = replace(world, settings=fault.settings(world.settings))
    return replace(world, settings=world.job.settings(world))


def _tight_limits(rng: Random) -> Limits:
    """Limits that a small company comes to feel: Intuit's, a tenth as high."""
    return replace(
        load_limits(),
        requests_per_window=rng.choice((25, 50)),
        batches_per_window=rng.choice((4, 8)),
        realm_batches_per_window=12,
        reports_per_window=6,
        starts_per_second=rng.choice((2, 4)),
        in_flight=rng.choice((2, 4)),
        block_permits=rng.choice((5, 10)),
        block_lane_permits=2,
        reserve=rng.choice((0.0, 0.1)),
    )


def _drawn_faults(seed: int, job: RehearsedJob, realms: int, only: frozenset[str] | None) -> tuple[Fault, ...]:
    """Each kind by a generator of its own, so that a new one changes no other's part in a seed."""
    drawn = []
    for kind in FAULTS:
        rng = Random(f"{kind.name} in world {seed}")
        if rng.random() >= kind.chance or (only is not None and kind.name not in only):
            continue
        if not kind.jobs or job.name in kind.jobs:
            drawn.append(kind.drawn(rng, realms=realms))
    return tuple(drawn)


def _differing(value: object, usual: object | None) -> str:
    """The fields of a dataclass that are not as usual."""
    return ", ".join(
        f"{entry.name}={getattr(value, entry.name)!r}"
        for entry in fields(value)  # type: ignore[arg-type]  # only dataclasses are described
        if usual is None or getattr(value, entry.name) != getattr(usual, entry.name)
    )
