"""Consent and what comes of it: codes, scopes, several apps, revocation, disconnection, and who the user is."""

from __future__ import annotations

import base64
import json

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.hashes import SHA256

from backfill.errors import UsageError
from backfill.simulator.oauth.authority import TokenState
from backfill.simulator.oauth.scopes import ACCOUNTING
from backfill.simulator.settings import SimulatorSettings
from tests.simulator.oauth.calls import CALLBACK, PAYROLL, REALM, basic, code_for, exchange, own_app, refresh, refused


def test_a_code_brings_tokens_for_that_company_only(make_oauth) -> None:
    oauth = make_oauth()
    code = code_for(oauth)
    assert len(code) <= 512
    status, body = exchange(oauth, code)
    assert status == 200
    assert list(body) == [
        "token_type", "access_token", "expires_in", "refresh_token", "x_refresh_token_expires_in"
    ]  # fmt: skip
    assert len(body["refresh_token"]) <= 512
    header = f"Bearer {body['access_token']}"
    assert oauth.check(header, REALM)[0] is TokenState.GOOD
    assert oauth.check(header, "42")[0] is TokenState.OTHER_REALM
    assert refresh(oauth, body["refresh_token"])[0] == 200


def test_a_code_is_good_once_for_its_app_and_address_and_for_minutes(make_oauth, clock) -> None:
    oauth = make_oauth(apps=(PAYROLL,))
    code = code_for(oauth)
    assert exchange(oauth, code, app=PAYROLL) == refused("invalid_grant")
    assert exchange(oauth, code, to="http://localhost/other") == refused("invalid_grant")
    assert exchange(oauth, "", to=CALLBACK) == refused("invalid_request")
    assert exchange(oauth, code, to="") == refused("invalid_request")
    assert exchange(oauth, code)[0] == 200, "who else tried has not used it up"
    assert exchange(oauth, code) == refused("invalid_grant")
    late = code_for(oauth)
    clock.forward(seconds=600)
    assert exchange(oauth, late) == refused("invalid_grant")


def test_codes_that_nobody_exchanges_do_not_pile_up(make_oauth, clock, monkeypatch) -> None:
    monkeypatch.setattr("backfill.simulator.oauth.authority.CODES_MOST", 3)
    oauth = make_oauth()
    codes = [code_for(oauth) for _ in range(4)]
    assert len(set(codes)) == 4
    assert [exchange(oauth, code)[0] for code in codes] == [400, 200, 200, 200]
    code_for(oauth)
    clock.forward(seconds=600)
    code_for(oauth)
    assert len(oauth._codes) == 1


def test_a_new_consent_takes_the_place_of_the_old_one(make_oauth, clock) -> None:
    oauth = make_oauth(refresh_hard_s=1000)
    old = oauth.credentials(REALM)
    clock.forward(seconds=900)
    new = exchange(oauth, code_for(oauth))[1]
    assert refresh(oauth, old.refresh_token)[0] == 400
    assert oauth.check(f"Bearer {old.access_token}", REALM)[0] is TokenState.GOOD
    clock.forward(seconds=900)
    assert refresh(oauth, new["refresh_token"])[0] == 200, "the wall is counted from the new consent"


def test_connecting_again_after_a_disconnection_does_not_wake_old_tokens(make_oauth) -> None:
    oauth = make_oauth()
    old = oauth.credentials(REALM)
    oauth.revoke(REALM)
    new = exchange(oauth, code_for(oauth))[1]
    assert oauth.check(f"Bearer {old.access_token}", REALM)[0] is TokenState.REVOKED
    assert refresh(oauth, old.refresh_token)[0] == 400
    assert oauth.check(f"Bearer {new['access_token']}", REALM)[0] is TokenState.GOOD


def test_scopes_decide_what_a_token_opens_and_add_up(make_oauth) -> None:
    oauth = make_oauth(apps=(PAYROLL,))
    identity = exchange(oauth, code_for(oauth, "openid", "email", app=PAYROLL), app=PAYROLL)[1]
    assert oauth.check(f"Bearer {identity['access_token']}", REALM)[0] is TokenState.NO_SCOPE
    both = exchange(oauth, code_for(oauth, app=PAYROLL), app=PAYROLL)[1]
    assert oauth.check(f"Bearer {both['access_token']}", REALM)[0] is TokenState.GOOD
    assert oauth.user({"authorization": f"Bearer {both['access_token']}"})[0] is TokenState.GOOD
    plain = exchange(oauth, code_for(oauth, realm_id="42", app=PAYROLL), app=PAYROLL)[1]
    assert oauth.user({"authorization": f"Bearer {plain['access_token']}"})[0] is TokenState.NO_SCOPE
    ready_made = {"authorization": f"Bearer {oauth.credentials(REALM).access_token}"}
    assert oauth.user(ready_made)[0] is TokenState.GOOD, "it has every scope"
    assert oauth.user({})[0] is TokenState.MALFORMED


def test_an_app_has_no_company_until_it_is_connected_and_none_of_anothers(make_oauth) -> None:
    oauth = make_oauth(apps=(PAYROLL,))
    ours = oauth.credentials(REALM)
    form = {"grant_type": "refresh_token", "refresh_token": ours.refresh_token}
    answer = oauth.post(form, basic(PAYROLL.client_id, PAYROLL.client_secret))
    assert (answer.status, json.loads(answer.body)["error"]) == (400, "invalid_grant")
    theirs = exchange(oauth, code_for(oauth, app=PAYROLL), app=PAYROLL)[1]
    assert oauth.check(f"Bearer {theirs['access_token']}", REALM)[:2] == (TokenState.GOOD, PAYROLL.client_id)
    assert refresh(oauth, ours.refresh_token)[0] == 200, "each app's consent is its own"


def test_the_app_may_say_who_it_is_in_the_form(make_oauth) -> None:
    oauth = make_oauth()
    app = oauth.apps.ready_made
    form = {"grant_type": "refresh_token", "refresh_token": oauth.credentials(REALM).refresh_token}
    own = form | {"client_id": app.client_id, "client_secret": app.client_secret}
    assert oauth.post(own, {}).status == 200
    assert oauth.post(own | {"client_secret": "x"}, {}).status == 401
    assert oauth.post(own | {"client_id": "x"}, {}).status == 401


@pytest.mark.parametrize("which", ["refresh_token", "access_token"])
def test_an_app_revokes_by_either_token(make_oauth, which: str) -> None:
    oauth = make_oauth()
    held = oauth.credentials(REALM)
    kept = oauth.credentials("42")
    answer = oauth.revocation({"token": getattr(held, which)}, own_app(oauth))
    assert (answer.status, answer.body) == (200, b"")
    assert oauth.check(f"Bearer {held.access_token}", REALM)[0] is TokenState.REVOKED
    assert refresh(oauth, held.refresh_token)[0] == 400
    assert oauth.check(f"Bearer {kept.access_token}", "42")[0] is TokenState.GOOD


@pytest.mark.parametrize("header", ["Basic héllo", "Basic w7bDtjrDtg==", "Basic ====", "Basic /w==", "Basic", "", "x"])
def test_whatever_stands_in_the_header_is_an_answer(make_oauth, header: str) -> None:
    oauth = make_oauth()
    form = {"grant_type": "refresh_token", "refresh_token": oauth.credentials(REALM).refresh_token}
    assert oauth.post(form, {"authorization": header}).status == 401


def test_only_the_app_itself_can_revoke(make_oauth) -> None:
    oauth = make_oauth(apps=(PAYROLL,))
    held = oauth.credentials(REALM)
    assert oauth.revocation({"token": held.refresh_token}, {}).status == 401
    stranger = basic(PAYROLL.client_id, PAYROLL.client_secret)
    assert oauth.revocation({"token": held.refresh_token}, stranger).status == 400
    for token in (None, "", 5, "AB11nonsense"):
        assert oauth.revocation({"token": token}, own_app(oauth)).status == 400
    assert refresh(oauth, held.refresh_token)[0] == 200


@pytest.mark.parametrize(
    ("answered", "state", "refreshes"),
    [("3200", TokenState.REVOKED, 400), ("3100", TokenState.DISCONNECTED, 200), ("120", TokenState.USER_GONE, 200)],
)
def test_what_a_disconnected_company_answers_is_a_setting(make_oauth, answered: str, state, refreshes: int) -> None:
    oauth = make_oauth(disconnected=answered)
    held = oauth.credentials(REALM)
    oauth.revoke(REALM)
    assert oauth.check(f"Bearer {held.access_token}", REALM)[0] is state
    assert refresh(oauth, held.refresh_token)[0] == refreshes
    new = exchange(oauth, code_for(oauth))[1]
    assert oauth.check(f"Bearer {new['access_token']}", REALM)[0] is TokenState.GOOD


def test_the_id_token_says_who_it_is_and_the_key_proves_it(make_oauth, clock) -> None:
    oauth = make_oauth()
    app = oauth.apps.ready_made
    code = oauth.code(app, REALM, (ACCOUNTING, "openid"), redirect_uri=CALLBACK, nonce="once")
    said = exchange(oauth, code)[1]["id_token"]
    header, claims, signature = (base64.urlsafe_b64decode(part + "==") for part in said.split("."))
    (key,) = json.loads(oauth.identity.key_set())["keys"]
    assert json.loads(header) == {"kid": key["kid"], "alg": "RS256"}
    now = int(clock.at.timestamp())
    assert json.loads(claims) == {
        "sub": oauth.identity.subject, "aud": [app.client_id], "realmid": REALM,
        "iss": "https://oauth.platform.intuit.com/op/v1",
        "iat": now, "auth_time": now, "exp": now + 3600, "nonce": "once",
    }  # fmt: skip
    modulus, exponent = (int.from_bytes(base64.urlsafe_b64decode(key[part] + "==")) for part in "ne")
    public = RSAPublicNumbers(exponent, modulus).public_key()
    signed = said.rpartition(".")[0].encode()
    public.verify(signature, signed, PKCS1v15(), SHA256())
    with pytest.raises(InvalidSignature):
        public.verify(signature, signed + b"x", PKCS1v15(), SHA256())
    assert make_oauth().identity.key_set() != oauth.identity.key_set(), "no key is known before it is made"


def test_no_secret_is_in_a_repr(make_oauth) -> None:
    oauth = make_oauth(apps=(PAYROLL,))
    code = code_for(oauth, app=PAYROLL)
    assert PAYROLL.client_secret not in repr(SimulatorSettings(apps=(PAYROLL,)))
    assert PAYROLL.client_secret not in repr(oauth._codes[code])


def test_two_apps_cannot_share_an_id() -> None:
    with pytest.raises(UsageError, match="client_id of its own"):
        SimulatorSettings(apps=(PAYROLL, PAYROLL))
