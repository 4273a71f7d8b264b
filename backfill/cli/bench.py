"""`backfill bench`: what a run costs on this machine and its Postgres, and the plan with that."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from backfill.cli import output
from backfill.cli.command import run_command
from backfill.cli.options import ConfigOption, JsonOption
from backfill.cli.output import Exit, say

if TYPE_CHECKING:
    from backfill.config import Settings


def bench(
    scenario: Annotated[
        Path, typer.Argument(metavar="SCENARIO", help="The fleet, in TOML: see configs/scenario.toml.")
    ],
    rows: Annotated[
        int, typer.Option(min=10_800, max=10_000_000, help="Rows of the samples, each of which is read three times.")
    ] = 200_000,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure what rows and companies cost on this machine and its Postgres, and plan the scenario with that.

    Simulated companies, as small and as large as the scenario's, are read by `extract` with this configuration into a
    database of its own, which is dropped at the end: on the server of BACKFILL_DATABASE_URL, or an embedded one.
    Exit code 0: measured. 2: wrong usage. 3: stopped, or it could not be measured.
    """

    async def work(settings: Settings) -> Exit:
        from backfill.cli.bench_words import as_json as result_of
        from backfill.cli.bench_words import in_words
        from backfill.cli.benching import Bench, measure
        from backfill.cli.plan import planned
        from backfill.cli.stopping import stopped_at_once
        from backfill.planner.calibration import samples
        from backfill.planner.scenario import read_scenario

        read = read_scenario(scenario)
        settings.pacing_limits()  # said before anything is begun, if they are wrong

        async def whole() -> Bench:
            measurement = await measure(samples(read, rows), settings, config, read.seed)
            say("Planning, with what was measured and with what the scenario says ...")
            calibrated = measurement.calibrated(read)
            return Bench(
                scenario=calibrated,
                measurement=measurement,
                sampled={
                    sample: await planned(sample.scenario(measurement.with_simulator(calibrated), read.seed), settings)
                    for sample in measurement.samples
                },
                before=await planned(read, settings),
                after=await planned(calibrated, settings),
            )

        made = await stopped_at_once(whole, "The bench was stopped. Nothing of it is left.")
        output.show(result_of(made), "\n".join(in_words(made)), as_json=as_json)
        return Exit.DONE

    run_command(work, config=config, as_json=as_json)
