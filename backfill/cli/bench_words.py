"""What a bench says: what was measured, what it costs, the table for the scenario, and the plan with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from statistics import mean

from backfill.cli.benching import Bench, Run
from backfill.cli.output import counted
from backfill.cli.plan_words import as_json as plan_as_json
from backfill.cli.plan_words import time_in_words
from backfill.planner.calibration import Cost, Sample
from backfill.planner.forecast import Forecast

RULE = "\N{BOX DRAWINGS LIGHT HORIZONTAL}"

FAR_OFF = 0.15
"""By so much a plan of a sample may be off: what others do on the machine meanwhile is as much."""

FAR_OFF_S = 1.0
"""And by so much: to begin and to end takes some tenths of a second, which are in no plan."""

OTHERS_MANY = 0.2
"""Processors: of two a tenth."""

SIMULATOR_FULL = 0.9
"""Of one processor, which is all that it can use: then it was the simulator that was waited for."""

COSTS = (
    # What is measured, what it is called, and how it is written for a company and a row.
    ("program_s", "the program's time", "{:.3g} ms", 1e3, "{:.3g} us", 1e6),
    ("postgres_s", "Postgres' time", "{:.3g} ms", 1e3, "{:.3g} us", 1e6),
    ("disk_bytes", "disk", "{:,.0f} kB", 1e-3, "{:,.2f} kB", 1e-3),
    ("wal_bytes", "WAL", "{:,.0f} kB", 1e-3, "{:,.2f} kB", 1e-3),
)


def in_words(bench: Bench) -> Iterator[str]:
    """For a person, line by line."""
    measurement = bench.measurement
    yield f"Measured with {counted(measurement.processors, 'processor')} and {measurement.postgres}."
    yield ""
    yield from _samples(bench)
    yield ""
    yield from _costs(bench)
    yield ""
    yield from _remarks(bench)
    yield "For the scenario:"
    yield ""
    yield from _machine(bench)
    yield ""
    companies, rows = counted(bench.after.companies, "company", "companies"), f"{bench.after.rows:,}"
    yield f"The plan for all of it, {companies} with {rows} rows, with what was measured:"
    yield ""
    yield from time_in_words(bench.after)
    yield from _room(bench)
    yield ""
    yield "With the scenario's own figures:"
    yield ""
    yield from time_in_words(bench.before)


def _samples(bench: Bench) -> Iterator[str]:
    yield f"{'companies':<24}{'rows':>12}{'rows a second':>16}{'seconds':>10}{'planned':>10}{'off':>8}"
    yield RULE * 80
    for sample, runs in bench.measurement.samples.items():
        wall_s, planned_s = _wall_s(runs), bench.sampled[sample].schedule.wall_s
        rows = runs[0].rows
        yield (
            f"{f'{sample.companies} of {sample.objects:,} objects':<24}{rows:>12,}{rows / wall_s:>16,.0f}"
            f"{wall_s:>10.1f}{planned_s:>10.1f}{_off(bench, sample):>+8.0%}"
        )


def _costs(bench: Bench) -> Iterator[str]:
    yield f"{'':<24}{'a company':>16}{'a row':>16}"
    yield RULE * 56
    for what, name, company, of_company, row, of_row in COSTS:
        cost = bench.measurement.cost(what)
        if cost is None:
            yield f"{name:<24}{'unknown':>16}{'unknown':>16}"
        else:
            yield f"{name:<24}{company.format(cost.company * of_company):>16}{row.format(cost.row * of_row):>16}"
    runs = bench.measurement.runs
    yield f"A call in the log of calls takes {_call_bytes(runs) / 1000:.2f} kB of that disk."
    yield f"The program held {max(run.peak_mb for run in runs):,.0f} MB at most."


def _remarks(bench: Bench) -> Iterator[str]:
    """What a reader should know before he believes it, each with an empty line after it."""
    measurement = bench.measurement
    if not measurement.knows_postgres:
        yield "Postgres is not seen among the processes of this machine, so its processor time is unknown: the plan"
        yield "takes the scenario's own. Run the bench where Postgres is to have it measured."
        yield ""
    if any(_simulator_share(runs) > SIMULATOR_FULL for runs in measurement.samples.values()):
        yield "The simulator used all of its processor: this machine would have read more rows a second than shown."
        yield "The costs are right all the same."
        yield ""
    elif (others := mean(run.others for run in measurement.runs)) > OTHERS_MANY:
        yield f"Other programs used {others:.1f} processors of this machine meanwhile. They make rows and companies"
        yield "dearer, up to twice, and samples slower than planned: run the bench again without them."
        yield ""
    elif any(_is_far_off(bench, sample) for sample in measurement.samples):
        yield "The plan is far off from what was measured. Where that took longer than planned, it waited for something"
        yield "beside processors, such as the disk. Then see what Postgres waits for, and do not trust the plan."
        yield ""


def _machine(bench: Bench) -> Iterator[str]:
    yield "[machine]"
    for name, value in _machine_table(bench).items():
        yield f"{name} = {value:g}"


def _machine_table(bench: Bench) -> Mapping[str, float]:
    return bench.scenario.machine.model_dump(exclude_none=True)


def _room(bench: Bench) -> Iterator[str]:
    disk, wal = (_of_all(bench, what) / 1e9 for what in ("disk_bytes", "wal_bytes"))
    yield f"  It takes {disk:,.1f} GB of disk, and {wal:,.1f} GB of WAL are written."


def _of_all(bench: Bench, what: str) -> float:
    cost = bench.measurement.cost(what)
    assert cost is not None, "bytes are always known"
    return cost.of(bench.after.companies, bench.after.rows)


def _off(bench: Bench, sample: Sample) -> float:
    return bench.sampled[sample].schedule.wall_s / _wall_s(bench.measurement.samples[sample]) - 1


def _is_far_off(bench: Bench, sample: Sample) -> bool:
    took_s = _wall_s(bench.measurement.samples[sample])
    return abs(_off(bench, sample)) > FAR_OFF and abs(bench.sampled[sample].schedule.wall_s - took_s) > FAR_OFF_S


def _wall_s(runs: Sequence[Run]) -> float:
    return mean(run.wall_s for run in runs)


def _simulator_share(runs: Sequence[Run]) -> float:
    return sum(run.simulator_s for run in runs) / sum(run.wall_s for run in runs)


def _call_bytes(runs: Sequence[Run]) -> float:
    return sum(run.call_bytes for run in runs) / sum(run.requests for run in runs)


def as_json(bench: Bench) -> Mapping[str, object]:
    """The same for a program, with the names of `extract`'s and `plan`'s results where these are the same things."""
    measurement = bench.measurement
    return {
        "processors": measurement.processors,
        "postgres": measurement.postgres,
        "samples": [
            {
                "realms": {"total": sample.companies},
                "objects": sample.objects,
                "planned": {"wall_s": round(bench.sampled[sample].schedule.wall_s, 3)},
                "runs": [_run(run) for run in runs],
            }
            for sample, runs in measurement.samples.items()
        ],
        "one": [_run(run) for run in measurement.one],
        "costs": {what: _cost(measurement.cost(what)) for what, *_ in COSTS},
        "call_bytes": round(_call_bytes(measurement.runs)),
        "machine": _machine_table(bench),
        "plan": _plan(bench.after) | {name: round(_of_all(bench, name)) for name in ("disk_bytes", "wal_bytes")},
        "plan_before": _plan(bench.before),
    }


def _run(run: Run) -> Mapping[str, object]:
    return {
        "realms": {"total": run.companies, "proven": run.companies},
        "rows": {"landed": run.rows},
        "requests": {"total": run.requests},
        "wall_s": run.wall_s,
        "rows_per_s": round(run.rows / run.wall_s),
        "processor_s": {
            "program": round(run.program_s, 3),
            "postgres": None if run.postgres_s is None else round(run.postgres_s, 3),
            "simulator": round(run.simulator_s, 3),
        },
        "others_processors": round(run.others, 2),
        "peak_mb": round(run.peak_mb, 1),
        "disk_bytes": run.disk_bytes,
        "wal_bytes": run.wal_bytes,
        "call_bytes": run.call_bytes,
    }


def _cost(cost: Cost | None) -> Mapping[str, float] | None:
    return None if cost is None else asdict(cost)


def _plan(planned: Forecast) -> dict[str, object]:
    return dict(plan_as_json(planned))
