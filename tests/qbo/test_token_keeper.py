"""Tokens: one refresh at a time, committed before use, and a realm given up only when every value was refused."""

from __future__ import annotations

import base64
import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import anyio
import msgspec
import pytest

from backfill.errors import Disposition, FaultError, TokenError, UnansweredError, UnavailableError
from backfill.events import Event, TokenAnswered, TokenRefreshed
from backfill.model import RealmId, Secret, Tokens
from backfill.qbo.oauth import Credentials
from backfill.qbo.token_keeper import KeeperOptions, TokenKeeper
from backfill.wire import Response

REALM = RealmId("4620816365")
EPOCH = datetime(2026, 1, 31, tzinfo=UTC)
CREDENTIALS = Credentials(Secret("app"), Secret("app-secret"))

pytestmark = pytest.mark.virtual


def now() -> datetime:
    return EPOCH + timedelta(seconds=anyio.current_time())


def tokens(
    refresh: str = "R0", *, access: str | None = "A0", life_s: float = 3600, previous: str | None = None
) -> Tokens:
    return Tokens(
        access_token=Secret(access) if access else None,
        access_expires_at=now() + timedelta(seconds=life_s),
        refresh_token=Secret(refresh),
        previous_refresh_token=Secret(previous) if previous else None,
        refreshed_at=now(),
        client_id=None,
        client_secret=None,
    )


class MemoryVault:
    """Rows of tokens with a lock each: what the database is to several processes."""

    def __init__(self, stored: Tokens) -> None:
        self.rows = dict.fromkeys([REALM], stored)
        self.locks: dict[RealmId, anyio.Lock] = {}
        self.reads = 0
        self.fails_to_store = False
        self.store_s = 0.0

    async def read(self, realm_id: RealmId) -> Tokens:
        self.reads += 1
        await anyio.sleep(0.001)
        return self.rows[realm_id]

    @asynccontextmanager
    async def locked(self, realm_id: RealmId) -> AsyncIterator[MemoryLocked]:
        async with self.locks.setdefault(realm_id, anyio.Lock()):
            yield MemoryLocked(self, realm_id)


class MemoryLocked:
    def __init__(self, vault: MemoryVault, realm_id: RealmId) -> None:
        self._vault = vault
        self._realm_id = realm_id
        self.current = vault.rows[realm_id]

    async def store(self, new: Tokens) -> None:
        await anyio.sleep(self._vault.store_s)
        if self._vault.fails_to_store:
            raise UnavailableError("the database is gone")
        assert self._vault.rows[self._realm_id].refresh_token == self.current.refresh_token, "compare-and-swap"
        self._vault.rows[self._realm_id] = new


class Intuit:
    """A token endpoint that honours one refresh token, rotates it at every use, and takes a second to answer."""

    def __init__(self, *honoured: str, rotates: bool = True, life_s: float = 3600) -> None:
        self.honoured = set(honoured or ("R0",))
        self.rotates = rotates
        self.life_s = life_s
        self.used: list[str] = []
        self.clients: list[str] = []
        self.troubles: list[Response | UnansweredError] = []
        self.before_answer: Callable[[], None] = lambda: None

    async def post(self, form: Mapping[str, str], headers: Mapping[str, str], *, deadline: float) -> Response:
        assert deadline > anyio.current_time()
        value, number = form["refresh_token"], len(self.used) + 1
        self.used.append(value)
        self.clients.append(base64.b64decode(headers["Authorization"].split()[1]).decode())
        await anyio.sleep(1)
        self.before_answer()
        if self.troubles:
            trouble = self.troubles.pop(0)
            if isinstance(trouble, UnansweredError):
                raise trouble
            return trouble
        if value not in self.honoured:
            return Response(status=400, body=b'{"error":"invalid_grant"}')
        if self.rotates:
            self.honoured = {f"R{number}"}
        granted = {
            "access_token": f"A{number}",
            "refresh_token": f"R{number}" if self.rotates else value,
            "expires_in": self.life_s,
        }
        return Response(status=200, body=msgspec.json.encode(granted))


class World:
    """A vault, an endpoint, and as many processes as a test wants."""

    def __init__(self, stored: Tokens, intuit: Intuit | None = None) -> None:
        self.vault = MemoryVault(stored)
        self.intuit = intuit or Intuit()
        self.events: list[Event] = []

    def process(self, credentials: Credentials | None = CREDENTIALS, **options: float) -> TokenKeeper:
        return TokenKeeper(
            self.vault,
            self.intuit,
            credentials,
            now=now,
            rng=random.Random(1),
            observe=self.events.append,
            options=KeeperOptions(**options),  # type: ignore[arg-type]
        )


async def token(keeper: TokenKeeper) -> str:
    return (await keeper.access_token(REALM)).reveal()


async def test_a_stored_token_is_used_and_kept_in_mind() -> None:
    world = World(tokens())
    keeper = world.process()
    assert [await token(keeper) for _ in range(3)] == ["A0", "A0", "A0"]
    assert (world.vault.reads, world.intuit.used) == (1, [])


async def test_it_is_refreshed_ten_minutes_before_it_expires_and_not_earlier() -> None:
    world = World(tokens(life_s=3600))
    keeper = world.process()
    await anyio.sleep(3600 - 601)
    assert await token(keeper) == "A0"
    await anyio.sleep(2)
    assert await token(keeper) == "A1"
    assert world.intuit.used == ["R0"]


async def test_a_token_that_lives_a_minute_is_not_refreshed_at_every_call() -> None:
    world = World(tokens(life_s=-1), Intuit(life_s=60))
    keeper = world.process()
    assert [await token(keeper) for _ in range(5)] == ["A1"] * 5
    await anyio.sleep(51)
    assert await token(keeper) == "A2"


async def test_a_token_without_a_known_expiry_or_none_at_all_is_refreshed() -> None:
    for stored in (tokens(access=None), msgspec.structs.replace(tokens(), access_expires_at=None)):
        assert await token(World(stored).process()) == "A1"


async def test_the_new_pair_is_committed_before_anybody_can_use_it() -> None:
    world = World(tokens(life_s=0))
    world.vault.store_s = 5
    given_at: list[float] = []

    async def want() -> None:
        await token(keeper)
        given_at.append(anyio.current_time())

    keeper = world.process()
    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(want)
        await anyio.sleep(5.5)
        assert given_at == []
        assert world.vault.rows[REALM].refresh_token == Secret("R0")
    assert world.vault.rows[REALM].refresh_token == Secret("R1")


async def test_what_is_stored_is_the_whole_new_pair_with_the_value_before() -> None:
    world = World(tokens(life_s=0, previous="R-1"))
    world.vault.store_s = 0.25
    await token(world.process())
    stored = world.vault.rows[REALM]
    assert stored == Tokens(
        access_token=Secret("A1"),
        access_expires_at=now() + timedelta(seconds=3600 - 0.25),
        refresh_token=Secret("R1"),
        previous_refresh_token=Secret("R0"),
        refreshed_at=now() - timedelta(seconds=0.25),
        client_id=None,
        client_secret=None,
    )
    assert world.events == [
        TokenAnswered(realm_id=REALM, status=200, code="", intuit_tid="", duration_s=pytest.approx(1)),
        TokenRefreshed(realm_id=REALM, rotated=True, gap_s=0.25),
    ]


async def test_a_value_that_was_not_rotated_keeps_its_predecessor() -> None:
    world = World(tokens(life_s=0, previous="R-1"), Intuit("R0", rotates=False))
    await token(world.process())
    assert world.vault.rows[REALM].previous_refresh_token == Secret("R-1")
    assert world.events[-1] == TokenRefreshed(realm_id=REALM, rotated=False, gap_s=0.0)


async def test_a_pair_that_could_not_be_stored_is_not_used() -> None:
    world = World(tokens(life_s=0))
    world.vault.fails_to_store = True
    keeper = world.process()
    with pytest.raises(UnavailableError):
        await token(keeper)
    world.vault.fails_to_store = False
    world.intuit.honoured.add("R0")
    assert await token(keeper) == "A2"


async def test_many_tasks_of_many_processes_refresh_once() -> None:
    world = World(tokens(life_s=0))
    got: list[str] = []

    async def want(keeper: TokenKeeper) -> None:
        got.append(await token(keeper))

    async with anyio.create_task_group() as group:
        for keeper in (world.process(), world.process(), world.process()):
            for _ in range(10):
                group.start_soon(want, keeper)
    assert got == ["A1"] * 30
    assert world.intuit.used == ["R0"]


async def test_in_one_process_one_task_at_a_time_goes_to_the_vault() -> None:
    world = World(tokens())
    keeper = world.process()
    async with anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(token, keeper)
    assert world.vault.reads == 1
    assert keeper._turns == {}


async def test_a_cancelled_worker_leaves_a_stored_pair_behind() -> None:
    world = World(tokens(life_s=0))
    world.vault.store_s = 2
    with anyio.move_on_after(0.5) as scope:  # while Intuit is answering
        await token(world.process())
    assert scope.cancel_called
    assert world.vault.rows[REALM].refresh_token == Secret("R1")
    assert await token(world.process()) == "A1"


async def test_a_dead_realm_is_given_up_after_its_value_and_the_one_before() -> None:
    world = World(tokens(life_s=0, previous="R-1"), Intuit("another"))
    with pytest.raises(TokenError) as caught:
        await token(world.process())
    assert (caught.value.code, caught.value.disposition) == ("invalid_grant", Disposition.PARK)
    assert world.intuit.used == ["R0", "R-1"]


async def test_the_previous_value_may_save_the_realm_after_a_lost_reply() -> None:
    world = World(tokens("R-lost", life_s=0, previous="R0"), Intuit("R0"))
    assert await token(world.process()) == "A2"
    assert world.intuit.used == ["R-lost", "R0"]
    assert world.vault.rows[REALM].refresh_token == Secret("R2")


async def test_on_invalid_grant_a_value_that_was_stored_meanwhile_is_tried_first() -> None:
    world = World(tokens("R-old", life_s=0, previous="R-older"), Intuit("R-new"))

    def imported() -> None:
        world.vault.rows[REALM] = tokens("R-new", life_s=0, previous="R-old")
        world.intuit.before_answer = lambda: None

    world.intuit.before_answer = imported
    assert await token(world.process()) == "A2"
    assert world.intuit.used == ["R-old", "R-new"]


async def test_a_usable_token_that_was_stored_meanwhile_is_used_without_another_refresh() -> None:
    world = World(tokens("R-old", life_s=0), Intuit("R-new"))

    def refreshed_elsewhere() -> None:
        world.vault.rows[REALM] = tokens("R-new", access="A-new", life_s=3600)

    world.intuit.before_answer = refreshed_elsewhere
    assert await token(world.process()) == "A-new"
    assert world.intuit.used == ["R-old"]


@pytest.mark.parametrize(("own", "action"), [(None, "BACKFILL_CLIENT_SECRET"), (Secret("own"), "realms import")])
async def test_the_apps_wrong_credentials_are_tried_once(own: Secret | None, action: str) -> None:
    world = World(msgspec.structs.replace(tokens(life_s=0, previous="R-1"), client_id=own, client_secret=own))
    world.intuit.troubles = [Response(status=401, body=b'{"error":"invalid_client"}')]
    with pytest.raises(TokenError) as caught:
        await token(world.process())
    assert caught.value.disposition is Disposition.STOP
    assert action in caught.value.action, "they are put right where they came from"
    assert world.intuit.used == ["R0"]


async def test_passing_trouble_is_waited_out_without_holding_the_lock() -> None:
    world = World(tokens(life_s=0))
    lost = UnansweredError("reset", realm_id="", code="reset")
    world.intuit.troubles = [Response(status=503), lost, Response(status=429)]
    keeper = world.process(backoff_s=100)
    async with anyio.create_task_group() as group:
        group.start_soon(token, keeper)
        await anyio.sleep(1.5)
        with anyio.fail_after(0.1):
            async with world.vault.locked(REALM):
                assert world.intuit.used == ["R0"]
    assert world.intuit.used == ["R0"] * 4
    assert await token(keeper) == "A4"


async def test_trouble_that_stays_is_raised_after_some_attempts_and_parks_nobody() -> None:
    world = World(tokens(life_s=0))
    world.intuit.troubles = [Response(status=503)] * 10
    with pytest.raises(FaultError) as caught:
        await token(world.process(attempts=3))
    assert caught.value.disposition is Disposition.RETRY
    assert world.intuit.used == ["R0"] * 3
    assert anyio.current_time() < 3 + 1 + 2 + 0.1  # three answers, and two waits of at most one and two seconds


async def test_a_rejected_token_is_not_given_out_again() -> None:
    world = World(tokens())
    keeper = world.process()
    keeper.reject(REALM, await keeper.access_token(REALM))
    assert await token(keeper) == "A1"
    assert world.intuit.used == ["R0"]


async def test_a_rejected_token_is_replaced_by_the_stored_one_if_that_differs_already() -> None:
    world = World(tokens())
    keeper = world.process()
    old = await keeper.access_token(REALM)
    world.vault.rows[REALM] = tokens("R9", access="A9")
    keeper.reject(REALM, old)
    assert await token(keeper) == "A9"
    assert world.intuit.used == []


async def test_a_late_401_for_an_older_token_does_not_harm_the_newer_one() -> None:
    world = World(tokens())
    keeper = world.process()
    old = await keeper.access_token(REALM)
    keeper.reject(REALM, old)
    assert await token(keeper) == "A1"
    reads = world.vault.reads
    keeper.reject(REALM, old)
    assert await token(keeper) == "A1"
    assert (world.intuit.used, world.vault.reads) == (["R0"], reads)


async def test_a_realm_of_another_app_uses_its_own_credentials() -> None:
    stored = msgspec.structs.replace(tokens(life_s=0), client_id=Secret("own"), client_secret=Secret("own-secret"))
    world = World(stored)
    await token(world.process())
    assert world.intuit.clients == ["own:own-secret"]
    assert world.vault.rows[REALM].client_id == Secret("own")


async def test_without_credentials_nothing_is_sent() -> None:
    world = World(tokens(life_s=0))
    with pytest.raises(TokenError) as caught:
        await token(world.process(credentials=None))
    assert (caught.value.disposition, world.intuit.used) == (Disposition.STOP, [])


async def test_law_6_what_is_kept_in_mind_is_bounded() -> None:
    world = World(tokens())
    keeper = world.process(cached_realms=5)
    for number in range(50):
        realm_id = RealmId(str(number))
        world.vault.rows[realm_id] = tokens(access=f"A{number}")
        keeper.reject(realm_id, await keeper.access_token(realm_id))
        world.vault.rows[realm_id] = tokens(access=f"B{number}")
        await keeper.access_token(realm_id)
    assert (len(keeper._cache), len(keeper._rejected), len(keeper._turns)) == (5, 5, 0)
    assert list(keeper._cache) == [str(number) for number in range(45, 50)]


async def test_law_7_the_keeper_shows_no_token() -> None:
    world = World(tokens(access="SECRET"))
    keeper = world.process()
    await token(keeper)
    assert "SECRET" not in repr(vars(keeper))
