"""Exchange rates: whole in the answer that lists their currencies, or by pages until nothing new comes."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec import structs

from backfill.errors import Disposition, FaultError, RequestError
from backfill.jobs.questions import Items
from backfill.jobs.rates import RATE_LOOKS_MAX, RATE_PASSES_MAX, RATES_MAX, RatesLook, read_rates
from backfill.model import Landed, Proof, Record, Refusal
from backfill.qbo.answers import Page
from backfill.qbo.catalogue import CATALOGUE, Entity
from backfill.qbo.query import PAGE_ROWS_MAX

T0 = datetime(2026, 11, 1, tzinfo=UTC)
RATE = CATALOGUE["ExchangeRate"]


class Server:
    """Answers the two statements of a look, and pages, of `codes` and `rates`; what is asked is kept."""

    def __init__(self, codes: Sequence[str], rates: int = 3) -> None:
        self.codes = list(codes)
        self.rates = rates
        self.looks: list[list[str]] = []
        self.passes = 0
        self.landed: set[str] = set()
        self.refused: set[str] = set()
        """Ids that the database does not take."""
        self.shift = 0
        self.apart = False
        self.currency: Callable[[str], bytes] = lambda code: b'{"Code":"%b"}' % code.encode()
        self.unread: Sequence[Refusal] = ()
        """Currencies that the reader refuses."""
        self.fault: Callable[[str], RequestError | None] = lambda _statement: None
        self.after: Callable[[], None] = lambda: None
        self.between: Callable[[], None] = lambda: None

    async def many(self, statements: Sequence[str]) -> Items:
        self.looks.append(list(statements))
        items = [self._answer(statement, seconds=n * self.apart) for n, statement in enumerate(statements)]
        self.after()
        return Items(items, [T0])

    async def page(self, _entity: Entity, statement: str) -> Page:
        if "CompanyCurrency" in statement:
            answer = self._answer(statement, seconds=0)
            assert isinstance(answer, Page)
            return answer
        start = int(re.findall(r"STARTPOSITION (\d+)", statement)[0])
        if start == 1:
            self.passes += 1
            self.between()
            return self._page([self._rate(number) for number in range(PAGE_ROWS_MAX)])
        return self._page([self._rate(5000 + number + self.passes * self.shift) for number in range(10)])

    async def land(self, _entity: Entity, records: Sequence[Record], **_more: object) -> Landed:
        taken = {record.id for record in records} - self.refused
        self.landed |= taken
        return Landed(landed=len(taken), unchanged=0, deleted=0, quarantined=len(records) - len(taken))

    def _answer(self, statement: str, *, seconds: int) -> Page | RequestError:
        fault = self.fault(statement)
        if fault is not None:
            return fault
        if "CompanyCurrency" in statement:
            rows = [Record(code, 0, None, None, self.currency(code)) for code in self.codes]
            return structs.replace(self._page(rows, seconds), refusals=self.unread)
        return self._page([self._rate(number) for number in range(min(self.rates, RATES_MAX))], seconds)

    def _rate(self, number: int) -> Record:
        return Record(f"EUR:{number}", None, None, None, b"{}")

    def _page(self, records: list[Record], seconds: int = 0) -> Page:
        return Page(records, [], len(records), T0 + timedelta(seconds=seconds))

    async def read(self, look: RatesLook | None = None) -> Proof:
        work: Any = SimpleNamespace(
            ask=self, land=self.land, check_stop=lambda: None, room_for=lambda *_: nullcontext(), realm_id="1"
        )
        return await read_rates(work, RATE, look or RatesLook())


def refusal(disposition: Disposition) -> FaultError:
    return FaultError("no", realm_id="1", code="x", disposition=disposition)


async def test_one_answer_of_the_currencies_and_their_rates_is_whole() -> None:
    server = Server(["EUR", "GBP"])
    proof = await server.read(RatesLook(["EUR", "GBP"]))
    assert (proof.proven, proof.method, proof.landed_live) == (True, "rates of all days", 3)
    assert len(server.looks) == 1


async def test_rates_that_the_database_refuses_are_counted_as_set_aside() -> None:
    server = Server(["EUR", "GBP"])
    await server.read(RatesLook(["EUR", "GBP"]))
    server.refused = {min(server.landed)}
    proof = await server.read(RatesLook(["EUR", "GBP"]))
    assert (proof.landed_live, proof.quarantined) == (2, 1)
    paged = Server(["EUR"], rates=5_000)
    paged.refused = {"EUR:7"}
    assert (await paged.read(RatesLook(["EUR"]))).quarantined == 1


async def test_a_currency_that_came_meanwhile_is_asked_for_as_well() -> None:
    server = Server(["EUR", "JPY"])
    proof = await server.read(RatesLook(["EUR"]))
    assert proof.proven
    assert ["'JPY'" in look[1] for look in server.looks] == [False, True]


async def test_answers_of_two_moments_say_nothing_together() -> None:
    server = Server(["EUR"])
    server.apart = True

    def together() -> None:
        server.apart = len(server.looks) < 2

    server.after = together
    proof = await server.read(RatesLook(["EUR"]))
    assert proof.proven
    assert len(server.looks) == 3


async def test_currencies_not_known_are_asked_for_first() -> None:
    server = Server(["EUR"])
    assert (await server.read()).proven
    assert [len(look) for look in server.looks] == [1, 2]


async def test_without_a_currency_there_are_no_rates() -> None:
    server = Server([])
    proof = await server.read()
    assert (proof.proven, proof.method, proof.counted) == (True, "no foreign currency", 0)


@pytest.mark.parametrize(
    "currency", [b"{}", b'{"Code":null}', b'{"Code":7}', b'{"Code":""}', b'{"Code":"\xff"}', b'{"Code":"\\ud800"}']
)
async def test_a_currency_that_cannot_be_read_leaves_the_rates_unproven(currency: bytes) -> None:
    """Or the run ended with it, and every other realm's."""
    server = Server(["EUR", "GBP"])
    server.currency = lambda code: currency if code == "GBP" else b'{"Code":"EUR"}'
    for look in (RatesLook(), RatesLook(["EUR", "GBP"])):
        proof = await server.read(look)
        assert (proof.proven, "a currency of the company cannot be read" in proof.reason) == (False, True)
    assert len(server.looks) == 2 * RATE_LOOKS_MAX


async def test_a_currency_that_is_not_even_a_row_is_not_taken_for_none() -> None:
    server = Server([])
    server.unread = [Refusal("1", "unreadable_row", "it has no Id", b"{}")]
    assert not (await server.read()).proven


async def test_a_currency_that_can_be_read_after_all_is_asked_for() -> None:
    server = Server(["EUR"])
    good = server.currency
    server.currency = lambda code: good(code) if len(server.looks) > 1 else b"{}"
    assert (await server.read()).proven


async def test_currencies_spoiled_while_pages_are_read_leave_the_rates_unproven() -> None:
    server = Server(["EUR"], rates=5_000)
    server.between = lambda: setattr(server, "currency", lambda _code: b"{}")
    proof = await server.read(RatesLook(["EUR"]))
    assert (proof.proven, "cannot be read" in proof.reason) == (False, True)


async def test_a_server_that_wants_a_day_is_told_one() -> None:
    server = Server(["EUR"])
    server.fault = lambda statement: (
        refusal(Disposition.REJECT) if "ExchangeRate" in statement and "AsOfDate" not in statement else None
    )
    proof = await server.read(RatesLook(["EUR"]))
    assert (proof.proven, proof.method) == (True, "rates of the day")
    assert "AsOfDate = '2026-11-01'" in server.looks[-1][1]


async def test_a_server_that_refuses_both_makes_the_rates_unproven() -> None:
    server = Server(["EUR"])
    server.fault = lambda statement: refusal(Disposition.REJECT) if "ExchangeRate" in statement else None
    proof = await server.read(RatesLook(["EUR"]))
    assert (proof.proven, proof.method) == (False, "refused")


@pytest.mark.parametrize("disposition", [Disposition.PARK, Disposition.WAIT, Disposition.REFRESH])
async def test_what_concerns_the_realm_is_raised(disposition: Disposition) -> None:
    server = Server(["EUR"])
    server.fault = lambda _statement: refusal(disposition)
    with pytest.raises(FaultError):
        await server.read(RatesLook(["EUR"]))


async def test_currencies_that_change_at_every_look_are_given_up_after_some() -> None:
    server = Server(["EUR", "X"])
    server.after = lambda: server.codes.append(f"X{len(server.looks)}")
    proof = await server.read(RatesLook(["EUR"]))
    assert len(server.looks) == RATE_LOOKS_MAX
    assert not proof.proven
    assert "currencies changed" in proof.reason


async def test_a_currency_that_comes_while_pages_are_read_leaves_the_rates_unproven() -> None:
    server = Server(["EUR"], rates=5_000)
    server.between = lambda: server.codes.append("JPY") if server.passes == 2 else None
    proof = await server.read(RatesLook(["EUR"]))
    assert (proof.proven, "currencies changed" in proof.reason) == (False, True)


@pytest.mark.parametrize(("shift", "passes", "proven"), [(0, 2, True), (1, RATE_PASSES_MAX, False)])
async def test_rates_that_are_others_at_every_look_prove_nothing(shift: int, passes: int, proven: bool) -> None:
    """More than an answer holds: by pages, which may shift against one another."""
    server = Server(["EUR"], rates=5_000)
    server.shift = shift
    proof = await server.read(RatesLook(["EUR"]))
    assert (server.passes, proof.proven, bool(proof.reason)) == (passes, proven, not proven)
    assert proof.landed_live == len(server.landed)
