"""The life of tokens: rotation after a day, idle death, the five-year wall, and the refusals."""

from __future__ import annotations

import base64
import json

import pytest

from backfill.simulator.oauth.authority import OAuth, TokenState
from backfill.simulator.settings import SimulatorSettings
from tests.simulator.oauth.calls import REALM, own_app, refresh


def test_credentials_come_from_the_seed_and_stay_out_of_reprs(make_oauth) -> None:
    first, second = make_oauth().credentials(REALM), make_oauth().credentials(REALM)
    assert first == second
    assert first.realm_id == REALM
    assert len(first.access_token) == 800
    for secret in (first.refresh_token, first.access_token, first.client_secret):
        assert secret not in repr(first)
    assert make_oauth().credentials("42").refresh_token != first.refresh_token


def test_a_refresh_answers_as_recorded(make_oauth) -> None:
    oauth = make_oauth()
    sent = oauth.credentials(REALM).refresh_token
    status, body = refresh(oauth, sent)
    assert status == 200
    assert list(body) == [
        "token_type", "access_token", "expires_in", "refresh_token", "x_refresh_token_expires_in"
    ]  # fmt: skip
    assert (body["token_type"], body["expires_in"], body["x_refresh_token_expires_in"]) == ("bearer", 3600, 8_726_400)
    assert body["refresh_token"] == sent
    assert oauth.check(f"Bearer {body['access_token']}", REALM)[0] is TokenState.GOOD


def test_the_hard_expiry_is_told_only_to_who_asks_by_header(make_oauth, clock) -> None:
    oauth = make_oauth()
    clock.forward(days=1)
    header = {"x-include-refresh-token-hard-expires-in": "true"}
    _, body = refresh(oauth, oauth.credentials(REALM).refresh_token, **header)
    assert body["x_refresh_token_hard_expires_in"] == 5 * 365 * 86_400 - 86_400


def test_the_value_rotates_after_a_day_and_the_old_one_dies(make_oauth, clock) -> None:
    oauth = make_oauth()
    first = oauth.credentials(REALM).refresh_token
    clock.forward(hours=23)
    _, body = refresh(oauth, first)
    assert body["refresh_token"] == first
    assert body["x_refresh_token_expires_in"] == 8_726_400 - 23 * 3600
    clock.forward(hours=1)
    _, body = refresh(oauth, first)
    second = body["refresh_token"]
    assert second != first
    assert body["x_refresh_token_expires_in"] == 8_726_400
    assert oauth.credentials(REALM).refresh_token == second
    assert refresh(oauth, first) == (
        400,
        {"error": "invalid_grant", "error_description": "Incorrect or invalid refresh token"},
    )
    assert refresh(oauth, second)[0] == 200


def test_the_old_value_may_live_on_for_a_while(make_oauth, clock) -> None:
    oauth = make_oauth(old_refresh_token_life_s=3600)
    first = oauth.credentials(REALM).refresh_token
    clock.forward(days=1)
    second = refresh(oauth, first)[1]["refresh_token"]
    clock.forward(seconds=3599)
    assert refresh(oauth, first)[1]["refresh_token"] == second, "it gives the current value, and rotates no further"
    clock.forward(seconds=1)
    assert refresh(oauth, first)[0] == 400
    clock.forward(days=2)
    refresh(oauth, second)
    assert refresh(oauth, first)[0] == 400, "two values back is dead for good"


def test_an_idle_value_dies(make_oauth, clock) -> None:
    oauth = make_oauth()
    token = oauth.credentials(REALM).refresh_token
    clock.forward(days=100)
    assert refresh(oauth, token)[0] == 200
    other = make_oauth()
    clock.forward(days=101)
    assert refresh(other, token)[0] == 400


def test_the_consent_ends_after_five_years_however_well_kept(make_oauth, clock) -> None:
    oauth = make_oauth()
    token = oauth.credentials(REALM).refresh_token
    for _ in range(5 * 365 // 73):
        assert refresh(oauth, token)[0] == 200
        clock.forward(days=73)
        token = oauth.credentials(REALM).refresh_token
    assert refresh(oauth, token)[0] == 400


def test_access_tokens_expire(make_oauth, clock) -> None:
    oauth = make_oauth()
    header = f"Bearer {oauth.credentials(REALM).access_token}"
    clock.forward(seconds=3599)
    assert oauth.check(header, REALM)[:2] == (TokenState.GOOD, oauth.apps.ready_made.client_id)
    clock.forward(seconds=1)
    assert oauth.check(header, REALM)[0] is TokenState.EXPIRED


def test_a_token_is_good_for_its_realm_only(make_oauth) -> None:
    oauth = make_oauth()
    assert oauth.check(f"Bearer {oauth.credentials('42').access_token}", REALM)[0] is TokenState.OTHER_REALM


def test_a_disconnected_realm_is_refused_at_once(make_oauth) -> None:
    oauth = make_oauth()
    kept = oauth.credentials("42")
    lost = oauth.credentials(REALM)
    oauth.revoke(REALM)
    assert oauth.check(f"Bearer {lost.access_token}", REALM)[0] is TokenState.REVOKED
    assert refresh(oauth, lost.refresh_token)[0] == 400
    assert oauth.check(f"Bearer {kept.access_token}", "42")[0] is TokenState.GOOD
    assert refresh(oauth, kept.refresh_token)[0] == 200


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer x",
        "Bearer AB11",
        "Basic {access}",
        "Bearer {refresh}",
        "Bearer {bare}",
        "Bearer {access}A",
        "Bearer é",
    ],
)
def test_what_is_no_access_token_of_ours_is_malformed(make_oauth, header: str) -> None:
    oauth = make_oauth()
    held = oauth.credentials(REALM)
    sent = header.format(access=held.access_token, refresh=held.refresh_token, bare=held.refresh_token[4:])
    assert oauth.check(sent, REALM)[0] is TokenState.MALFORMED


def test_a_forged_token_is_malformed(make_oauth) -> None:
    oauth = make_oauth()
    raw = base64.urlsafe_b64decode(oauth.credentials("42").access_token)
    forged = base64.urlsafe_b64encode(raw.replace(b'"42"', b'"43"')).decode()
    assert oauth.check(f"Bearer {forged}", "43")[0] is TokenState.MALFORMED


def test_another_seed_is_another_app(make_oauth, clock) -> None:
    other = OAuth(SimulatorSettings(), now=clock.now, seed=4)
    assert make_oauth().check(f"Bearer {other.credentials(REALM).access_token}", REALM)[0] is TokenState.MALFORMED


REFUSALS = [
    ({"grant_type": "refresh_token", "refresh_token": "AB11nonsense"}, 400, "invalid_grant"),
    ({"grant_type": "refresh_token", "refresh_token": "{access}"}, 400, "invalid_grant"),
    ({"grant_type": "refresh_token", "refresh_token": "AB11{access}"}, 400, "invalid_grant"),
    ({"grant_type": "refresh_token"}, 400, "invalid_request"),
    ({}, 400, "invalid_request"),
    ({"grant_type": "password"}, 400, "unsupported_grant_type"),
]


@pytest.mark.parametrize(("form", "status", "error"), REFUSALS)
def test_refusals_of_the_token_endpoint(make_oauth, form: dict[str, str], status: int, error: str) -> None:
    oauth = make_oauth()
    access = oauth.credentials(REALM).access_token
    answer = oauth.post(
        {name: value.format(access=access) for name, value in form.items()},
        own_app(oauth),
    )
    assert answer.status == status
    assert json.loads(answer.body)["error"] == error


def test_a_replaced_value_may_be_the_end_of_the_consent(make_oauth, clock) -> None:
    """Two workers that refresh at once: the second carries the old value, and takes the first one's tokens along."""
    for reuse, survives in (("refused", 200), ("ends_consent", 400)):
        oauth = make_oauth(refresh_rotation_s=0, refresh_reuse=reuse)
        old = oauth.credentials(REALM).refresh_token
        first = refresh(oauth, old)[1]
        assert first["refresh_token"] != old
        assert refresh(oauth, old)[0] == 400
        assert refresh(oauth, first["refresh_token"])[0] == survives


def test_a_refresh_may_end_the_access_tokens_before_it(make_oauth) -> None:
    for ends, state in ((False, TokenState.GOOD), (True, TokenState.REVOKED)):
        oauth = make_oauth(refresh_ends_access_token=ends)
        held = oauth.credentials(REALM)
        new = refresh(oauth, held.refresh_token)[1]["access_token"]
        assert oauth.check(f"Bearer {held.access_token}", REALM)[0] is state
        assert oauth.check(f"Bearer {new}", REALM)[0] is TokenState.GOOD


@pytest.mark.parametrize("authorization", ["", "Basic ???", "Bearer x", "Basic eDp5"])
def test_a_wrong_app_is_invalid_client(make_oauth, authorization: str) -> None:
    oauth = make_oauth()
    form = {"grant_type": "refresh_token", "refresh_token": oauth.credentials(REALM).refresh_token}
    answer = oauth.post(form, {"authorization": authorization})
    assert (answer.status, json.loads(answer.body)) == (401, {"error": "invalid_client"})
