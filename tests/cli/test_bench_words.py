"""What a bench says: the costs that went in, a table that is a scenario's, and what a reader should know."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import replace

import pytest

from backfill.cli.bench_words import FAR_OFF_S, as_json, in_words
from backfill.cli.benching import Bench, Measurement, Run
from backfill.config import Settings
from backfill.planner.calibration import Cost, Sample
from backfill.planner.forecast import forecast
from backfill.planner.scenario import Companies, Machine, Scenario

SMALL, LARGE = Sample(50, 100), Sample(4, 2_000)
PROGRAM, POSTGRES = Cost(0.7, 0.013, 7.5e-6), Cost(0.1, 0.016, 27e-6)
DISK = Cost(0, 3_000, 2_000)


def run(companies: int, objects: int) -> Run:
    rows = companies * objects
    return Run(
        companies=companies,
        rows=rows,
        requests=4 * companies,
        wall_s=1.0,
        program_s=PROGRAM.run + PROGRAM.of(companies, rows),
        postgres_s=POSTGRES.run + POSTGRES.of(companies, rows),
        simulator_s=0.01 + rows / 65_000,
        others=0.0,
        peak_mb=81.0 + companies,
        disk_bytes=round(DISK.of(companies, rows)),
        wal_bytes=round(DISK.of(companies, rows)),
        call_bytes=6_000 * companies,
    )


MEASURED = Measurement(
    processors=8,
    postgres="Postgres 18.1, embedded",
    one=[run(1, 100)],
    samples={sample: [run(sample.companies, sample.objects)] * 2 for sample in (SMALL, LARGE)},
)
FLEET = Scenario(
    companies=(Companies(name="all", count=1_000, objects=100),),
    machine=Machine(processors=4, row_us=75, postgres_processors=3),
)


def bench(measurement: Measurement = MEASURED) -> Bench:
    settings = Settings()
    calibrated = measurement.calibrated(FLEET)
    machine = measurement.with_simulator(calibrated)
    return Bench(
        scenario=calibrated,
        measurement=measurement,
        sampled={sample: forecast(sample.scenario(machine, 1), settings) for sample in measurement.samples},
        before=forecast(FLEET, settings),
        after=forecast(calibrated, settings),
    )


def changed(**fields: float | None) -> Measurement:
    """The same with other readings, of the samples."""
    samples = {sample: [replace(each, **fields) for each in runs] for sample, runs in MEASURED.samples.items()}
    return replace(MEASURED, samples=samples)


@pytest.fixture(scope="module")
def told() -> str:
    return "\n".join(in_words(bench()))


def test_the_table_is_a_scenarios(told: str) -> None:
    table = told.partition("[machine]")[2].partition("\n\n")[0]
    machine = Machine.model_validate(tomllib.loads(table))
    assert machine == Machine(
        processors=4, postgres_processors=3, row_us=7.5, row_postgres_us=27, company_ms=13, company_postgres_ms=16
    )


def test_a_person_is_told_all_that_was_measured(told: str) -> None:
    lines = told.splitlines()
    assert lines[0] == "Measured with 8 processors and Postgres 18.1, embedded."
    row = next(line for line in lines if line.startswith("50 of 100 objects"))
    assert row.split()[:6] == ["50", "of", "100", "objects", "5,000", "5,000"]
    assert cells(lines, "the program's") == ["the program's time", "13 ms", "7.5 us"]
    assert cells(lines, "Postgres' time") == ["Postgres' time", "16 ms", "27 us"]
    assert cells(lines, "disk") == ["disk", "3 kB", "2.00 kB"]
    assert cells(lines, "WAL") == ["WAL", "3 kB", "2.00 kB"]
    assert "A call in the log of calls takes 1.50 kB of that disk." in lines
    assert "The program held 131 MB at most." in lines
    assert "1,000 companies with 100,000 rows, with what was measured:" in told
    assert "  It takes 0.2 GB of disk, and 0.2 GB of WAL are written." in lines
    assert told.count("rows a second. Bounded by") == 2, "with what was measured, and beside it as it was"
    assert told.index("with what was measured:") < told.index("With the scenario's own figures:")


def cells(lines: list[str], first: str) -> list[str]:
    line = next(line for line in lines if line.startswith(first))
    return [line[:24].strip(), line[24:40].strip(), line[40:].strip()]


def remarks(measurement: Measurement) -> Iterator[str]:
    known = {
        "Postgres is not seen": "unseen",
        "The simulator used all": "simulator",
        "Other programs used": "others",
        "The plan is far off": "far off",
    }
    words = "\n".join(in_words(bench(measurement)))
    return (name for text, name in known.items() if text in words)


def as_planned() -> Measurement:
    """Readings that took as long as planned."""
    planned = bench().sampled
    samples = {
        sample: [replace(each, wall_s=planned[sample].schedule.wall_s) for each in runs]
        for sample, runs in MEASURED.samples.items()
    }
    return replace(MEASURED, samples=samples)


def test_what_a_small_sample_takes_to_begin_needs_no_remark() -> None:
    measured = as_planned()
    samples = {
        sample: [replace(each, wall_s=each.wall_s + FAR_OFF_S * 0.9) for each in runs]
        for sample, runs in measured.samples.items()
    }
    assert "far off" not in list(remarks(replace(measured, samples=samples)))


def test_what_took_as_long_as_planned_needs_no_remark() -> None:
    assert list(remarks(as_planned())) == []


@pytest.mark.parametrize(
    ("fields", "remark"),
    [
        ({"postgres_s": None, "wall_s": 0.8}, "unseen"),
        ({"simulator_s": 0.95}, "simulator"),
        ({"others": 1.6}, "others"),
        ({"wall_s": 30.0}, "far off"),
    ],
)
def test_a_reader_is_told_what_makes_it_doubtful(fields: dict[str, float | None], remark: str) -> None:
    assert remark in list(remarks(changed(**fields)))


def test_a_postgres_that_is_not_seen_keeps_the_scenarios_figures() -> None:
    unseen = replace(changed(postgres_s=None), one=[replace(each, postgres_s=None) for each in MEASURED.one])
    result = as_json(bench(unseen))
    assert result["costs"]["postgres_s"] is None  # type: ignore[index]
    assert result["machine"]["row_postgres_us"] == FLEET.machine.row_postgres_us  # type: ignore[index]
    assert result["machine"]["row_us"] == 7.5  # type: ignore[index]
    assert "unknown" in "\n".join(in_words(bench(unseen)))


def test_a_sample_is_planned_with_the_simulator_beside_it() -> None:
    """It shares the processors with Postgres and the program, if they are all here."""
    here = MEASURED.with_simulator(MEASURED.calibrated(FLEET))
    assert (here.processors, here.postgres_processors) == (8, None), "this machine's, not the scenario's"
    assert here.row_postgres_us == pytest.approx(27 + 1e6 / 65_000, rel=0.05)
    unseen = changed(postgres_s=None)
    apart = unseen.with_simulator(unseen.calibrated(FLEET))
    assert (apart.row_postgres_us, apart.postgres_processors) == (27, 3)
