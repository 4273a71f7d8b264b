"""`backfill simulate`: a QuickBooks Online on loopback, to rehearse against."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from backfill.cli import output
from backfill.cli.output import Exit


def simulate(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0 takes a free one.")] = 8765,
    realms: Annotated[int, typer.Option(min=1, max=100_000, help="How many companies.")] = 20,
    seed: Annotated[int, typer.Option(help="Same seed, same companies.")] = 1,
    rows: Annotated[str, typer.Option(metavar="MIN:MAX", help="Objects a company, drawn between these.")] = "100:50000",
    latency_ms: Annotated[float, typer.Option(min=0, help="From request to answer.")] = 150.0,
    jitter_ms: Annotated[float, typer.Option(min=0, help="Latency varies by this much either way.")] = 50.0,
    changes_per_minute: Annotated[
        float, typer.Option(min=0, help="Creates, edits and deletes by other people in every company that is read.")
    ] = 0.0,
    limits_scale: Annotated[
        float, typer.Option(envvar="BACKFILL_LIMITS_SCALE", min=1, help="Divides every limit's window.")
    ] = 1.0,
    access_token_life_s: Annotated[float, typer.Option(min=1, help="Life of an access token.")] = 3600.0,
    control: Annotated[
        bool, typer.Option("--control", help="Serve /control/...: state, log, faults at run time.")
    ] = False,
    write_realms: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write credentials (JSONL, mode 0600) once it is serving.")
    ] = None,
) -> None:
    """Serve simulated companies at /v3/... and their token endpoint at /oauth2/v1/tokens/bearer, until stopped."""
    import anyio

    from backfill.errors import BackfillError
    from backfill.simulator.core import Simulator
    from backfill.simulator.fleet import Fleet
    from backfill.simulator.settings import SimulatorSettings

    async def work() -> Exit:
        least, most = _rows(rows)
        settings = SimulatorSettings(
            latency_s=latency_ms / 1000,
            jitter_s=jitter_ms / 1000,
            changes_per_minute=changes_per_minute,
            limits_scale=limits_scale,
            access_token_life_s=access_token_life_s,
            control=control,
        )
        fleet = Fleet(realms=realms, seed=seed, now=_now, rows_min=least, rows_max=most)
        await _serve(Simulator(settings, fleet, now=_now, seed=seed), port, write_realms)
        return Exit.DONE

    try:
        code = anyio.run(work)
    except BackfillError as error:
        code = output.failed(error, as_json=False)
    raise typer.Exit(code)


async def _serve(simulator: object, port: int, write_realms: Path | None) -> None:
    import signal

    import anyio

    from backfill.simulator.core import Simulator
    from backfill.simulator.server import serve

    assert isinstance(simulator, Simulator)
    async with serve(simulator, port=port) as bound:
        if write_realms is not None:
            _write_credentials(simulator, write_realms)
        base = f"http://127.0.0.1:{bound}"
        first = simulator.credentials(simulator.fleet.realm_ids[0])
        output.text(base)  # for scripts: the one line on stdout
        output.say(f"{len(simulator.fleet.realm_ids)} simulated QuickBooks companies at {base}")
        output.say("  In another terminal:")
        output.say(f"    export BACKFILL_QBO_BASE_URL={base}")
        output.say(f"    export BACKFILL_OAUTH_TOKEN_URL={base}/oauth2/v1/tokens/bearer")
        if write_realms is not None:
            output.say(f"    backfill realms import {write_realms}")
            output.say("    backfill extract")
        output.say(f"  First realm: {first.realm_id}   Ctrl-C stops.")
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            async for _ in signals:
                return


def _write_credentials(simulator: object, file: Path) -> None:
    """A row per realm, in a file that appears whole and that nobody else can read."""
    import tempfile

    import orjson

    from backfill.errors import UsageError
    from backfill.simulator.core import Simulator

    assert isinstance(simulator, Simulator)
    try:
        descriptor, draft = tempfile.mkstemp(dir=file.parent, prefix=".realms-")  # mode 0600 from the first moment
        with open(descriptor, "wb") as target:  # noqa: PTH123 - a descriptor, not a path
            for realm_id in simulator.fleet.realm_ids:
                held = simulator.credentials(realm_id)
                row = {
                    "realm_id": held.realm_id,
                    "refresh_token": held.refresh_token,
                    "access_token": held.access_token,
                    "client_id": held.client_id,
                    "client_secret": held.client_secret,
                }
                target.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
        Path(draft).replace(file)
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}.") from error


def _rows(text: str) -> tuple[int, int]:
    from backfill.errors import UsageError

    least, colon, most = text.partition(":")
    if not (colon and least.isdecimal() and most.isdecimal() and 1 <= int(least) <= int(most)):
        raise UsageError(f"--rows {text}: give two whole numbers, the smaller first, such as 100:50000.")
    return int(least), int(most)


def _now() -> datetime:
    return datetime.now(UTC)
