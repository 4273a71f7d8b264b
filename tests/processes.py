"""The real commands in processes of their own, as a user types them, and a simulated Intuit for them to talk to."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from tests.nursery import Born, nursery

PATIENCE_S = 180.0
"""A command of these tests takes seconds, on a slow machine with other work many times as long. Only failures wait."""
LOOK_S = 0.02
"""Between two looks at something that is waited for: the machine has better things to do than to look."""

COMMAND = (sys.executable, "-m", "backfill")

_INHERITED = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "TMPDIR")
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""For loopback, where a proxy of the environment has no business."""


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str

    def json(self) -> Any:
        """The one JSON object that `--json` leaves on stdout."""
        return json.loads(self.stdout)


@dataclass(frozen=True)
class Backfill:
    """The `backfill` command in one user's environment: a home, a working directory and variables of its own."""

    home: Path
    variables: Mapping[str, str] = field(default_factory=dict)
    executes: bool = False
    """Whether `run` has the program loaded for each command, as a user has. Ten times as dear: see `tests.nursery`."""

    @property
    def executing(self) -> Backfill:
        return replace(self, executes=True)

    def having(self, **variables: str | None) -> Backfill:
        """The same user with other variables: `BACKFILL_` is put in front of each name; None takes one away."""
        named = {f"BACKFILL_{name}": value for name, value in variables.items()}
        merged = {**self.variables, **named}
        return replace(self, variables={name: value for name, value in merged.items() if value is not None})

    @property
    def environment(self) -> dict[str, str]:
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        home = str(self.home)
        return {
            **inherited,
            "HOME": home,
            "XDG_CONFIG_HOME": f"{home}/.config",
            "XDG_DATA_HOME": f"{home}/.local/share",
            "BACKFILL_DATA_DIR": f"{home}/data",
            # Whom the system trusts is read when aiohttp is loaded, for a quarter of that time. All is on loopback.
            "SSL_CERT_FILE": os.devnull,
            **self.variables,
        }

    def run(self, *arguments: str | Path, stdin: bytes | None = b"", timeout_s: float = PATIENCE_S) -> Outcome:
        """Run a command to its end. `stdin=None` closes it before the command starts."""
        if self.executes:
            assert stdin is not None
            return self._executed(list(map(str, arguments)), stdin, timeout_s)
        with TemporaryFile() as given, TemporaryFile() as stdout, TemporaryFile() as stderr:
            given.write(stdin or b"")
            given.seek(0)
            process = nursery().bear(
                list(map(str, arguments)),
                environment=self.environment,
                cwd=self.home,
                streams=[None if stdin is None else given.fileno(), stdout.fileno(), stderr.fileno()],
            )
            with _bounded(process, timeout_s):
                code = process.wait()
            stdout.seek(0)
            stderr.seek(0)
            return Outcome(code, stdout.read().decode(), stderr.read().decode())

    def _executed(self, arguments: Sequence[str], stdin: bytes, timeout_s: float) -> Outcome:
        """Until nobody holds its pipes any more: nothing that it leaves behind may."""
        done = subprocess.run(
            [*COMMAND, *arguments],
            input=stdin,
            capture_output=True,
            timeout=timeout_s,
            check=False,
            env=self.environment,
            cwd=self.home,
        )
        return Outcome(done.returncode, done.stdout.decode(), done.stderr.decode())

    @contextmanager
    def started(
        self, *arguments: str | Path, timeout_s: float = PATIENCE_S, **popen: Any
    ) -> Iterator[subprocess.Popen[str]]:
        """A command while it runs; killed, if it still does, when the block ends or the time is over."""
        options: dict[str, Any] = {
            "stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE,
            "env": self.environment, "cwd": self.home,
        }  # fmt: skip
        with running([*COMMAND, *map(str, arguments)], timeout_s=timeout_s, **(options | popen)) as process:
            yield process


@contextmanager
def running(
    command: Sequence[str], *, timeout_s: float | None = PATIENCE_S, **popen: Any
) -> Iterator[subprocess.Popen[str]]:
    """Any program while it runs. However the block ends, the process is killed and reaped and its pipes are closed.

    It is killed, too, when the time is over; None sets it no time.
    """
    process = subprocess.Popen(command, text=True, **({"preexec_fn": _interruptible} | popen))
    try:
        with nullcontext() if timeout_s is None else _bounded(process, timeout_s):
            yield process
    finally:
        process.kill()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                with suppress(BrokenPipeError):  # what was written and not read any more
                    stream.close()
        process.wait()


@contextmanager
def _bounded(process: subprocess.Popen[str] | Born, timeout_s: float) -> Iterator[None]:
    """Kill the process if the block takes too long, so that nobody waits for its words for ever."""
    watchdog = threading.Timer(timeout_s, process.kill)
    watchdog.start()
    try:
        yield
    finally:
        watchdog.cancel()


def is_gone(pid: int) -> bool:
    """Whether a process has ended: nothing of it is left, or only what its parent has not looked at yet.

    A signal takes effect some time after `os.kill` returns, and a process has ended when its last thread has.
    """
    try:
        threads = [thread.name for thread in Path(f"/proc/{pid}/task").iterdir()]
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state in "ZX" and threads == [str(pid)]


def kill_and_wait(pid: int) -> None:
    """Kill a process that need not be our child, and return when it is gone."""
    os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: is_gone(pid)), f"process {pid} outlives its kill"


def processes_naming(text: Path | str) -> dict[int, str]:
    """The processes of this machine with that text among their arguments: pid to arguments."""
    found: dict[int, str] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it has ended
        if str(text) in arguments:
            found[int(folder.name)] = arguments
    return found


def eventually(condition: Callable[[], bool], timeout_s: float = PATIENCE_S) -> bool:
    """Wait until the condition holds, looking now and then. False if it does not in time."""
    until = time.monotonic() + timeout_s  # noqa: TID251  # the tests' own patience, outside any event loop
    while not condition():
        if time.monotonic() > until:  # noqa: TID251  # as above
            return False
        time.sleep(LOOK_S)  # noqa: TID251  # as above
    return True


def free_port() -> int:
    """One that nobody listens on yet, for a command that has to be told it before it begins."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def ended(process: subprocess.Popen[str], timeout_s: float = PATIENCE_S) -> Outcome:
    """How a started command ends, waited for."""
    stdout, stderr = process.communicate(timeout=timeout_s)
    return Outcome(process.returncode, stdout, stderr)


@dataclass(frozen=True)
class Intuit:
    """A simulator that serves, and the look behind it that a test has."""

    url: str
    realms_file: Path
    realm_ids: Sequence[str]
    secrets: Sequence[str]
    """Every token and client secret that it gave out."""
    process: Born

    @property
    def variables(self) -> dict[str, str]:
        """What leads the commands here."""
        return {
            "QBO_BASE_URL": self.url,
            "OAUTH_TOKEN_URL": f"{self.url}/oauth2/v1/tokens/bearer",
            "OAUTH_CONSENT_URL": f"{self.url}/connect/oauth2",
            "OAUTH_REVOKE_URL": f"{self.url}/v2/oauth2/tokens/revoke",
        }

    def state(self, realm_id: str, at: str) -> bytes:
        """JSON of entity to Id to object, as all stood at the instant `at` (ISO 8601)."""
        return self._asked("state", realm=realm_id, at=at)

    def ledger(self, realm_id: str) -> list[dict[str, Any]]:
        """The company's postings in order: day, transaction, account, cents in debit."""
        return json.loads(self._asked("ledger", realm=realm_id))

    def log(self, realm_id: str) -> list[dict[str, Any]]:
        """What it was asked, in order."""
        log = json.loads(self._asked("log", realm=realm_id))
        assert log["dropped"] == 0, "the log is whole"
        return log["entries"]

    def summary(self) -> dict[str, dict[str, Any]]:
        """Realm to what its requests add up to."""
        return json.loads(self._asked("summary"))

    def requests(self) -> int:
        return sum(summed["requests"] for summed in self.summary().values())

    def act(self, realm_id: str, count: int) -> int:
        """Other people make that many changes at once. Returns how many there were since the beginning."""
        return json.loads(self._asked("act", b"", realm=realm_id, count=str(count)))["changes"]

    def revoke(self, realm_id: str) -> None:
        """The company's owner disconnects the app."""
        self._asked("revoke", b"", realm=realm_id)

    def _asked(self, what: str, body: bytes | None = None, **query: str) -> bytes:
        address = f"{self.url}/control/{what}?{urllib.parse.urlencode(query)}"
        with OPENER.open(address, data=body, timeout=PATIENCE_S) as answer:
            return answer.read()


@contextmanager
def simulated(folder: Path, **options: float | str) -> Iterator[Intuit]:
    """Serve simulated companies for the block. `options` are those of `backfill simulate`: `realms=3, rows="9:99"`."""
    realms_file = folder / "realms.jsonl"
    given = {"port": 0, "latency_ms": 0, "jitter_ms": 0, "limits_scale": 60, **options}
    arguments = [f"--{name.replace('_', '-')}={value}" for name, value in given.items()]
    # It ends with its stdin, so it does not outlive these tests however they end.
    command = ["simulate", "--control", "--until-stdin-closes", f"--write-realms={realms_file}", *arguments]
    stdin, held = os.pipe()
    said, stdout = os.pipe()
    with os.fdopen(held, "wb"), os.fdopen(said, encoding="utf-8") as told, (folder / "simulator.log").open("w") as log:
        try:
            streams = [stdin, stdout, log.fileno()]
            process = nursery().bear(command, environment=Backfill(folder).environment, cwd=folder, streams=streams)
        finally:
            os.close(stdin)
            os.close(stdout)
        try:
            with _bounded(process, PATIENCE_S):
                url = told.readline().strip()
            assert url, f"the simulator did not start:\n{(folder / 'simulator.log').read_text()}"
            yield _intuit(url, realms_file, process)
        finally:
            process.kill()
            process.wait()


def _intuit(url: str, realms_file: Path, process: Born) -> Intuit:
    rows = [json.loads(line) for line in realms_file.read_text().splitlines()]
    secrets = {row[key] for row in rows for key in ("refresh_token", "access_token", "client_secret")}
    return Intuit(url, realms_file, [row["realm_id"] for row in rows], sorted(secrets), process)


def _interruptible() -> None:
    """Where the tests run in the background of a shell, or under nohup, they and their children would ignore these."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
