"""Other apps on the same company."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import anyio

from backfill.simulator.envelopes import Answer
from backfill.simulator.injection.mishap import Mishap, Proceed, Strike
from backfill.simulator.settings import require


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherTraffic(Mishap):
    """So many requests of other apps reach the company at once, just before this call, which finds so much less room.

    `batches` of them are batch calls, which use up the realm's limit of 120 a minute.
    """

    at_gateway: ClassVar[bool] = True
    requests: int = 100
    batches: int = 0

    def __post_init__(self) -> None:
        require("the other apps' traffic", [("requests is at least batches", 0 <= self.batches <= self.requests)])

    async def befall(self, strike: Strike, proceed: Proceed) -> Answer:
        realm_id = strike.subject.realm_id
        strike.throttle.inject(realm_id, self.requests, at=anyio.current_time(), batches=self.batches)
        return await proceed(strike)
