"""No more starts than so many in a span, none too near another; and whoever is late catches up."""

from __future__ import annotations

import random
from itertools import pairwise

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backfill.pacing.spacing import StartSpacer
from backfill.pacing.virtual_clock import run_virtual

pytestmark = pytest.mark.virtual


async def starts(spacer: StartSpacer, count: int) -> list[float]:
    times: list[float] = []
    for _ in range(count):
        await spacer.wait()
        spacer.start(anyio.current_time())
        times.append(anyio.current_time())
    return times


def spans(times: list[float], starts: int = 10) -> list[float]:
    return [later - earlier for earlier, later in zip(times, times[starts:], strict=False)]


async def test_ten_go_in_a_span_and_never_more() -> None:
    times = await starts(StartSpacer(10, 1.2), 40)
    assert times[0] == 0
    assert min(spans(times)) >= 1.2 - 1e-9
    assert times[-1] == pytest.approx(3 * 1.2 + 9 * 0.06, abs=1e-4), "nor fewer"


async def test_there_is_no_burst() -> None:
    times = await starts(StartSpacer(10, 1.2), 40)
    assert min(later - earlier for earlier, later in pairwise(times)) >= 0.06 - 1e-9


async def test_who_is_late_catches_up_within_the_span() -> None:
    spacer = StartSpacer(10, 1.2)
    await starts(spacer, 5)
    await anyio.sleep_until(1.0)  # nobody had a permit
    times = await starts(spacer, 5)
    assert times == pytest.approx([1.0, 1.06, 1.12, 1.2, 1.26], abs=0.07)
    assert times[-1] < 9 * 0.12 + 0.2, "as if nothing had been"


async def test_a_pause_saves_nothing_up() -> None:
    spacer = StartSpacer(10, 1.2)
    before = await starts(spacer, 3)
    await anyio.sleep(60)
    assert min(spans(before + await starts(spacer, 30))) >= 1.2 - 1e-9


async def test_what_waits_already_keeps_to_a_wider_span() -> None:
    spacer = StartSpacer(10, 1.2)
    before = await starts(spacer, 10)
    async with anyio.create_task_group() as group:
        group.start_soon(spacer.wait)
        await anyio.sleep(0.1)
        spacer.change_span(5.0)
    assert anyio.current_time() == pytest.approx(before[0] + 5.0)


async def test_who_gives_up_costs_the_others_nothing() -> None:
    spacer = StartSpacer(1, 1.0)
    await starts(spacer, 1)
    for _ in range(5):
        with anyio.move_on_after(0.1):
            await spacer.wait()
    await spacer.wait()
    assert anyio.current_time() == pytest.approx(1.0, abs=1e-3)


async def test_after_a_restart_the_next_ten_are_evenly_spaced() -> None:
    spacer = StartSpacer(10, 1.2)
    spacer.restore()
    assert await starts(spacer, 10) == pytest.approx([0.12 * (number + 1) for number in range(10)], abs=1e-3)


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32), spread_s=st.floats(0, 3), starts_at_most=st.integers(1, 12))
def test_no_second_sees_more_than_it_may_whatever_the_way_takes_within_the_spread(
    seed: int, spread_s: float, starts_at_most: int
) -> None:
    rng = random.Random(seed)

    async def main() -> list[float]:
        spacer = StartSpacer(starts_at_most, 1 + spread_s)
        arrived: list[float] = []
        for _ in range(100):
            arrived.append((await starts(spacer, 1))[0] + rng.choice((0.0, spread_s, rng.uniform(0, spread_s))))
            await anyio.sleep(rng.choice((0, 0, 0, 0.3, 2)))
        return sorted(arrived)

    # A rounding of the sum of a start and its delay is not a breach.
    assert min(spans(run_virtual(main()), starts_at_most), default=1.0) >= 1 - 1e-9
