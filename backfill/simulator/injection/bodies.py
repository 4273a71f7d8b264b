"""Answers whose status says that all is well, and whose bodies are broken. The service has acted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from backfill.simulator.envelopes import Answer
from backfill.simulator.injection.mishap import Mishap, Proceed, Strike
from backfill.simulator.settings import require


@dataclass(frozen=True, slots=True, kw_only=True)
class TruncatedBody(Mishap):
    """The body ends too soon, and its headers agree with it."""

    share: float = 0.5

    def __post_init__(self) -> None:
        require("the truncated body", [("share is at least 0 and below 1", 0 <= self.share < 1)])

    async def befall(self, strike: Strike, proceed: Proceed) -> Answer:
        answer = await proceed(strike)
        return replace(answer, body=answer.body[: int(len(answer.body) * self.share)])


BROKEN: dict[str, tuple[bytes, bytes]] = {
    "comma": (b"{", b"{,"),
    "byte": (b":", b':"\xff",:'),
    "nan": (b":", b":NaN,:"),
}
"""What stands where something else belongs, at its first place in the body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InvalidBody(Mishap):
    """The body is whole, and no JSON: a stray comma, a byte that is not UTF-8, or NaN."""

    flaw: Literal["comma", "byte", "nan"] = "comma"

    def __post_init__(self) -> None:
        require("the invalid body", [(f"flaw is one of {', '.join(BROKEN)}", self.flaw in BROKEN)])

    async def befall(self, strike: Strike, proceed: Proceed) -> Answer:
        answer = await proceed(strike)
        return replace(answer, body=answer.body.replace(*BROKEN[self.flaw], 1))
