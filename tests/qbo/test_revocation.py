"""A consent given back: which of a company's tokens are tried, what refusals mean, and what is written down when."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
import pytest
from msgspec import structs

from backfill.errors import Disposition, FaultError, TokenError, UnansweredError
from backfill.events import Event, TokenAnswered
from backfill.model import RealmId, Secret, Tokens
from backfill.qbo.oauth import Credentials
from backfill.qbo.revocation import ATTEMPTS, CODE, Consent, Revoker
from backfill.store.realms import REVOKED
from backfill.wire import Response
from tests.store.scene import NOW

REALM = RealmId("4711")
APP = Credentials(Secret("id"), Secret("secret"))
HELD = Tokens(
    access_token=Secret("access"),
    access_expires_at=NOW,
    refresh_token=Secret("newest"),
    previous_refresh_token=Secret("older"),
    refreshed_at=NOW,
    client_id=None,
    client_secret=None,
)
DEAD = Response(status=400, body=b'{"error":"invalid_request","error_description":"Token invalid"}')
DONE = Response(status=200)


@dataclass
class Held:
    """A vault with the tokens of one realm."""

    current: Tokens = HELD
    ended: dict[str, str] = field(default_factory=dict)
    locks: int = 0

    @asynccontextmanager
    async def locked(self, _realm_id: RealmId) -> AsyncIterator[Held]:
        self.locks += 1
        yield self

    async def end(self, *, code: str, message: str, action: str) -> None:
        await anyio.sleep(0.1)  # a statement: whoever is cancelled is cancelled here, if at all
        self.ended = {"code": code, "message": message, "action": action}


class Endpoint:
    """Answers each token as it is told to, and remembers what it was asked."""

    def __init__(self, answer: Callable[[str], Response]) -> None:
        self._answer = answer
        self.asked: list[str] = []
        self.headers: Mapping[str, str] = {}

    async def post(self, form: Mapping[str, str], headers: Mapping[str, str], *, deadline: float) -> Response:
        assert deadline > anyio.current_time()
        assert form.keys() == {"token"}
        self.asked.append(form["token"])
        self.headers = headers
        return self._answer(form["token"])


def revoker(
    vault: Held, endpoint: Endpoint, events: list[Event] | None = None, app: Credentials | None = APP
) -> Revoker:
    return Revoker(vault, endpoint, app, [].append if events is None else events.append, random.Random(7))


async def test_the_newest_token_ends_the_consent() -> None:
    vault, endpoint, events = Held(), Endpoint(lambda _: DONE), list[Event]()
    assert await revoker(vault, endpoint, events).revoked(REALM) is Consent.REVOKED
    assert endpoint.asked == ["newest"]
    assert endpoint.headers["Authorization"] == "Basic aWQ6c2VjcmV0"
    assert vault.ended["code"] == "revoked"
    assert "backfill auth login" in vault.ended["action"]
    (told,) = events
    assert isinstance(told, TokenAnswered)
    assert (told.realm_id, told.status, told.code) == (REALM, 200, "")


async def test_where_a_crash_lost_the_newest_value_an_older_one_is_tried() -> None:
    vault, endpoint = Held(), Endpoint(lambda token: DONE if token == "access" else DEAD)
    assert await revoker(vault, endpoint).revoked(REALM) is Consent.REVOKED
    assert endpoint.asked == ["newest", "older", "access"]


async def test_a_consent_that_is_over_is_no_failure() -> None:
    vault, endpoint, events = Held(), Endpoint(lambda _: DEAD), list[Event]()
    assert await revoker(vault, endpoint, events).revoked(REALM) is Consent.OVER
    assert vault.ended["code"] == "revoked"
    assert [event.code for event in events if isinstance(event, TokenAnswered)] == ["invalid_request"] * 3


@pytest.mark.parametrize(
    "answer",
    [
        Response(status=401),
        Response(status=401, body=b'{"error":"invalid_client"}'),
        Response(status=400, body=b'{"error":"invalid_client"}'),
        Response(status=400, body=b'{"error":"unauthorized_client"}'),
    ],
)
async def test_a_refusal_of_the_app_says_nothing_of_the_token(answer: Response) -> None:
    vault, endpoint = Held(), Endpoint(lambda _: answer)
    with pytest.raises(TokenError) as refused:
        await revoker(vault, endpoint).revoked(REALM)
    assert refused.value.disposition is Disposition.STOP
    assert (endpoint.asked, vault.ended) == (["newest"], {})


@pytest.mark.parametrize("status", [302, 403, 404, 429, 500, 503])
async def test_what_passes_is_tried_again_and_then_said(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backfill.qbo.revocation.BACKOFF_S", 0.001)
    vault, endpoint = Held(), Endpoint(lambda _: Response(status=status, body=b"<html>"))
    with pytest.raises(FaultError, match=f"HTTP {status}"):
        await revoker(vault, endpoint).revoked(REALM)
    assert (len(endpoint.asked), vault.locks, vault.ended) == (ATTEMPTS, ATTEMPTS, {})


async def test_a_lost_reply_is_made_up_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may have been revoked: then the next answer says that there is no such token."""
    monkeypatch.setattr("backfill.qbo.revocation.BACKOFF_S", 0.001)
    lost = iter([True])

    def answer(_token: str) -> Response:
        if next(lost, False):
            raise UnansweredError("cut", realm_id="", code="cut")
        return DEAD

    vault, endpoint, events = Held(), Endpoint(answer), list[Event]()
    assert await revoker(vault, endpoint, events).revoked(REALM) is Consent.OVER
    assert [event.code for event in events if isinstance(event, TokenAnswered)] == ["cut", *["invalid_request"] * 3]
    assert vault.ended


async def test_who_is_cancelled_after_the_answer_still_writes_it_down() -> None:
    vault = Held()
    with anyio.CancelScope() as scope:

        def answer(_token: str) -> Response:
            scope.cancel()
            return DONE

        await revoker(vault, Endpoint(answer)).revoked(REALM)
    assert vault.ended


async def test_the_app_is_the_realms_own_where_it_has_one() -> None:
    own = structs.replace(HELD, client_id=Secret("own"), client_secret=Secret("own"))
    vault, endpoint = Held(own), Endpoint(lambda _: DONE)
    assert await revoker(vault, endpoint, app=None).revoked(REALM) is Consent.REVOKED
    assert endpoint.headers["Authorization"] == "Basic b3duOm93bg=="
    with pytest.raises(TokenError, match="no client id and secret"):
        await revoker(Held(), endpoint, app=None).revoked(REALM)


def test_the_code_is_the_one_that_the_store_knows() -> None:
    assert CODE == REVOKED
    assert json.dumps(Consent.REVOKED) == '"revoked"'
