"""Several readers that share what there is to do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import anyio

from backfill.errors import BackfillError, StoppedError

T = TypeVar("T")


async def share(parts: Sequence[T], read: Callable[[T], Awaitable[None]], *, readers: int, name: str) -> None:
    """Do `read` for every part, in their order, `readers` at a time.

    The first error ends all that is under way, and is raised. A reader that is asked to stop takes no more, and the
    others go on to where they are asked themselves; that is raised if nothing worse happened.
    """
    waiting = iter(parts)
    failures: list[BackfillError] = []

    async def reader(scope: anyio.CancelScope) -> None:
        for part in waiting:
            try:
                await read(part)
            except StoppedError as error:
                failures.append(error)
                return
            except BackfillError as error:
                failures.insert(0, error)
                scope.cancel()

    async with anyio.create_task_group() as group:
        for number in range(min(readers, len(parts))):
            group.start_soon(reader, group.cancel_scope, name=f"{name} {number}")
    if failures:
        raise failures[0]
