"""`backfill simulate`: a QuickBooks Online on loopback, to rehearse against."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from backfill.cli import output
from backfill.cli.command import quieten
from backfill.cli.output import Exit
from backfill.errors import BackfillError, UsageError

if TYPE_CHECKING:
    from backfill.simulator.core import Simulator


def simulate(
    port: Annotated[
        int | None, typer.Option(min=0, max=65_535, show_default="8765", help="Port on 127.0.0.1; 0 takes a free one.")
    ] = None,
    realms: Annotated[
        int | None, typer.Option(min=1, max=100_000, show_default="20", help="How many companies.")
    ] = None,
    seed: Annotated[int | None, typer.Option(show_default="1", help="Same seed, same companies.")] = None,
    rows: Annotated[
        str | None,
        typer.Option(metavar="MIN:MAX", show_default="100:50000", help="Objects a company, drawn between these."),
    ] = None,
    latency_ms: Annotated[float | None, typer.Option(min=0, show_default="150", help="From request to answer.")] = None,
    jitter_ms: Annotated[
        float | None, typer.Option(min=0, show_default="50", help="Latency varies by this much either way.")
    ] = None,
    changes_per_minute: Annotated[
        float | None,
        typer.Option(min=0, show_default="0", help="Changes by other people in every company that is read."),
    ] = None,
    limits_scale: Annotated[
        float | None,
        typer.Option(envvar="BACKFILL_LIMITS_SCALE", min=1, show_default="1", help="Divides every limit's window."),
    ] = None,
    window: Annotated[
        str | None,
        typer.Option(
            metavar="FORM", show_default="sliding", help="How a minute's limit is counted: sliding, fixed, or bucket."
        ),
    ] = None,
    window_offset_s: Annotated[
        float | None,
        typer.Option(min=0, max=60, show_default="0", help="Fixed windows begin so long after the full minute."),
    ] = None,
    window_offset_seed: Annotated[
        int | None, typer.Option(help="Or: each company has an offset of its own, drawn with this seed.")
    ] = None,
    second_window: Annotated[
        str | None,
        typer.Option(
            metavar="FORM", show_default="sliding", help="How the limit of ten a second is counted: the same forms."
        ),
    ] = None,
    second_refuses: Annotated[
        bool | None,
        typer.Option(
            "--second-refuses/--no-second-refuses",
            show_default="second-refuses",
            help="Refuse what is over ten a second, or let it through.",
        ),
    ] = None,
    access_token_life_s: Annotated[
        float | None, typer.Option(min=1, show_default="3600", help="Life of an access token.")
    ] = None,
    redirect_uri: Annotated[
        list[str] | None,
        typer.Option(metavar="URI", help="Where the ready-made app's users may be sent back to, beside this machine."),
    ] = None,
    inject: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LINE", help='Let something go wrong: "lost_reply lanes=write probability=0.02". See --mishaps.'
        ),
    ] = None,
    webhooks: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Tell this address on this machine of every change, as Intuit's webhooks do."),
    ] = None,
    control: Annotated[
        bool, typer.Option("--control", help="Serve /control/...: state, log, injections at run time.")
    ] = False,
    mishaps: Annotated[bool, typer.Option("--mishaps", help="Say what can be made to go wrong, and stop.")] = False,
    codes: Annotated[
        bool, typer.Option("--codes", help="Say which of Intuit's fault codes come from what, and stop.")
    ] = False,
    until_stdin_closes: Annotated[
        bool, typer.Option("--until-stdin-closes", hidden=True, help="Stop when whoever started us is gone.")
    ] = False,
    profile: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Every setting, in TOML; options go before it.")
    ] = None,
    write_realms: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write credentials (JSONL, mode 0600) once it is serving.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="At the end, write what was asked and how fast (JSON).")
    ] = None,
) -> None:
    """Serve simulated companies, and all that Intuit serves around them, on this machine until stopped."""
    if mishaps or codes:
        from backfill.cli.simulation_words import code_lines, mishap_lines

        for line in [*(mishap_lines() if mishaps else ()), *(code_lines() if codes else ())]:
            output.text(line)
        return
    given = {
        "port": port,
        "realms": realms,
        "seed": seed,
        "rows": rows,
        "latency_s": None if latency_ms is None else latency_ms / 1000,
        "jitter_s": None if jitter_ms is None else jitter_ms / 1000,
        "changes_per_minute": changes_per_minute,
        "limits_scale": limits_scale,
        "window": window,
        "window_offset_s": window_offset_s,
        "window_offset_seed": window_offset_seed,
        "second_window": second_window,
        "second_refuses": second_refuses,
        "access_token_life_s": access_token_life_s,
        "redirect_uris": tuple(redirect_uri) if redirect_uri else None,
        "webhooks": None if webhooks is None else {"url": webhooks},
        "control": control or None,
    }

    import anyio  # not at the top: `--help` has no use for it

    async def work() -> Exit:
        from backfill.cli.simulation import simulation

        asked = simulation(profile, given, inject or ())
        await _serve(asked.simulator(), asked.world.port, write_realms, report, until_stdin_closes)
        return Exit.DONE

    quieten()
    try:
        code = anyio.run(work)
    except BackfillError as error:
        code = output.failed(error, as_json=False)
    except KeyboardInterrupt:  # before it served; afterwards Ctrl-C is the ordinary end
        code = Exit.STOPPED
    raise typer.Exit(code)


async def _serve(
    simulator: Simulator, port: int, write_realms: Path | None, report: Path | None, until_stdin_closes: bool
) -> None:
    from backfill.cli.simulation_files import write_credentials, write_report
    from backfill.simulator.server import serve

    refused: UsageError | None = None
    async with serve(simulator, port=port) as bound:
        try:
            if report is not None:
                write_report(simulator, report)  # that it cannot be written is better said now than at the end
            if write_realms is not None:
                write_credentials(simulator, write_realms)
        except UsageError as error:
            refused = error  # raised when the server has ended, whose task group would wrap it
        else:
            await _until_stopped(lambda: _announce(simulator, bound, write_realms), until_stdin_closes)
    if refused is not None:
        raise refused
    if report is not None:
        write_report(simulator, report)


def _announce(simulator: Simulator, port: int, write_realms: Path | None) -> None:
    from backfill.cli.simulation_words import welcome

    base = f"http://127.0.0.1:{port}"
    output.text(base)  # for scripts: the one line on stdout
    for line in welcome(simulator, base, write_realms):
        output.say(line)


async def _until_stopped(announce: Callable[[], None], until_stdin_closes: bool) -> None:
    """Announce once a signal would be heeded, and return at the first one, or when stdin closes if that is asked."""
    import anyio

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
