"""Each exchange with the token endpoint is told of, however it ends."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar

import anyio

from backfill.errors import RequestError
from backfill.events import Observer, TokenAnswered
from backfill.model import RealmId


class Came(Protocol):
    """What came of an exchange."""

    @property
    def status(self) -> int: ...
    @property
    def code(self) -> str: ...
    @property
    def intuit_tid(self) -> str: ...


C = TypeVar("C", bound=Came)


async def told(observe: Observer, realm_id: RealmId, attempt: int, ask: Callable[[], Coroutine[Any, Any, C]]) -> C:
    """Make the exchange and tell `observe` of it. Raises the `RequestError` that `ask` does."""
    asked_at = anyio.current_time()

    def tell(status: int | None, code: str, intuit_tid: str) -> None:
        observe(
            TokenAnswered(
                realm_id=realm_id,
                attempt=attempt,
                status=status,
                code=code,
                intuit_tid=intuit_tid,
                duration_s=anyio.current_time() - asked_at,
            )
        )

    try:
        came = await ask()
    except RequestError as error:
        tell(error.status, error.code, error.intuit_tid)
        raise
    tell(came.status, came.code, came.intuit_tid)
    return came
