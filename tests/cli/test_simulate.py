"""`backfill simulate`: what scripts rely on."""

from __future__ import annotations

import itertools
import json
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.processes import Backfill, ended

SMALL = ("--port", "0", "--realms", "2", "--rows", "1:1", "--latency-ms", "0", "--jitter-ms", "0")


@contextmanager
def serving(user: Backfill, *options: str, **popen: object) -> Iterator[tuple[subprocess.Popen[str], str]]:
    with user.started("simulate", *SMALL, *options, **popen) as process:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_serves_and_stops_when_told(user: Backfill, number: signal.Signals) -> None:
    with serving(user, "--write-realms", "realms.jsonl") as (process, url):
        assert url.startswith("http://127.0.0.1:")
        file = user.home / "realms.jsonl"
        assert file.stat().st_mode & 0o777 == 0o600
        rows = [json.loads(line) for line in file.read_text().splitlines()]
        assert len(rows) == 2
        assert [list(row) for row in rows] == [
            ["realm_id", "refresh_token", "access_token", "client_id", "client_secret"]
        ] * 2
        imported = user.run("realms", "import", file)
        assert (imported.code, imported.stdout) == (0, "2 realms added, 0 updated.\n")
        # Without --control nobody can look behind it; and whom it does not know gets no answer.
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"{url}/control/log")
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(f"{url}/v3/company/{rows[0]['realm_id']}/companyinfo/1")
        process.send_signal(number)
        stopped = ended(process)
    assert (stopped.code, stopped.stdout) == (0, "")
    assert f"export BACKFILL_QBO_BASE_URL={url}" in stopped.stderr
    assert f"export BACKFILL_OAUTH_TOKEN_URL={url}/oauth2/v1/tokens/bearer" in stopped.stderr
    assert [path.name for path in user.home.glob(".realms-*")] == []


def test_what_it_says_to_do_can_be_done(user: Backfill) -> None:
    """The lines on stderr, typed in as they stand."""
    with serving(user, "--write-realms", "realms.jsonl") as (process, url):
        assert process.stderr is not None
        lines = list(itertools.takewhile(lambda line: "Ctrl-C" not in line, iter(process.stderr.readline, "")))
        said = [line.strip() for line in lines if line.startswith("    ")]
        assert len(said) == 4
        exports = dict(line.removeprefix("export BACKFILL_").split("=", 1) for line in said[:2])
        assert exports["QBO_BASE_URL"] == url
        connected = user.having(**exports)
        for line in said[2:]:
            program, *arguments = line.split()
            assert program == "backfill"
            outcome = connected.run(*arguments)
            assert outcome.code == 0, outcome.stderr


def test_same_seed_same_companies(user: Backfill) -> None:
    realms = []
    for seed in ("7", "7", "8"):
        with serving(user, "--seed", seed, "--write-realms", "realms.jsonl"):
            file = user.home / "realms.jsonl"
            realms.append([json.loads(line)["realm_id"] for line in file.read_text().splitlines()])
    assert realms[0] == realms[1] != realms[2]


def test_it_ends_with_whoever_started_it(user: Backfill) -> None:
    with serving(user, "--until-stdin-closes", stdin=subprocess.PIPE) as (process, url):
        assert url
        assert process.poll() is None
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
        assert ended(process).code == 0


def test_a_file_that_was_there_is_replaced_whole(user: Backfill, tmp_path: Path) -> None:
    file = tmp_path / "realms.jsonl"
    file.write_text("something else, that others may read")
    file.chmod(0o644)
    with serving(user, "--write-realms", str(file)):
        assert file.stat().st_mode & 0o777 == 0o600
        assert len(file.read_text().splitlines()) == 2
