"""A simulator in a process of its own, as Intuit is on a machine of its own."""

from __future__ import annotations

import base64
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import anyio

from backfill.errors import UnavailableError

START_S = 60.0
"""How long the simulator may take to serve: a second, more on a busy machine."""


@asynccontextmanager
async def simulator(credentials: Path, options: Mapping[str, object]) -> AsyncIterator[tuple[str, int]]:
    """Serve on a free port, with `options` of `backfill simulate`, and write what `realms import` reads.

    Yields its address and its process id. Raises `UnavailableError` if it does not start.
    """
    command = [sys.executable, "-m", "backfill", "simulate"]
    given = {"port": 0, **options, "write-realms": credentials}
    command += [word for name, value in given.items() for word in (f"--{name}", str(value))]
    command += ["--until-stdin-closes"]  # so that it ends with us, even if we are killed
    # A session of its own: Ctrl-C is for us, and we stop it when we are done.
    process = await anyio.open_process(
        command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        assert process.stdout is not None, "its stdout is a pipe"
        first = b""
        with anyio.move_on_after(START_S):
            while not first.endswith(b"\n"):
                first += await process.stdout.receive()
        if not first.endswith(b"\n"):
            raise UnavailableError(f"The simulator did not start within {START_S:.0f} s.")
        yield first.decode().strip(), process.pid
    except anyio.EndOfStream:
        raise UnavailableError("The simulator ended at once.", action="See why: backfill simulate") from None
    finally:
        with suppress(ProcessLookupError):  # it has ended by itself
            process.terminate()
        with anyio.CancelScope(shield=True):
            await process.wait()


def fresh_key() -> str:
    """To encrypt tokens that open nothing but a simulator, and that live no longer."""
    return base64.b64encode(secrets.token_bytes(32)).decode()
