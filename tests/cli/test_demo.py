"""`backfill demo`: to the end with nothing set up, and what it says to try works."""

from __future__ import annotations

import re
import signal
import subprocess
from pathlib import Path

from tests.cli.test_embedded_commands import left_behind
from tests.processes import PATIENCE_S, Backfill, ended, eventually, processes_naming


def test_the_demo_and_what_it_says_to_try(embedded_user: Backfill) -> None:
    user = embedded_user.having(LIMITS_SCALE=None)
    done = user.run("demo", "--realms", "1")
    assert done.code == 0, done.stderr
    assert "1 of 1 realms proven complete" in done.stdout
    assert "What was proven: for each of 1 companies and every entity" in done.stdout
    export, _, commands = done.stdout.partition("export BACKFILL_DATA_DIR=")[2].partition("\n")
    tried = re.findall(r'^  (\S+ -m backfill sql "[^"]+")$', commands, re.MULTILINE)
    assert len(tried) == 3
    for command in [*tried, *re.findall(r"^  (\S+ -m backfill status)$", commands, re.MULTILINE)]:
        environment = {**user.environment, "BACKFILL_DATA_DIR": export}
        shown = subprocess.run(
            ["/bin/sh", "-c", command],
            env=environment,
            cwd=user.home,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
        )
        assert (shown.returncode, shown.stderr) == (0, ""), command
        assert len(shown.stdout.splitlines()) > 3, command
    # Nothing of it is left running, and none of its files with tokens stays.
    assert left_behind(user) == {}
    assert [path.name for path in user.home.rglob("*.jsonl")] == []


def test_one_demo_at_a_time_and_a_killed_one_leaves_nothing_running(embedded_user: Backfill) -> None:
    user = embedded_user.having(LIMITS_SCALE=None, TMPDIR=None)
    with user.started("demo", "--realms", "1") as demo:
        assert demo.stderr is not None
        while "Starting an embedded Postgres" not in demo.stderr.readline():
            assert demo.poll() is None, ended(demo)
        demo.send_signal(signal.SIGSTOP)  # so that it does not come to its end before the second has come
        second = user.run("demo", "--realms", "1")
        assert (second.code, "Another demo is running." in second.stderr) == (2, True)
        simulators = [pid for pid, line in processes_naming("--until-stdin-closes").items() if _parent(pid) == demo.pid]
        assert len(simulators) == 1
        demo.kill()
    assert left_behind(user) == {}
    assert eventually(lambda: not processes_naming("--until-stdin-closes").keys() & set(simulators))


def _parent(pid: int) -> int | None:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return None  # another's simulator, that has ended
