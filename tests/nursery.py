"""Processes that need not load the program: they are forked from one that has loaded all of it.

Loading takes longer than most commands of the tests do. What is born here is a process like an executed one: with its
own folder, environment, streams and signals, and it can be killed. Only two things it cannot show: that a command loads
what it uses, and what stands among a process's arguments. Those that are `started` are executed, and show both.

Run as a program this is the nursery: it takes orders on a socket, and is over when whoever orders is.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import NoReturn

ORDER_BYTES = 65_536
"""Of arguments and environment, at most."""

STREAMS = 3
_ASKING = threading.Lock()
_NUMBER = struct.Struct("i")


class Born:
    """A process of the nursery's, as its parent would see it."""

    def __init__(self, told: int) -> None:
        self._told = os.fdopen(told, "rb", buffering=0)  # closed once it has said how the process ended
        self.pid = self._next()
        self.returncode: int | None = None

    def wait(self) -> int:
        """How it ended, waited for: its exit code, or minus the signal that killed it."""
        if self.returncode is None:
            with self._told:
                self.returncode = os.waitstatus_to_exitcode(self._next())
        return self.returncode

    def _next(self) -> int:
        said = self._told.read(_NUMBER.size)
        assert said, "the nursery has ended: why, it said on standard error"
        (number,) = _NUMBER.unpack(said)
        return int(number)

    def kill(self) -> None:
        if self.returncode is None:
            with suppress(ProcessLookupError):  # it has ended of itself
                os.kill(self.pid, signal.SIGKILL)


class Nursery:
    """The program that has everything loaded, as those see it who want a process of it."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            # -P: its own folder is no place to look for modules.
            command = [sys.executable, "-P", __file__, str(theirs.fileno())]
            self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()], env=environment)

    def bear(
        self, arguments: Sequence[str], *, environment: Mapping[str, str], cwd: Path, streams: Sequence[int | None]
    ) -> Born:
        """A process that is `backfill` with those arguments. `streams` are its standard ones; None is a closed one."""
        told, tells = os.pipe()
        order = [list(arguments), dict(environment), str(cwd), [stream is not None for stream in streams]]
        given = [stream for stream in streams if stream is not None]
        try:
            socket.send_fds(self._orders, [json.dumps(order).encode()], [tells, *given])
        finally:
            os.close(tells)
        return Born(told)

    def close(self) -> None:
        self._orders.close()
        self._process.wait()


def nursery() -> Nursery:
    """This process's own, whichever thread asks first. It ends with it, if nobody closes it before."""
    with _ASKING:  # a cache alone makes a second one while the first is being made, and nobody closes that
        return _own()


@cache
def _own() -> Nursery:
    inherited = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "TMPDIR")
    return Nursery({name: os.environ[name] for name in inherited if name in os.environ})


def serve(orders: socket.socket) -> None:
    """Load everything, and bear what is ordered."""
    import backfill  # noqa: PLC0415  # whoever orders only need not have it loaded

    for module in pkgutil.walk_packages(backfill.__path__, "backfill."):
        importlib.import_module(module.name)
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # at a terminal, Ctrl-C reaches this one as well
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how the keepers end
    while True:
        order, given, _flags, _address = socket.recv_fds(orders, ORDER_BYTES, STREAMS + 1)
        if not order:
            return
        if os.fork() == 0:
            orders.close()
            _keep(order, given)
        for descriptor in given:
            os.close(descriptor)


def _keep(order: bytes, given: list[int]) -> NoReturn:
    """Bear one process, and tell its pid and how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    tells, *streams = given
    pid = os.fork()
    if pid == 0:
        os.close(tells)
        _become(order, streams)
    for stream in streams:
        os.close(stream)
    os.write(tells, _NUMBER.pack(pid))
    os.write(tells, _NUMBER.pack(os.waitpid(pid, 0)[1]))
    os._exit(0)


def _become(order: bytes, streams: list[int]) -> NoReturn:
    """Be the command, to its end."""
    arguments, environment, cwd, are_open = json.loads(order)
    given = iter(streams)
    for number, is_open in enumerate(are_open):
        if is_open:
            os.dup2(next(given), number)
        else:
            os.close(number)
    for stream in streams:
        os.close(stream)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    sys.argv = ["backfill", *arguments]
    opened = [
        open(number, mode, closefd=False, encoding="utf-8") if is_open else None  # noqa: SIM115  # until its end
        for number, (mode, is_open) in enumerate(zip("rww", are_open, strict=True))
    ]
    sys.stdin, sys.stdout, sys.stderr = opened  # type: ignore[assignment]  # None is what Python puts there as well

    from backfill.__main__ import main  # noqa: PLC0415  # only here

    code = 1
    try:
        main()
        code = 0
    except SystemExit as ending:
        code = ending.code if isinstance(ending.code, int) else int(ending.code is not None)
    except BaseException:  # noqa: BLE001  # as Python tells of what nobody caught
        sys.excepthook(*sys.exc_info())
    finally:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                with suppress(BrokenPipeError):
                    stream.flush()
        os._exit(code)


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as ordered:
        serve(ordered)
