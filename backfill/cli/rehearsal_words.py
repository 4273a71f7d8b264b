"""What a rehearsal says: the faults it injected and which of them were survived, and how to see a failure again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap

from backfill.qbo.faults import FAULTS
from backfill.rehearsal.oracles import ORACLES
from backfill.rehearsal.rehearsal import Verdict
from backfill.rehearsal.swarm import Tally

BREACHES_SHOWN = 3
"""Of one world: what follows is most often the same trouble once more."""

WORDS_MOST = 400
"""Of one breach: two documents that differ may be long."""

TRACE_SHOWN = 25

COLUMNS = 79
"""Of any terminal: a longer line would be broken within a word."""


def replay(seed: int) -> str:
    """The command that runs exactly that world again."""
    return f"backfill rehearse --seed {seed}"


def in_words(tally: Tally, wall_s: float, *, with_trace: bool) -> Iterator[str]:
    """For a person, line by line."""
    yield f"{tally.seeds} worlds rehearsed in {wall_s:.1f} s, {tally.seeds / wall_s * 60:.0f} a minute."
    yield (
        f"  {tally.requests:,} requests and {tally.deaths:,} killed processes in"
        f" {tally.virtual_s / 3600:,.0f} hours of virtual time"
    )
    if tally.tokens_lost:
        yield (
            f"  {tally.tokens_lost} refresh tokens were granted and got lost before they were stored: their realms"
            " were parked, where the old value was dead, and said so"
        )
    yield ""
    yield from _faults(tally)
    survived = len(FAULTS) - len(not_told(tally))
    yield ""
    yield f"Of the {len(FAULTS)} codes in the table of Intuit's faults {survived} were told and survived"
    if not_told(tally):
        yield from wrap(", ".join(not_told(tally)), COLUMNS, initial_indent="  but not ", subsequent_indent="    ")
    yield ""
    yield from _laws(tally)
    for verdict in tally.failures:
        yield ""
        yield from _failure(verdict, with_trace=with_trace)


def _faults(tally: Tally) -> Iterator[str]:
    yield f"{'fault':<26}{'injected':>10}{'in worlds':>11}{'survived':>10}"
    yield "\N{BOX DRAWINGS LIGHT HORIZONTAL}" * 57
    for name, row in sorted(tally.faults.items(), key=lambda entry: -entry[1].injected):
        lost = "" if row.survived == row.worlds else f"   {row.worlds - row.survived} not"
        yield f"{name:<26}{row.injected:>10,}{row.worlds:>11,}{row.survived:>10,}{lost}"


def not_told(tally: Tally) -> Sequence[str]:
    """The codes that no world heard of and survived, by number."""
    return sorted(FAULTS.keys() - tally.told.keys(), key=int)


def _laws(tally: Tally) -> Iterator[str]:
    yield f"{'oracle':<26}{'broken in':<11}its law"
    yield "\N{BOX DRAWINGS LIGHT HORIZONTAL}" * COLUMNS
    for name, law in laws().items():
        begin = f"{name:<26}{tally.breaches[name] or '-':<11}"
        yield from wrap(law, COLUMNS, initial_indent=begin, subsequent_indent=" " * len(begin))


def _failure(verdict: Verdict, *, with_trace: bool) -> Iterator[str]:
    yield f"Seed {verdict.seed} broke a law. To see it again:"
    yield f"    {replay(verdict.seed)}"
    for breach in verdict.breaches[:BREACHES_SHOWN]:
        yield f"  {breach.oracle}: {breach.seen[:WORDS_MOST]}"
    yield verdict.world
    if with_trace:
        yield "  The last that happened (virtual seconds, what):"
        yield from (f"    {line[:WORDS_MOST]}" for line in verdict.trace[-TRACE_SHOWN:])


def as_json(tally: Tally, wall_s: float) -> Mapping[str, object]:
    """For a script."""
    return {
        "seeds": tally.seeds,
        "failed": tally.failed,
        "requests": {"total": tally.requests},
        "deaths": tally.deaths,
        "tokens_lost": tally.tokens_lost,
        "virtual_s": round(tally.virtual_s, 3),
        "wall_s": round(wall_s, 3),
        "faults": {
            name: {"injected": row.injected, "worlds": row.worlds, "survived": row.survived}
            for name, row in sorted(tally.faults.items())
        },
        "fault_codes": {
            "in_table": len(FAULTS),
            "survived": dict(sorted(tally.told.items(), key=lambda entry: int(entry[0]))),
            "not_told": not_told(tally),
        },
        "oracles": {name: {"law": law, "broken": tally.breaches[name]} for name, law in laws().items()},
        "errors": [
            {
                "seed": verdict.seed,
                "oracle": breach.oracle,
                "message": breach.seen,
                "action": f"See it again: {replay(verdict.seed)}",
            }
            for verdict in tally.failures
            for breach in verdict.breaches[:BREACHES_SHOWN]
        ],
    }


def laws() -> Mapping[str, str]:
    """Oracle to its law; `ends` is judged by the rehearsal itself."""
    return {oracle.name: oracle.law for oracle in ORACLES} | {"ends": "nothing waits or goes round for ever"}
