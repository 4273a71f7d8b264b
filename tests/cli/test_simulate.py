"""`backfill simulate`: what scripts rely on."""

from __future__ import annotations

import base64
import itertools
import json
import shlex
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.processes import OPENER, PATIENCE_S, Backfill, ended

SMALL = ("--port", "0", "--realms", "2", "--rows", "1:1", "--latency-ms", "0", "--jitter-ms", "0")


@contextmanager
def serving(user: Backfill, *options: str, **popen: object) -> Iterator[tuple[subprocess.Popen[str], str]]:
    with user.started("simulate", *SMALL, *options, **popen) as process:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()


def refused(address: str | urllib.request.Request) -> int:
    with pytest.raises(urllib.error.HTTPError) as caught:
        OPENER.open(address, timeout=PATIENCE_S)
    with caught.value as error:
        return error.code


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
        assert refused(f"{url}/control/log") == 404
        assert refused(f"{url}/v3/company/{rows[0]['realm_id']}/companyinfo/1") == 401
        process.send_signal(number)
        stopped = ended(process)
    assert (stopped.code, stopped.stdout) == (0, "")
    assert f"export BACKFILL_QBO_BASE_URL={url}" in stopped.stderr
    assert f"export BACKFILL_OAUTH_TOKEN_URL={url}/oauth2/v1/tokens/bearer" in stopped.stderr
    assert [path.name for path in user.home.glob(".simulation-*")] == []


def said_to_do(process: subprocess.Popen[str]) -> list[str]:
    """The lines on stderr that are to be typed in."""
    assert process.stderr is not None
    lines = list(itertools.takewhile(lambda line: "Ctrl-C" not in line, iter(process.stderr.readline, "")))
    return [line.strip() for line in lines if line.startswith("    ")]


def test_what_it_says_to_do_can_be_done(user: Backfill) -> None:
    """The lines on stderr, typed in as they stand."""
    with serving(user, "--write-realms", "realms.jsonl") as (process, url):
        said = [line for line in said_to_do(process) if not line.startswith("curl")]
        assert len(said) == 7
        exports = dict(line.removeprefix("export BACKFILL_").split("=", 1) for line in said[:5])
        assert exports["QBO_BASE_URL"] == url
        assert exports["LIMITS_SCALE"] == "60", "else the client would keep to Intuit's minute"
        connected = user.having(**exports)
        for line in said[5:]:
            program, *arguments = line.split()
            assert program == "backfill"
            outcome = connected.run(*arguments)
            assert outcome.code == 0, outcome.stderr


def test_the_first_calls_that_it_says_can_be_made(user: Backfill) -> None:
    with serving(user) as (process, _):
        company, refresh = (shlex.split(line) for line in said_to_do(process) if line.startswith("curl"))
        assert company[:2] == ["curl", "-H"]
        headers = dict(header.split(": ", 1) for header in (company[2], company[4]))
        with OPENER.open(urllib.request.Request(company[5], headers=headers), timeout=PATIENCE_S) as answer:
            assert json.load(answer)["CompanyInfo"]["CompanyName"]
        assert refresh[:2] == ["curl", "-u"]
        basic = {"Authorization": "Basic " + base64.b64encode(refresh[2].encode()).decode()}
        form = "&".join(refresh[index + 1] for index, word in enumerate(refresh) if word == "-d").encode()
        asked = urllib.request.Request(refresh[-1], data=form, headers=basic)
        with OPENER.open(asked, timeout=PATIENCE_S) as answer:
            assert json.load(answer)["token_type"] == "bearer"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_report_says_what_was_asked(user: Backfill, number: signal.Signals) -> None:
    with serving(user, "--write-realms", "realms.jsonl", "--report", "report.json") as (process, url):
        row = json.loads((user.home / "realms.jsonl").read_text().splitlines()[0])
        address = f"{url}/v3/company/{row['realm_id']}/companyinfo/1"
        for _ in range(3):
            headers = {"Authorization": f"Bearer {row['access_token']}", "Accept": "application/json"}
            with OPENER.open(urllib.request.Request(address, headers=headers), timeout=PATIENCE_S) as answer:
                assert answer.status == 200
        assert refused(address) == 401
        process.send_signal(number)
        assert ended(process).code == 0
    report = json.loads((user.home / "report.json").read_text())
    summed = report["realms"][row["realm_id"]]
    ((_, seen),) = summed.pop("apps").items()
    assert report["all"] == summed
    assert seen["requests_per_minute"] == {"most": 3, "over": 0}, "the stranger used up nobody's limit"
    assert seen["in_flight"] == {"most": 1, "over": 0}
    assert (summed["requests"], summed["by_lane"], summed["by_status"]) == (4, {"query": 4}, {"200": 3, "401": 1})
    assert (summed["most_in_flight"], summed["throttled"]) == (1, 0)
    assert summed["most_in_minute"] == 4
    assert report["limits"]["requests_per_minute"] == 500


def test_what_is_told_to_go_wrong_goes_wrong_and_the_report_says_how_often(user: Backfill) -> None:
    lines = ("--inject", "api_fault code=150 operations=read times=2", "--inject", "lost_reply lanes=write")
    with serving(user, "--write-realms", "realms.jsonl", "--report", "report.json", *lines) as (process, url):
        row = json.loads((user.home / "realms.jsonl").read_text().splitlines()[0])
        address = f"{url}/v3/company/{row['realm_id']}/customer/1"
        headers = {"Authorization": f"Bearer {row['access_token']}", "Accept": "application/json"}
        assert [refused(urllib.request.Request(address, headers=headers)) for _ in range(2)] == [503, 503]
        process.send_signal(signal.SIGTERM)
        assert ended(process).code == 0
    report = json.loads((user.home / "report.json").read_text())
    assert report["all"]["injected"] == {"api_fault": 2}
    assert [(row["mishap"], row["matched"], row["struck"]) for row in report["injections"]] == [
        ("api_fault", 2, 2),
        ("lost_reply", 0, 0),
    ]
    outcome = user.run("simulate", *SMALL, "--inject", "lost_replay")
    assert (outcome.code, outcome.stdout) == (2, "")
    assert "there is no mishap 'lost_replay'; give lost_reply" in outcome.stderr


def test_what_can_go_wrong_and_which_codes_there_are_is_printed(user: Backfill) -> None:
    said = user.run("simulate", "--mishaps", "--codes")
    assert said.code == 0
    assert {"lost_reply", "    after_commit=true hold_s=0.0"} <= set(said.stdout.splitlines())
    assert "    realms apps methods paths lanes" in said.stdout
    assert "  5010  request  an old SyncToken" in said.stdout


def test_a_report_that_cannot_be_written_is_said_at_once(user: Backfill) -> None:
    outcome = user.run("simulate", *SMALL, "--report", "nowhere/report.json")
    assert (outcome.code, outcome.stdout) == (2, "")
    assert "nowhere/report.json cannot be written" in outcome.stderr


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


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--window", "tumbling"), "'sliding', 'fixed' or 'bucket'"),
        (("--second-window", "none"), "'sliding', 'fixed' or 'bucket'"),
        (("--window-offset-s", "60"), "window_offset_s is 0 to below 60"),
        (("--window-offset-s", "1", "--window-offset-seed", "1"), "exclude each other"),
    ],
)
def test_a_window_of_no_known_form_is_refused_and_the_forms_are_named(
    user: Backfill, options: tuple[str, ...], says: str
) -> None:
    refused = user.run("simulate", *SMALL, "--window", "bucket", "--no-second-refuses", *options)
    assert refused.code == 2
    assert says in refused.stderr


PROFILE = """
realms = 3
rows = "1:1"
latency_s = 0.0
jitter_s = 0.0
control = true
limits = { requests_per_minute = 2, in_flight = "off" }

[[apps]]
name = "Payroll"
client_id = "payroll"
client_secret = "its secret"
redirect_uris = ["https://payroll.example/callback"]
"""


def test_a_profile_sets_everything_and_options_go_before_it(user: Backfill) -> None:
    (user.home / "profile.toml").write_text(PROFILE)
    options = ("--port", "0", "--profile", "profile.toml", "--realms", "2", "--write-realms", "realms.jsonl")
    with user.started("simulate", *options) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        rows = [json.loads(line) for line in (user.home / "realms.jsonl").read_text().splitlines()]
        assert len(rows) == 2
        with OPENER.open(f"{url}/control/summary", timeout=PATIENCE_S) as answer:
            assert json.load(answer) == {}
        headers = {"Authorization": f"Bearer {rows[0]['access_token']}", "Accept": "application/json"}
        asked = urllib.request.Request(f"{url}/v3/company/{rows[0]['realm_id']}/preferences", headers=headers)
        for _ in range(2):
            with OPENER.open(asked, timeout=PATIENCE_S) as answer:
                assert answer.status == 200
        with pytest.raises(urllib.error.HTTPError) as caught:
            OPENER.open(asked, timeout=PATIENCE_S)
        with caught.value as error:
            assert error.code == 429
