"""`backfill simulate`: a QuickBooks Online on loopback, to rehearse against."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import anyio
import typer

from backfill.cli import output
from backfill.cli.output import Exit
from backfill.errors import BackfillError, UsageError

if TYPE_CHECKING:
    from backfill.simulator.core import Simulator


def simulate(
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port on 127.0.0.1; 0 takes a free one.")] = 8765,
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
    until_stdin_closes: Annotated[
        bool, typer.Option("--until-stdin-closes", hidden=True, help="Stop when whoever started us is gone.")
    ] = False,
    write_realms: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write credentials (JSONL, mode 0600) once it is serving.")
    ] = None,
) -> None:
    """Serve simulated companies at /v3/... and their token endpoint at /oauth2/v1/tokens/bearer, until stopped."""
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
        await _serve(Simulator(settings, fleet, now=_now, seed=seed), port, write_realms, until_stdin_closes)
        return Exit.DONE

    try:
        code = anyio.run(work)
    except BackfillError as error:
        code = output.failed(error, as_json=False)
    except KeyboardInterrupt:  # before it served; afterwards Ctrl-C is the ordinary end
        code = Exit.STOPPED
    raise typer.Exit(code)


async def _serve(simulator: Simulator, port: int, write_realms: Path | None, until_stdin_closes: bool) -> None:
    from backfill.simulator.server import serve

    refused: UsageError | None = None
    async with serve(simulator, port=port) as bound:
        try:
            if write_realms is not None:
                _write_credentials(simulator, write_realms)
        except UsageError as error:
            refused = error  # raised when the server has ended, whose task group would wrap it
        else:
            await _until_stopped(lambda: _announce(simulator, bound, write_realms), until_stdin_closes)
    if refused is not None:
        raise refused


def _announce(simulator: Simulator, port: int, write_realms: Path | None) -> None:
    base = f"http://127.0.0.1:{port}"
    output.text(base)  # for scripts: the one line on stdout
    output.say(f"{len(simulator.fleet.realm_ids)} simulated QuickBooks companies at {base}")
    output.say("  In another terminal:")
    output.say(f"    export BACKFILL_QBO_BASE_URL={base}")
    output.say(f"    export BACKFILL_OAUTH_TOKEN_URL={base}/oauth2/v1/tokens/bearer")
    if write_realms is not None:
        output.say(f"    backfill realms import {write_realms}")
        output.say("    backfill extract")
    output.say(f"  First realm: {simulator.fleet.realm_ids[0]}   Ctrl-C stops.")


async def _until_stopped(announce: Callable[[], None], until_stdin_closes: bool) -> None:
    """Announce once a signal would be heeded, and return at the first one, or when stdin closes if that is asked."""
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        if until_stdin_closes:
            # A daemon thread: one that waits in a read must not keep the process when a signal ends it.
            threading.Thread(target=_stop_when_stdin_closes, daemon=True, name="stdin").start()
        announce()
        async for _ in signals:
            return


def _stop_when_stdin_closes() -> None:
    """The kernel closes our stdin when the process that started us ends, however it ends."""
    while os.read(sys.stdin.fileno(), 1):
        pass  # nobody writes there; only the end means something
    os.kill(os.getpid(), signal.SIGTERM)


def _write_credentials(simulator: Simulator, file: Path) -> None:
    """A row per realm, in a file that appears whole and that nobody else can read."""
    import tempfile

    try:
        descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=".realms-")  # mode 0600 from the first moment
        draft = Path(name)
        try:
            with open(descriptor, "wb") as target:  # noqa: PTH123 - a descriptor, not a path
                target.writelines(_credential_rows(simulator))
            draft.replace(file)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}.") from error


def _credential_rows(simulator: Simulator) -> Iterator[bytes]:
    import orjson

    for realm_id in simulator.fleet.realm_ids:
        held = simulator.credentials(realm_id)
        row = {
            "realm_id": held.realm_id,
            "refresh_token": held.refresh_token,
            "access_token": held.access_token,
            "client_id": held.client_id,
            "client_secret": held.client_secret,
        }
        yield orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)


def _rows(text: str) -> tuple[int, int]:
    least, colon, most = text.partition(":")
    if not (colon and least.isdecimal() and most.isdecimal() and 1 <= int(least) <= int(most)):
        raise UsageError(f"--rows {text}: give two whole numbers, the smaller first, such as 100:50000.")
    return int(least), int(most)


def _now() -> datetime:
    return datetime.now(UTC)
