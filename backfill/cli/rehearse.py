"""`backfill rehearse`: worlds drawn from seeds, with faults, in which the program has to keep its laws."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from backfill.cli import output
from backfill.cli.command import run_command
from backfill.cli.options import ConfigOption, JsonOption
from backfill.cli.output import Exit, say

if TYPE_CHECKING:
    from backfill.config import Settings
    from backfill.rehearsal.swarm import Tally

DEFAULT_SEEDS = 100
SAID_EVERY_S = 5.0


def rehearse(
    seeds: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help=f"How many worlds: {DEFAULT_SEEDS}, or with --seed that one alone."),
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, metavar="S", help="The first of them.")] = None,
    cores: Annotated[int | None, typer.Option(min=1, metavar="N", help="Cores to use: all, unless said.")] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Try the program against simulated companies in which everything goes wrong. Nothing outside is touched.

    Each seed draws a world: companies, people who edit them, Intuit's undocumented limits, and faults, from lost
    answers to a killed process. It must keep its laws throughout, and once the world is healed finish and prove it.
    Exit code 0: every law held. 1: some did not; each failing seed is said with the command that runs it again.
    """

    async def work(_settings: Settings) -> Exit:
        import anyio
        import anyio.from_thread
        import anyio.to_thread

        from backfill.cli.rehearsal_words import as_json as result_of
        from backfill.cli.rehearsal_words import in_words
        from backfill.rehearsal.swarm import rehearse_seeds

        first = seed or 0
        many = seeds or (DEFAULT_SEEDS if seed is None else 1)
        began_at = said_at = anyio.current_time()

        def tell(tally: Tally) -> None:
            nonlocal said_at
            if anyio.from_thread.run_sync(anyio.current_time) - said_at >= SAID_EVERY_S:
                said_at += SAID_EVERY_S
                say(f"{tally.seeds} of {many} worlds, {tally.failed or 'none'} in which a law was broken")

        tally = await anyio.to_thread.run_sync(
            lambda: rehearse_seeds(range(first, first + many), cores=cores, tell=tell)
        )
        wall_s = anyio.current_time() - began_at
        output.show(result_of(tally, wall_s), "\n".join(in_words(tally, wall_s, with_trace=many == 1)), as_json=as_json)
        return Exit.UNPROVEN if tally.failed else Exit.DONE

    run_command(work, config=config, as_json=as_json)
