"""How changes are told: signed, in either form, by the ladder; on the virtual clock, to an address that may refuse."""

from __future__ import annotations

import base64
import hmac
import itertools
import json
from collections.abc import Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import anyio
import pytest

from backfill.errors import UsageError
from backfill.simulator.journal import Changed
from backfill.simulator.settings import WebhookSettings
from backfill.simulator.webhooks.emitter import FORGED, Emitter

pytestmark = pytest.mark.virtual

URL = "http://127.0.0.1:8766/webhooks"
AT = datetime(2026, 7, 20, 18, 0, 0, 512_000, tzinfo=UTC)


class Address:
    """Who is told: what came, when, and with which answer."""

    def __init__(self, answers: Callable[[int], int | None] = lambda _attempt: 200) -> None:
        self.answers = answers
        self.came: list[tuple[float, Mapping[str, str], bytes]] = []

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> int | None:
        assert url == URL
        self.came.append((anyio.current_time(), headers, body))
        await anyio.sleep(0.01)
        return self.answers(len(self.came))

    def is_signed(self, number: int, token: str = "simulated-verifier-token") -> bool:
        _, headers, body = self.came[number]
        digest = base64.b64encode(hmac.digest(token.encode(), body, "sha256")).decode()
        return headers.get("intuit-signature") == digest

    def said(self) -> list[Any]:
        return [json.loads(body) for _, _, body in self.came]


def made(*, limits_scale: float = 1, **settings: Any) -> Emitter:
    return Emitter(WebhookSettings(**{"url": URL, **settings}), limits_scale=limits_scale, rng=Random(1))


def change(number: int = 7, *, counted: bool = True) -> Changed:
    return Changed(AT + timedelta(seconds=number), "Invoice", str(number), None, b"{}", counted=counted)


@asynccontextmanager
async def telling(emitter: Emitter, address: Address) -> Any:
    async with anyio.create_task_group() as group:
        group.start_soon(emitter.run, address.post)
        yield
        group.cancel_scope.cancel()


async def test_cloud_events_mix_companies_and_have_nanoseconds() -> None:
    emitter, address = made(), Address()
    async with telling(emitter, address):
        emitter.told("42", change())
        emitter.told("43", change(8))
        await anyio.sleep(1)
    ((first, second),) = address.said()
    assert first["type"] == "qbo.invoice.created.v1"
    assert (first["intuitaccountid"], first["intuitentityid"]) == ("42", "7")
    assert second["intuitaccountid"] == "43"
    assert first["id"] != second["id"]
    assert first["time"].startswith("2026-07-20T18:00:07.512")
    assert len(first["time"]) == len("2026-05-10T21:31:25.179453321Z")
    assert address.came[0][1]["content-type"] == "application/cloudevents+json"
    assert address.is_signed(0)
    assert emitter.counts.acknowledged == 1
    assert emitter.waiting == 0


async def test_the_older_form_groups_by_company_and_has_whole_seconds() -> None:
    emitter, address = made(format="legacy"), Address()
    async with telling(emitter, address):
        for realm_id, number in (("43", 8), ("42", 7), ("43", 9)):
            emitter.told(realm_id, change(number))
        await anyio.sleep(1)
    (said,) = address.said()
    assert [(each["realmId"], len(each["dataChangeEvent"]["entities"])) for each in said["eventNotifications"]] == [
        ("42", 1), ("43", 2),
    ]  # fmt: skip
    assert said["eventNotifications"][0]["dataChangeEvent"]["entities"] == [
        {"name": "Invoice", "id": "7", "operation": "Create", "lastUpdated": "2026-07-20T11:00:07-0700"}
    ]
    assert address.came[0][1]["content-type"] == "application/json"


async def test_the_ladder() -> None:
    emitter, address = made(), Address(lambda attempt: 200 if attempt == 12 else (None, 500, 401)[attempt % 3])
    async with telling(emitter, address):
        emitter.told("42", change())
        await anyio.sleep(4 * 86_400)
    times = [at for at, _, _ in address.came]
    waits = [round(later - earlier) for earlier, later in itertools.pairwise(times)]
    assert waits == [10, 20, 30, 300, 1200, 7200, 14_400, 21_600, 21_600, 21_600, 21_600]
    assert len({body for _, _, body in address.came}) == 1, "the same bytes every time"
    assert (emitter.counts.refused, emitter.counts.acknowledged) == (11, 1)


async def test_the_ladder_is_scaled_and_may_end() -> None:
    emitter, address = made(limits_scale=60, retry_s=(60, 120), retry_then_s=None), Address(lambda _attempt: 500)
    async with telling(emitter, address):
        emitter.told("42", change())
        await anyio.sleep(100)
    times = [at for at, _, _ in address.came]
    assert [round(later - earlier) for earlier, later in itertools.pairwise(times)] == [1, 2]
    assert emitter.counts.dropped == 1
    assert emitter.waiting == 0


async def test_later_ones_are_held_back_until_an_earlier_one_is_acknowledged() -> None:
    for hold_back, order in ((True, ["1", "1", "2"]), (False, ["1", "2", "1"])):
        emitter = made(hold_back=hold_back, events_per_delivery=1)
        address = Address(lambda attempt: 500 if attempt == 1 else 200)
        async with telling(emitter, address):
            emitter.told("42", change(1))
            await anyio.sleep(1)
            emitter.told("42", change(2))
            await anyio.sleep(60)
        assert [event["intuitentityid"] for (event,) in address.said()] == order


async def test_told_twice_late_and_out_of_order() -> None:
    emitter, address = made(duplicates=0.5, reordered=0.5, late_s=30, events_per_delivery=1), Address()
    async with telling(emitter, address):
        for number in range(100):
            emitter.told("42", change(number))
        await anyio.sleep(120)
    order = [int(event["intuitentityid"]) for (event,) in address.said()]
    assert set(order) == set(range(100))
    assert order != sorted(order)
    assert 120 < len(order) < 180
    assert emitter.counts.repeated == len(order) - 100
    assert emitter.waiting == 0


async def test_forged_ones_are_never_signed_rightly_nor_sent_again() -> None:
    emitter, address = made(forged=1.0, events_per_delivery=1), Address(lambda _attempt: 401)
    emitter_of_good = 0
    async with telling(emitter, address):
        for number in range(40):
            emitter.told("42", change(number))
        await anyio.sleep(5)
    for number, (event,) in enumerate(address.said()):
        assert address.is_signed(number) != event["intuitentityid"].startswith(FORGED)
        emitter_of_good += address.is_signed(number)
    assert emitter_of_good == 40
    assert (emitter.counts.forged, emitter.counts.forged_accepted) == (40, 0)


async def test_a_delay_and_both_forms() -> None:
    emitter, address = made(delay_s=300, format="both"), Address()
    async with telling(emitter, address):
        emitter.told("42", change())
        await anyio.sleep(299)
        assert address.came == []
        await anyio.sleep(3)
    assert sorted(type(said).__name__ for said in address.said()) == ["dict", "list"]


async def test_nobody_is_told_unless_asked_for_and_only_on_this_machine() -> None:
    emitter, address = made(url=""), Address()
    async with telling(emitter, address):
        emitter.told("42", change(1))
        await anyio.sleep(1)
        emitter.tell(URL)
        emitter.told("42", change(2))
        await anyio.sleep(1)
        emitter.tell("")
        emitter.told("42", change(3))
        await anyio.sleep(1)
    assert [event["intuitentityid"] for (event,) in address.said()] == ["2"]
    for url in (
        "https://127.0.0.1/x",
        "http://example.com/x",
        "http://127.0.0.1.example.com/",
        "http://[::1",
        "ftp://x",
    ):
        with pytest.raises(UsageError, match="tells nobody"):
            emitter.tell(url)


async def test_changes_of_its_own_and_the_bound() -> None:
    emitter = made(own_changes=False, held=3)
    for number in range(5):
        emitter.told("42", change(number, counted=number != 0))
    assert emitter.waiting == 3
    assert emitter.counts.dropped == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"format": "xml"}, {"forged": 1.5}, {"duplicates": -0.1}, {"delay_s": -1}, {"retry_s": (-1,)}, {"gather_s": 0},
        {"events_per_delivery": 0}, {"held": 0},
    ],
)  # fmt: skip
def test_settings_that_make_no_sense(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        WebhookSettings(**wrong)
