"""`backfill auth login`: a person connects a company in a browser, and it can be read."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import OPENER, PATIENCE_S, Backfill, Intuit, ended, free_port, simulated


@pytest.fixture
def intuit(tmp_path: Path) -> Iterator[Intuit]:
    with simulated(tmp_path, realms=2, rows="100:120") as served:
        yield served


@pytest.fixture
def developer(user: Backfill, intuit: Intuit) -> Backfill:
    """Somebody who has an app, and no tokens."""
    row = json.loads(intuit.realms_file.read_text().splitlines()[0])
    return user.having(
        **intuit.variables, CLIENT_ID=row["client_id"], CLIENT_SECRET=row["client_secret"], LIMITS_SCALE="60"
    )


def shown(process: subprocess.Popen[str]) -> str:
    """The address that the person is asked to open."""
    assert process.stderr is not None
    for line in process.stderr:
        if line.strip().startswith("http"):
            return line.strip()
    raise AssertionError("no address was shown")


class Stays(urllib.request.HTTPRedirectHandler):
    """A browser that does not follow, so that a test sees where it would go."""

    def redirect_request(self, *_: object) -> None:
        return None


def sent_back_to(page: str, **form: str) -> str:
    """What the person answers on the consent's page, and the address that their browser is sent to."""
    asked = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(page).query))
    body = urllib.parse.urlencode(asked | form).encode()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), Stays)
    with pytest.raises(urllib.error.HTTPError) as redirect:
        opener.open(page.partition("?")[0], data=body, timeout=PATIENCE_S)
    with redirect.value as answer:
        assert answer.code == 302
        return str(answer.headers["location"])


def opened(address: str) -> tuple[int, str]:
    try:
        with OPENER.open(address, timeout=PATIENCE_S) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_a_company_is_connected_in_a_browser_and_read(developer: Backfill, intuit: Intuit) -> None:
    callback = f"http://localhost:{free_port()}/callback"
    with developer.started("auth", "login", "--redirect-uri", callback, "--json") as process:
        page = shown(process)
        assert page.startswith(f"{intuit.url}/connect/oauth2?")
        back = sent_back_to(page, decision="connect", realmId=intuit.realm_ids[1])
        # Another tab's answer, or an attacker's, ends nothing.
        code, words = opened(back.replace("state=", "state=not"))
        assert (code, "answers another question" in words) == (400, True)
        code, words = opened(back)
        assert (code, f"Company {intuit.realm_ids[1]} said yes." in words) == (200, True)
        outcome = ended(process)
    assert (outcome.code, outcome.json()) == (0, {"realm_id": intuit.realm_ids[1], "new": True})
    secret = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(back).query))["code"]
    assert secret not in outcome.stdout + outcome.stderr
    read = developer.run("extract", "--json").json()
    assert (read["realms"]["total"], read["realms"]["proven"]) == (1, 1)


def test_the_address_can_be_pasted_where_the_browser_is_elsewhere(developer: Backfill, intuit: Intuit) -> None:
    for arguments, again in (
        (["--paste"], False),
        (["--redirect-uri", "https://example.com/back"], None),
        (["--paste"], True),
    ):
        with developer.started("auth", "login", *arguments, stdin=subprocess.PIPE) as process:
            page = shown(process)
            if again is None:  # the address that production keys take is another's, which this app has not registered
                assert "redirect_uri=https%3A%2F%2Fexample.com%2Fback" in page
                continue
            back = sent_back_to(page, decision="connect", realmId=intuit.realm_ids[0])
            outcome_out, said = process.communicate(back + "\n", timeout=PATIENCE_S)
            words = "is connected again, and keeps its data." if again else "is connected."
            assert (process.returncode, words in outcome_out) == (0, True), said
            assert f"backfill extract --realm {intuit.realm_ids[0]}" in outcome_out


def test_a_slip_of_the_clipboard_costs_no_other_consent(developer: Backfill, intuit: Intuit) -> None:
    with developer.started("auth", "login", "--paste", stdin=subprocess.PIPE) as process:
        back = sent_back_to(shown(process), decision="connect", realmId=intuit.realm_ids[0])
        _, said = process.communicate(f"what?\n{back.replace('state=', 'state=x')}\n{back}", timeout=PATIENCE_S)
    assert process.returncode == 0
    assert "That is not the address that the browser was sent back to." in said
    assert "That answers another question than the one asked here." in said
    nothing = developer.run("auth", "login", "--paste", stdin=b"")
    assert (nothing.code, "No address was pasted." in nothing.stderr) == (2, True)


@pytest.mark.parametrize("arguments", [[], ["--paste"]])
def test_ctrl_c_ends_the_waiting(developer: Backfill, arguments: list[str]) -> None:
    callback = f"http://127.0.0.1:{free_port()}/callback"
    with developer.started("auth", "login", "--redirect-uri", callback, *arguments, stdin=subprocess.PIPE) as process:
        assert shown(process)
        process.send_signal(signal.SIGINT)
        assert ended(process).code == 3


def test_nobody_agrees(developer: Backfill) -> None:
    callback = f"http://127.0.0.1:{free_port()}/callback"
    with developer.started("auth", "login", "--redirect-uri", callback) as process:
        assert opened(sent_back_to(shown(process), decision="cancel"))[0] == 400
        outcome = ended(process)
    assert outcome.code == 3
    assert "No consent was given (access_denied): nothing was connected." in outcome.stderr
    assert "No realms are registered" in developer.run("realms", "list").stdout


def test_a_code_that_is_none(developer: Backfill, intuit: Intuit) -> None:
    with developer.started("auth", "login", "--paste", stdin=subprocess.PIPE) as process:
        back = sent_back_to(shown(process), decision="connect", realmId=intuit.realm_ids[0])
        code = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(back).query))["code"]
        _, said = process.communicate(back.replace(code, "used") + "\n", timeout=PATIENCE_S)
    assert process.returncode == 3
    assert "the consent's code is used up, too old, or of another redirect address" in said
    assert "Give the command again" in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--redirect-uri", "localhost:80"], "that is no address to come back to"),
        (["--redirect-uri", "http://localhost:99999/"], "that is no address to come back to"),
    ],
)
def test_what_cannot_work_is_said_before_anybody_is_asked(
    developer: Backfill, arguments: list[str], words: str
) -> None:
    refused = developer.run("auth", "login", *arguments)
    assert (refused.code, words in refused.stderr) == (2, True), refused.stderr
    assert "Open this in a browser" not in refused.stderr


def test_without_an_app_or_where_the_consent_would_be_anothers(user: Backfill, intuit: Intuit) -> None:
    nobody = user.having(**intuit.variables).run("auth", "login")
    assert (nobody.code, "There is no app to connect a company to." in nobody.stderr) == (2, True)
    app = {"CLIENT_ID": "id", "CLIENT_SECRET": "secret"}
    elsewhere = user.having(OAUTH_TOKEN_URL=intuit.url, **app).run("auth", "login")
    assert (elsewhere.code, "Intuit's consent is worth nothing there" in elsewhere.stderr) == (2, True)


def test_a_port_that_is_taken(developer: Backfill) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"http://localhost:{taken.getsockname()[1]}/callback"
        refused = developer.run("auth", "login", "--redirect-uri", address)
    assert refused.code == 3
    assert "cannot listen on 127.0.0.1:" in refused.stderr
    assert "--paste" in refused.stderr
