"""Something that runs beside a block, as long as the block does: a lease's renewal, a heartbeat, a display."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio

from backfill.errors import BackfillError


@asynccontextmanager
async def beside(task: Callable[[], Awaitable[None]], *, name: str) -> AsyncIterator[None]:
    """Run `task` until the block ends.

    A `BackfillError` of the task cancels the block and is raised; one of the block is raised as it is and
    not in an exception group, so that callers can tell what happened by its type.
    """
    failures: list[BackfillError] = []

    async def run() -> None:
        try:
            await task()
        except BackfillError as error:
            failures.append(error)
            group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        group.start_soon(run, name=name)
        try:
            yield
        except BackfillError as error:
            failures.append(error)
        group.cancel_scope.cancel()
    if failures:
        raise failures[0]
