"""What is served outside the API: consent, tokens, keys, files, and what is not there."""

from __future__ import annotations

import base64
import html
import json
import re
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from backfill.simulator.call import Call
from backfill.simulator.core import Simulator
from backfill.simulator.fleet import Fleet
from backfill.simulator.oauth import connections, consent
from backfill.simulator.oauth.scopes import ACCOUNTING
from backfill.simulator.settings import App, ServerLimits, SimulatorSettings

ORIGIN = "http://127.0.0.1:4711"
PAYROLL = App(
    name="<b>Pay & roll</b>",
    client_id="payroll",
    client_secret="very secret",
    redirect_uris=("https://payroll.example/callback?from=qbo",),
)
NOW = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)


@pytest.fixture
def simulator() -> Simulator:
    fleet = Fleet(realms=3, seed=5, now=lambda: NOW, rows_min=120, rows_max=130)
    limits = ServerLimits(requests_per_second=None)
    return Simulator(SimulatorSettings(apps=(PAYROLL,), limits=limits), fleet, now=lambda: NOW, seed=5)


async def visit(simulator: Simulator, method: str, address: str, body: bytes = b"", **headers: str):
    parts = urlsplit(address)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await simulator.visit(Call("", method, parts.path, dict(parse_qsl(parts.query)), named, body, origin=ORIGIN))


def asked(**changes: str) -> str:
    """The address an app sends its user to."""
    params = {
        "client_id": PAYROLL.client_id, "response_type": "code", "scope": "com.intuit.quickbooks.accounting openid",
        "redirect_uri": PAYROLL.redirect_uris[0], "state": 'a&b="c"<d>',
    }  # fmt: skip
    return f"{consent.PATH}?{urlencode(params | changes)}"


def filled_in(page: str) -> dict[str, str]:
    hidden = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page)
    return {name: html.unescape(value) for name, value in hidden}


def sent_back(answer) -> dict[str, str]:
    assert (answer.status, answer.body) == (302, b"")
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query))


async def test_the_page_shows_the_companies_and_escapes_what_others_wrote(simulator: Simulator) -> None:
    answer = await visit(simulator, "GET", asked())
    page = answer.body.decode()
    assert (answer.status, answer.content_type) == (200, "text/html")
    assert PAYROLL.name not in page
    assert html.escape(PAYROLL.name) in page
    assert "<d>" not in page
    for realm_id in simulator.fleet.realm_ids:
        assert f'name="realmId" value="{realm_id}"' in page
        assert html.escape(simulator.fleet.profile(realm_id).name) in page
    assert page.count("checked") == 1
    assert ">Connect<" in page
    assert ">Cancel<" in page
    assert PAYROLL.client_secret not in page


async def test_connecting_sends_back_code_state_and_company_and_the_code_is_good(simulator: Simulator) -> None:
    realm_id = simulator.fleet.realm_ids[1]
    form = filled_in((await visit(simulator, "GET", asked())).body.decode())
    answer = await visit(
        simulator, "POST", consent.PATH, urlencode(form | {"decision": "connect", "realmId": realm_id}).encode()
    )
    assert answer.headers["location"].startswith("https://payroll.example/callback?from=qbo&code=")
    back = sent_back(answer)
    assert (back["state"], back["realmId"]) == ('a&b="c"<d>', realm_id)
    basic = base64.b64encode(f"{PAYROLL.client_id}:{PAYROLL.client_secret}".encode()).decode()
    exchange = {"grant_type": "authorization_code", "code": back["code"], "redirect_uri": PAYROLL.redirect_uris[0]}
    tokens = await visit(
        simulator, "POST", "/oauth2/v1/tokens/bearer", urlencode(exchange).encode(), authorization=f"Basic {basic}"
    )
    held = json.loads(tokens.body)
    assert {"access_token", "refresh_token", "id_token"} <= held.keys()
    bearer = {"authorization": f"Bearer {held['access_token']}", "accept": "application/json"}
    read = await simulator.exchange(Call(realm_id, "GET", "/preferences", {}, bearer))
    assert read.status == 200
    assert (
        await simulator.exchange(Call(simulator.fleet.realm_ids[0], "GET", "/preferences", {}, bearer))
    ).status == 403
    logged = repr(simulator.log.entries())
    for secret in (held["access_token"], held["refresh_token"], held["id_token"], back["code"], PAYROLL.client_secret):
        assert secret not in logged
    token = json.dumps({"token": held["refresh_token"]}).encode()
    revoked = await visit(
        simulator, "POST", "/v2/oauth2/tokens/revoke", token, authorization=f"Basic {basic}",
        content_type="application/json",
    )  # fmt: skip
    assert (revoked.status, revoked.body) == (200, b"")
    assert (await simulator.exchange(Call(realm_id, "GET", "/preferences", {}, bearer))).status == 401


async def test_cancelling_sends_back_access_denied(simulator: Simulator) -> None:
    form = filled_in((await visit(simulator, "GET", asked())).body.decode())
    for decision in ({"decision": "cancel"}, {}):
        answer = await visit(simulator, "POST", consent.PATH, urlencode(form | decision).encode())
        assert sent_back(answer) == {"from": "qbo", "error": "access_denied", "state": 'a&b="c"<d>'}


@pytest.mark.parametrize("realm_id", ["", "1", "x"])
async def test_a_company_that_is_not_the_users_is_asked_for_again(simulator: Simulator, realm_id: str) -> None:
    form = filled_in((await visit(simulator, "GET", asked())).body.decode())
    answer = await visit(
        simulator, "POST", consent.PATH, urlencode(form | {"decision": "connect", "realmId": realm_id}).encode()
    )
    assert answer.status == 200
    assert "Choose one of your companies" in answer.body.decode()


async def test_only_who_they_are_needs_no_company(simulator: Simulator) -> None:
    page = (await visit(simulator, "GET", asked(scope="openid profile"))).body.decode()
    assert "realmId" not in page
    answer = await visit(simulator, "POST", consent.PATH, urlencode(filled_in(page) | {"decision": "connect"}).encode())
    assert sent_back(answer).keys() == {"from", "code", "state"}


async def test_of_many_companies_some_are_listed_and_any_can_be_typed_in(simulator: Simulator, monkeypatch) -> None:
    monkeypatch.setattr(consent, "LISTED_MOST", 1)
    page = (await visit(simulator, "GET", asked())).body.decode()
    first, *others = simulator.fleet.realm_ids
    assert first in page
    assert not any(realm_id in page for realm_id in others)
    form = filled_in(page) | {"decision": "connect", "realmId": first, "typed": f" {others[1]} "}
    answer = await visit(simulator, "POST", consent.PATH, urlencode(form).encode())
    assert sent_back(answer)["realmId"] == others[1]


@pytest.mark.parametrize("decide", [False, True])
@pytest.mark.parametrize(
    "wrong",
    [
        {"client_id": "nobody"},
        {"redirect_uri": "https://payroll.example/callback"},
        {"redirect_uri": "https://elsewhere.example"},
        {"redirect_uri": "http://localhost/callback"},
        {"redirect_uri": ""},
    ],
)
async def test_an_address_that_is_not_the_apps_is_never_gone_to(simulator: Simulator, wrong, decide: bool) -> None:
    address = asked(**wrong)
    if decide:
        body = f"{urlsplit(address).query}&decision=connect&realmId={simulator.fleet.realm_ids[0]}".encode()
        answer = await visit(simulator, "POST", consent.PATH, body)
    else:
        answer = await visit(simulator, "GET", address)
    assert (answer.status, answer.content_type) == (400, "text/html")
    assert "location" not in answer.headers


@pytest.mark.parametrize("address", ["http://localhost:5000/x", "http://127.0.0.1/x?y=1", "https://[::1]:1/x"])
async def test_the_ready_made_app_may_return_to_this_machine(simulator: Simulator, address: str) -> None:
    ours = simulator.oauth.apps.ready_made.client_id
    assert (await visit(simulator, "GET", asked(client_id=ours, redirect_uri=address))).status == 200
    others = ("http://localhost.example/x", "ftp://localhost/x", "http://[", "javascript://localhost/%0aalert(1)")
    for other in (*others, "http://localhost/x\r\nSet-Cookie: a=b", "http://local\nhost/x"):
        assert (await visit(simulator, "GET", asked(client_id=ours, redirect_uri=other))).status == 400


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"scope": ""}, "invalid_scope"),
        ({"scope": "com.intuit.quickbooks.accounting everything"}, "invalid_scope"),
        ({"response_type": "token"}, "unsupported_response_type"),
    ],
)
async def test_a_wrong_request_is_told_to_the_app(simulator: Simulator, wrong: dict[str, str], error: str) -> None:
    answer = await visit(simulator, "GET", asked(**wrong))
    assert sent_back(answer) == {"from": "qbo", "error": error, "state": 'a&b="c"<d>'}


async def test_an_owner_disconnects_one_app_and_no_other(simulator: Simulator) -> None:
    first, second, _ = simulator.fleet.realm_ids
    oauth = simulator.oauth
    ours = oauth.apps.ready_made
    theirs = oauth.grants.consented(first, PAYROLL.client_id, ("com.intuit.quickbooks.accounting",), at=NOW.timestamp())
    page = (await visit(simulator, "GET", f"{connections.PATH}?realmId={first}")).body.decode()
    assert (page.count("Disconnect<"), second in page) == (2, False)
    assert html.escape(PAYROLL.name) in page
    form = urlencode({"realmId": first, "client_id": ours.client_id}).encode()
    answer = await visit(simulator, "POST", connections.PATH, form)
    assert (answer.status, answer.headers["location"]) == (303, connections.PATH)
    assert oauth.grants.connected(first) == [PAYROLL.client_id]
    assert oauth.grants.connected(second) == [ours.client_id]
    assert not theirs.ended
    page = (await visit(simulator, "GET", connections.PATH)).body.decode()
    assert page.count("Disconnect<") == 3
    await visit(simulator, "POST", connections.PATH, urlencode({"realmId": "1"}).encode())
    assert all(realm_id in simulator.fleet.realm_ids for realm_id, _ in oauth.grants._grants), "none is made up"
    await visit(simulator, "POST", connections.PATH, urlencode({"realmId": second}).encode())
    assert "No app is connected" in (await visit(simulator, "GET", connections.PATH)).body.decode()


@pytest.mark.parametrize("name", ["openid_configuration", "openid_sandbox_configuration"])
async def test_everything_in_the_discovery_documents_is_there(simulator: Simulator, name: str) -> None:
    for slash in ("", "/"):
        answer = await visit(simulator, "GET", f"/.well-known/{name}{slash}")
        document = json.loads(answer.body)
    assert document["issuer"] == "https://oauth.platform.intuit.com/op/v1", "a name, and no address"
    methods = {
        "authorization_endpoint": "GET", "token_endpoint": "POST", "revocation_endpoint": "POST",
        "userinfo_endpoint": "GET", "jwks_uri": "GET",
    }  # fmt: skip
    statuses = {}
    for key, method in methods.items():
        assert document[key].startswith(f"{ORIGIN}/")
        statuses[key] = (await visit(simulator, method, document[key].removeprefix(ORIGIN))).status
    assert statuses == {
        "authorization_endpoint": 400, "token_endpoint": 401, "revocation_endpoint": 401, "userinfo_endpoint": 401,
        "jwks_uri": 200,
    }  # fmt: skip
    assert {"code", "public", "RS256"} == {
        document[key][0]
        for key in ("response_types_supported", "subject_types_supported", "id_token_signing_alg_values_supported")
    }
    assert document.keys() >= {"scopes_supported", "token_endpoint_auth_methods_supported", "claims_supported"}


async def test_what_the_user_tells_of_themselves_is_what_was_granted(simulator: Simulator) -> None:
    oauth = simulator.oauth
    app = oauth.apps.ready_made
    code = oauth.code(app, "", ("openid", "email"), redirect_uri="http://localhost/x")
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": "http://localhost/x"}
    basic = base64.b64encode(f"{app.client_id}:{app.client_secret}".encode()).decode()
    tokens = json.loads(oauth.post(form, {"authorization": f"Basic {basic}"}).body)
    answer = await visit(
        simulator, "GET", "/v1/openid_connect/userinfo", authorization=f"Bearer {tokens['access_token']}"
    )
    assert json.loads(answer.body) == {
        "sub": oauth.identity.subject, "email": "owner@example.com", "emailVerified": True
    }  # fmt: skip
    code = oauth.code(PAYROLL, simulator.fleet.realm_ids[0], (ACCOUNTING,), redirect_uri="http://localhost/x")
    form |= {"code": code, "client_id": PAYROLL.client_id, "client_secret": PAYROLL.client_secret}
    plain = json.loads(oauth.post(form, {}).body)["access_token"]
    assert (await visit(simulator, "GET", "/v1/openid_connect/userinfo", authorization=f"Bearer {plain}")).status == 403


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/nothing/here", 404),
        ("POST", "/nothing/here", 404),
        ("GET", "/oauth2/v1/tokens/bearer", 405),
        ("DELETE", consent.PATH, 405),
        ("OPTIONS", "/anything", 200),
        ("HEAD", "/op/v1/jwks", 200),
        ("GET", "/attachments/nonsense", 403),
        ("GET", "/attachments/" + "é" * 3, 403),
        ("POST", "/attachments/nonsense", 404),
    ],
)
async def test_what_else_is_asked(simulator: Simulator, method: str, path: str, status: int) -> None:
    answer = await visit(simulator, method, path)
    assert answer.status == status
    assert answer.headers["intuit_tid"]
    assert ("allow" in answer.headers) == (status == 405 or method == "OPTIONS")


async def test_a_form_that_is_none_is_an_empty_one(simulator: Simulator) -> None:
    for body in (b"\xff=1", b"&".join(b"a=1" for _ in range(101)), b"", b"{}"):
        assert (await visit(simulator, "POST", "/oauth2/v1/tokens/bearer", body)).status == 401
        answer = await visit(simulator, "POST", "/v2/oauth2/tokens/revoke", body, content_type="application/json")
        assert answer.status == 401
