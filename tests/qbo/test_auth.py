"""The token is attached at the moment of sending; one request is sent once."""

from __future__ import annotations

import anyio
import pytest

from backfill.errors import TokenError, UnansweredError
from backfill.model import RealmId, Secret
from backfill.qbo import calls
from backfill.qbo.auth import Authorized, Prepared
from backfill.wire import Request, Response

REALM = RealmId("4620816365")
ASKED = calls.query(REALM, "SELECT * FROM Customer")


class Api:
    """Answers with one status and remembers what it got."""

    def __init__(self, status: int = 200) -> None:
        self._status = status
        self.requests: list[Request] = []

    async def send(self, request: Request, *, deadline: float) -> Response:
        self.requests.append(request)
        return Response(status=self._status)


class Keeper:
    """Gives one token after a while, or an error."""

    def __init__(self, *, wait_s: float = 0, error: Exception | None = None) -> None:
        self._wait_s = wait_s
        self._error = error
        self.rejected: list[tuple[RealmId, Secret]] = []
        self.held: Secret | None = None

    async def access_token(self, realm_id: RealmId) -> Secret:
        await anyio.sleep(self._wait_s)
        if self._error is not None:
            raise self._error
        return Secret(f"token of {realm_id}")

    def at_hand(self, realm_id: RealmId) -> Secret | None:
        return self.held

    def reject(self, realm_id: RealmId, token: Secret) -> None:
        self.rejected.append((realm_id, token))


async def test_a_request_that_has_its_turn_waits_for_no_refresh_while_a_token_is_at_hand() -> None:
    api, keeper = Api(), Keeper(error=AssertionError("nobody asks for another"))
    keeper.held = Secret("good for some minutes yet")
    await Authorized(api, keeper).send(ASKED, deadline=anyio.current_time() + 5)
    assert api.requests[-1].headers["Authorization"] == "Bearer good for some minutes yet"


async def test_the_token_is_attached_and_the_callers_request_stays_without_it() -> None:
    api, keeper = Api(), Keeper()
    await Authorized(api, keeper).send(ASKED, deadline=anyio.current_time() + 5)
    (sent,) = api.requests
    assert sent.headers["Authorization"] == f"Bearer token of {REALM}"
    assert sent.headers["Accept"] == "application/json"
    assert "Authorization" not in ASKED.headers
    assert "Bearer" not in repr(sent)
    assert keeper.rejected == []


async def test_a_401_is_told_to_the_keeper_and_passed_on_and_not_sent_again() -> None:
    api, keeper = Api(401), Keeper()
    response = await Authorized(api, keeper).send(ASKED, deadline=anyio.current_time() + 5)
    assert response.status == 401
    assert len(api.requests) == 1
    assert keeper.rejected == [(REALM, Secret(f"token of {REALM}"))]


async def test_a_403_does_not_concern_the_token() -> None:
    keeper = Keeper()
    await Authorized(Api(403), keeper).send(ASKED, deadline=anyio.current_time() + 5)
    assert keeper.rejected == []


async def test_without_a_token_nothing_is_sent() -> None:
    api, error = Api(), TokenError("gone", realm_id=REALM)
    with pytest.raises(TokenError) as caught:
        await Authorized(api, Keeper(error=error)).send(ASKED, deadline=anyio.current_time() + 5)
    assert caught.value is error
    assert api.requests == []


@pytest.mark.virtual
async def test_a_token_that_comes_too_late_is_a_request_that_was_not_sent() -> None:
    api = Api()
    with pytest.raises(UnansweredError) as caught:
        await Authorized(api, Keeper(wait_s=60)).send(ASKED, deadline=anyio.current_time() + 5)
    assert (caught.value.sent, caught.value.code, caught.value.realm_id) == (False, "timeout", REALM)
    assert api.requests == []
    assert anyio.current_time() < 60


async def test_a_token_is_there_before_the_request_takes_its_turn() -> None:
    """Under the pacing a refresh would hold back requests that had their turn, and then let them go together."""
    order: list[str] = []

    class Keeper:
        async def access_token(self, realm_id: RealmId) -> Secret:
            order.append(f"token of {realm_id}")
            return Secret("t")

        def at_hand(self, realm_id: RealmId) -> Secret | None:
            raise AssertionError

        def reject(self, realm_id: RealmId, token: Secret) -> None:
            raise AssertionError

    class Pacing:
        async def send(self, request: Request, *, deadline: float) -> Response:
            order.append("turn")
            return Response(status=200)

    await Prepared(Pacing(), Keeper()).send(ASKED, deadline=anyio.current_time() + 1)
    assert order == [f"token of {REALM}", "turn"]
