"""The token endpoint's answers, and who must act on each refusal."""

from __future__ import annotations

import base64
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfill.errors import Disposition, FaultError, RequestError, TokenError, UnansweredError, UnreadableError
from backfill.model import RealmId, Secret
from backfill.qbo.oauth import Credentials, Granted, refresh
from backfill.wire import Response

REALM = RealmId("4620816365")
CREDENTIALS = Credentials(Secret("ABclient"), Secret("s3cr:et"))
GRANT = (
    b'{"token_type":"bearer","access_token":"eyJ.SECRET","expires_in":3600,"refresh_token":"AB11SECRET",'
    b'"x_refresh_token_expires_in":8726400}'
)


class Endpoint:
    """A token endpoint with one answer, or one failure."""

    def __init__(self, outcome: Response | RequestError) -> None:
        self._outcome = outcome
        self.posts: list[tuple[Mapping[str, str], Mapping[str, str], float]] = []

    async def post(self, form: Mapping[str, str], headers: Mapping[str, str], *, deadline: float) -> Response:
        self.posts.append((form, headers, deadline))
        if isinstance(self._outcome, RequestError):
            raise self._outcome
        return self._outcome


async def refreshed(status: int, body: bytes) -> Granted:
    endpoint = Endpoint(Response(status=status, headers={"intuit_tid": "1-5f"}, body=body))
    return await refresh(endpoint, REALM, Secret("AB11old"), CREDENTIALS, deadline=5.0)


async def refused(status: int, body: bytes) -> RequestError:
    with pytest.raises(RequestError) as caught:
        await refreshed(status, body)
    assert (caught.value.realm_id, caught.value.status, caught.value.intuit_tid) == (REALM, status, "1-5f")
    return caught.value


async def test_a_new_pair() -> None:
    assert await refreshed(200, GRANT) == Granted(
        access_token=Secret("eyJ.SECRET"),
        expires_in_s=3600,
        refresh_token=Secret("AB11SECRET"),
        refresh_expires_in_s=8_726_400,
        intuit_tid="1-5f",
    )


async def test_the_app_says_who_it_is_in_a_header_and_sends_once() -> None:
    endpoint = Endpoint(Response(status=200, body=GRANT))
    await refresh(endpoint, REALM, Secret("AB11old"), CREDENTIALS, deadline=5.0)
    ((form, headers, deadline),) = endpoint.posts
    assert form == {"grant_type": "refresh_token", "refresh_token": "AB11old"}
    scheme, _, pair = headers["Authorization"].partition(" ")
    assert (scheme, base64.b64decode(pair), headers["Accept"]) == ("Basic", b"ABclient:s3cr:et", "application/json")
    assert deadline == 5.0


async def test_invalid_grant_parks_the_realm_until_it_is_connected_again() -> None:
    error = await refused(400, b'{"error":"invalid_grant","error_description":"Token invalid"}')
    assert isinstance(error, TokenError)
    assert (error.code, error.disposition) == ("invalid_grant", Disposition.PARK)
    assert "Reconnect" in error.action
    assert "Token invalid" in error.message


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (401, b'{"error":"invalid_client"}', "invalid_client"),
        (400, b'{"error":"invalid_client"}', "invalid_client"),
        (401, b"", "invalid_client"),
        (400, b'{"error":"invalid_request"}', "invalid_request"),
        (400, b'{"error":"unsupported_grant_type"}', "unsupported_grant_type"),
    ],
)
async def test_wrong_credentials_or_a_malformed_request_stop_everything(status: int, body: bytes, code: str) -> None:
    error = await refused(status, body)
    assert isinstance(error, TokenError)
    assert (error.code, error.disposition) == (code, Disposition.STOP)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (429, b""),
        (429, b'{"error":"invalid_grant"}'),
        (500, b"<html>"),
        (503, b'{"error":"invalid_grant"}'),
        (404, b"x"),
        (302, b""),
    ],
)
async def test_a_busy_or_broken_endpoint_is_asked_again_and_parks_nobody(status: int, body: bytes) -> None:
    error = await refused(status, body)
    assert isinstance(error, FaultError)
    assert error.disposition is Disposition.RETRY


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b'{"access_token":"eyJ","expires_in":3600}',
        b'{"access_token":"","refresh_token":"AB","expires_in":3600}',
        b'{"access_token":"a\\r\\nX-Evil: 1","refresh_token":"AB","expires_in":3600}',
        b'{"access_token":"' + b"a" * 20_000 + b'","refresh_token":"AB","expires_in":3600}',
        b'{"access_token":"SECRET","refresh_token":"AB","expires_in":0}',
        b'{"access_token":"SECRET","refresh_token":"AB","expires_in":1e300}',
        b'{"access_token":"SECRET","refresh_token":"AB","expires_in":"soon"}',
        GRANT[:-3],
    ],
)
async def test_a_200_without_a_usable_pair_is_unreadable(body: bytes) -> None:
    error = await refused(200, body)
    assert isinstance(error, UnreadableError)
    assert error.disposition is Disposition.RETRY
    assert error.__cause__ is None


async def test_no_answer_names_the_realm_and_says_whether_it_was_sent() -> None:
    endpoint = Endpoint(UnansweredError("it took too long.", sent=False, realm_id="", code="timeout"))
    with pytest.raises(UnansweredError, match="Realm 4620816365: it took too long") as caught:
        await refresh(endpoint, REALM, Secret("AB11old"), CREDENTIALS, deadline=5.0)
    assert (caught.value.realm_id, caught.value.sent, caught.value.code) == (REALM, False, "timeout")
    assert caught.value.disposition is Disposition.RETRY


@pytest.mark.parametrize("status", [200, 400, 401, 500])
async def test_law_7_no_refusal_repeats_a_secret(status: int) -> None:
    body = b'{"error":"invalid_grant","error_description":"bad token: AB11SECRET","access_token":"SECRET"}'
    error = await refused(status, body)
    said = f"{error} {error!r} {vars(error)} {error.__cause__}"
    assert not any(secret in said for secret in ("SECRET", "AB11old", "s3cr:et"))


async def test_law_7_a_grant_hides_its_tokens() -> None:
    assert "SECRET" not in repr(await refreshed(200, GRANT))
    assert "s3cr" not in repr(CREDENTIALS)


@given(st.binary(), st.sampled_from([200, 204, 400, 401, 403, 429, 500]))
async def test_any_answer_gives_a_pair_or_an_error_of_ours(body: bytes, status: int) -> None:
    with pytest.raises(RequestError):
        await refreshed(status, body)
