"""Connections that break, and time that passes."""

from __future__ import annotations

import anyio
import pytest

from backfill.errors import UnansweredError
from backfill.simulator.injection.injection import Injection
from backfill.simulator.injection.mishap import Mishap
from backfill.simulator.injection.network import CutReply, Delay, LostReply, LostRequest, SlowReply
from backfill.simulator.injection.refusals import ErrorPage, GatewayTimeout


@pytest.mark.parametrize(
    ("mishap", "acted", "logged"),
    [
        (LostRequest(), False, 0),
        (LostReply(), True, 1),
        (LostReply(after_commit=False), False, 1),
        (CutReply(), True, 1),
        (CutReply(share=0), True, 1),
    ],
)
async def test_a_broken_connection(client_of, mishap: Mishap, acted: bool, logged: int) -> None:
    client = client_of(Injection(mishap))
    with pytest.raises(UnansweredError) as raised:
        await client.create()
    assert raised.value.sent
    assert raised.value.code == ("cut" if isinstance(mishap, CutReply) else "reset")
    assert client.names == (["New"] if acted else [])
    assert len(client.simulator.log.entries()) == logged


@pytest.mark.virtual
@pytest.mark.parametrize(
    ("mishap", "wait_s"),
    [
        (Delay(before_s=3, after_s=4), 7.0),
        (SlowReply(piece_bytes=100, pause_s=2), None),
        (GatewayTimeout(), 120.0),
        (ErrorPage(hold_s=9), 9.0),
    ],
)
@pytest.mark.parametrize("scale", [1.0, 60.0])
async def test_what_takes_time_takes_the_time_of_the_limits(client_of, mishap, wait_s, scale: float) -> None:
    client = client_of(Injection(mishap), limits_scale=scale)
    begin = anyio.current_time()
    response = await client.query()
    if wait_s is None:
        assert response.status == 200
        wait_s = -(-len(response.body) // 100) * 2
    assert anyio.current_time() - begin == pytest.approx(wait_s / scale)


@pytest.mark.virtual
async def test_a_delay_may_vary(client_of) -> None:
    client = client_of(Injection(Delay(before_s=0, jitter_s=10)))
    took = []
    for _ in range(20):
        begin = anyio.current_time()
        await client.query()
        took.append(anyio.current_time() - begin)
    assert 0 <= min(took) < 3
    assert 7 < max(took) <= 10


@pytest.mark.virtual
async def test_a_service_that_never_answers(client_of) -> None:
    client = client_of(Injection(LostReply(hold_s=300)))
    begin = anyio.current_time()
    async with client.simulator.running():
        with pytest.raises(UnansweredError, match="deadline"):
            await client.create(wait_s=30)
    assert anyio.current_time() == begin + 30
    assert client.names == ["New"]
