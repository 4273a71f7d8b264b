"""Many worlds, on all cores: each its own, none knowing of the others."""

from __future__ import annotations

import gc
import multiprocessing
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field

from backfill.rehearsal.rehearsal import Verdict, rehearse
from backfill.rehearsal.world import draw_world

CHUNK = 8
"""Worlds handed to a core at a time: some seconds' work, so that progress is seen and none is idle at the end."""

GC_THRESHOLD = 200_000
"""As in the commands: objects made before the collector looks for cycles."""

FAILURES_KEPT = 20
"""Of thousands of failing seeds, the first few say what is wrong."""


@dataclass(slots=True)
class FaultRow:
    """One fault over all worlds."""

    injected: int = 0
    worlds: int = 0
    """Worlds in which it struck at least once."""
    survived: int = 0
    """Of those, the ones in which every law held."""


@dataclass(slots=True)
class Tally:
    """What came of a swarm so far."""

    seeds: int = 0
    failed: int = 0
    requests: int = 0
    deaths: int = 0
    tokens_lost: int = 0
    virtual_s: float = 0.0
    faults: dict[str, FaultRow] = field(default_factory=dict)
    told: Counter[str] = field(default_factory=Counter)
    """Intuit's fault code to how many worlds it was told in and every law held."""
    breaches: Counter[str] = field(default_factory=Counter)
    """Oracle to how many worlds it saw a law broken in."""
    failures: list[Verdict] = field(default_factory=list)

    def add(self, verdict: Verdict) -> None:
        """Count one more world."""
        self.seeds += 1
        self.requests += verdict.requests
        self.deaths += verdict.deaths
        self.tokens_lost += verdict.tokens_lost
        held = not verdict.breaches
        self.virtual_s += verdict.virtual_s if held else 0.0
        for fault, times in verdict.struck.items():
            if times:
                row = self.faults.setdefault(fault, FaultRow())
                row.injected += times
                row.worlds += 1
                row.survived += held
        self.told.update(verdict.told if held else ())
        if not held:
            self.failed += 1
            self.breaches.update({breach.oracle for breach in verdict.breaches})
            if len(self.failures) < FAILURES_KEPT:
                self.failures.append(verdict)


def rehearse_seeds(seeds: Sequence[int], *, cores: int | None = None, tell: Callable[[Tally], None]) -> Tally:
    """Rehearse the worlds of `seeds`. `tell` is told after each. `cores` None: all that this machine has."""
    cores = min(cores or os.cpu_count() or 1, -(-len(seeds) // CHUNK))
    tally = Tally()
    # Fresh interpreters: a fork of a process with threads or a running loop is not safe.
    fresh = multiprocessing.get_context("spawn")
    with (
        ProcessPoolExecutor(cores, mp_context=fresh, initializer=_collect_seldom)
        if cores > 1
        else nullcontext() as pool
    ):
        verdicts: Iterator[Verdict] | Iterable[Verdict]
        verdicts = map(rehearse_seed, seeds) if pool is None else pool.map(rehearse_seed, seeds, chunksize=CHUNK)
        for verdict in verdicts:
            tally.add(verdict)
            tell(tally)
    return tally


def _collect_seldom() -> None:
    """Look for cycles seldom, as every command does: a tenth of the time (measured)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD)


def rehearse_seed(seed: int) -> Verdict:
    """The world of one seed, from beginning to end."""
    return rehearse(draw_world(seed))
