"""Which event loop a test runs on, which tests run at all, by how many workers, and what is no garbage."""

from __future__ import annotations

import asyncio
import gc
import importlib
import os
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import hypothesis
import pytest

from backfill.__main__ import GC_THRESHOLD
from backfill.pacing.virtual_clock import VirtualClockLoop

hypothesis.settings.register_profile("unhurried", deadline=None)  # a busy machine's pace is no property of the code
hypothesis.settings.load_profile("unhurried")

sys.dont_write_bytecode = False  # else every worker of every run rewrites the assertions of all tests: see below

VIRTUAL_TEST_WALL_LIMIT_S = 60.0
"""Real time a virtual test may take: its only way to hang is to go round without end. `long` tests get ten times."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="run the tests marked long, too")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Half as many again as there are processors: end-to-end tests wait much of their time, for servers, leases and
    windows. (Measured with one worker a processor: a whole run left 30 % of them idle.)"""
    return (os.cpu_count() or 1) * 3 // 2


def pytest_sessionstart(session: pytest.Session) -> None:
    """Workers that collect all tests share the work of compiling them: each begins with some that no other does.

    In step with one another, each would compile them all: that takes twice as long as to load them (measured).
    """
    worker = getattr(session.config, "workerinput", None)
    if worker is None or session.config.args_source is not pytest.Config.ArgsSource.TESTPATHS:
        return
    number = int(worker["workerid"].removeprefix("gw"))
    here = Path(__file__).parent
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for path in sorted(here.rglob("test_*.py"))[number :: worker["workercount"]]:
            # What cannot be loaded (yet), or is skipped, is loaded again when it is collected, and told then.
            with suppress(Exception, pytest.skip.Exception):
                importlib.import_module(".".join(path.relative_to(here.parent).with_suffix("").parts))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Long tests are deselected, not skipped: a skip would say that something could not be tested."""
    if config.getoption("--long"):
        return
    deselected = [item for item in items if item.get_closest_marker("long")]
    if deselected:
        config.hook.pytest_deselected(items=deselected)
        items[:] = [item for item in items if not item.get_closest_marker("long")]


def pytest_collection_finish() -> None:
    """Thousands of collected tests stay to the end: without this they are gone through with every full collection."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD)  # as every command does


@pytest.fixture(scope="module")
def tally(request: pytest.FixtureRequest) -> Iterator[Counter[str]]:
    """What the tests of a file count together, said at their end (`pytest -s`): what is claimed of them is quoted."""
    counted: Counter[str] = Counter()
    yield counted
    said = "".join(f"\n{number:>11,} {what}" for what, number in counted.most_common())
    print(f"\n{request.node.name}, in all:{said}")  # noqa: T201  # the count is the point


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """`@pytest.mark.virtual` puts a test on the virtual clock; every other one runs in real time."""
    if item.get_closest_marker("virtual"):
        factor = 10 if item.get_closest_marker("long") else 1
        return {"virtual": lambda: VirtualClockLoop(wall_limit_s=VIRTUAL_TEST_WALL_LIMIT_S * factor)}
    return {"real": asyncio.SelectorEventLoop}
