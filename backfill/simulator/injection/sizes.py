"""Caps that Intuit has and does not publish: on bodies, addresses, lists of values and answers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlencode

from backfill.simulator.envelopes import Answer, html_page
from backfill.simulator.faults import validation_fault
from backfill.simulator.injection.mishap import Mishap, Proceed, Strike
from backfill.simulator.injection.refusals import TITLES, enveloped, fault_of
from backfill.simulator.settings import require

_LISTS = re.compile(r"\bin\s*\(([^)]*)\)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyTooLarge(Mishap):
    """413, in HTML, for a body above so many bytes. It was seen with batches; half a megabyte is thought to pass."""

    over_bytes: int = 500_000

    def __post_init__(self) -> None:
        require("the cap on bodies", [("over_bytes is at least 0", self.over_bytes >= 0)])

    async def befall(self, strike: Strike, proceed: Proceed) -> Answer:
        if len(strike.call.body) > self.over_bytes:
            return html_page(413, TITLES[413])
        strike.spare()
        return await proceed(strike)


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressTooLong(Mishap):
    """414 or 400, in HTML, for path and parameters above so many bytes as they are sent."""

    over_bytes: int = 2_048
    status: Literal[400, 414] = 414

    def __post_init__(self) -> None:
        require("the cap on addresses", [("over_bytes is at least 0", self.over_bytes >= 0)])

    async def befall(self, strike: Strike, proceed: Proceed) -> Answer:
        call = strike.call
        address = f"/v3/company/{call.realm_id}{call.path}?{urlencode(call.params)}"
        if len(address) > self.over_bytes:
            return html_page(self.status, TITLES[self.status])
        strike.spare()
        return await proceed(strike)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListTooLong(Mishap):
    """4001 for an IN list of more values. Our wording: such a cap was never recorded."""

    over_values: int = 100

    def __post_init__(self) -> None:
        require("the cap on lists", [("over_values is at least 1", self.over_values >= 1)])

    async def befall(self, strike: Strike, proceed: Proceed) -> Answer:
        most = max((found.count(",") + 1 for found in _LISTS.findall(strike.subject.statement)), default=0)
        if most > self.over_values:
            detail = f"value list of {most} is too large. Max allowed value is {self.over_values}"
            return enveloped(validation_fault(detail), strike)
        strike.spare()
        return await proceed(strike)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerTooLarge(Mishap):
    """A page of more rows fails: 10100, or the gateway's 6002 as of a page that takes too long to make."""

    over_rows: int = 500
    code: Literal["10100", "6002", "10000"] = "10100"

    def __post_init__(self) -> None:
        require("the cap on answers", [("over_rows is at least 0", self.over_rows >= 0)])

    async def befall(self, strike: Strike, proceed: Proceed) -> Answer:
        answer = await proceed(strike)
        if answer.rows > self.over_rows:
            return enveloped(fault_of(self.code), strike)
        strike.spare()
        return answer
