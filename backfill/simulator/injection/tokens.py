"""What goes wrong around tokens. A 429, a page of HTML or a lost reply there are the other mishaps, on lane token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import msgspec

from backfill.simulator.envelopes import JSON_FAULT, Answer
from backfill.simulator.injection.mishap import Mishap, Proceed, Strike
from backfill.simulator.injection.refusals import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedGrant(Refusal):
    """The token endpoint refuses a value that is good, and the consent lives on: as in a race, or by mistake."""

    error: str = "invalid_grant"
    description: str = "Incorrect or invalid refresh token"
    status: int = 400

    def answer(self, strike: Strike) -> Answer:  # noqa: ARG002 -- every refusal's signature
        body = {"error": self.error} | ({"error_description": self.description} if self.description else {})
        return Answer(self.status, msgspec.json.encode(body), JSON_FAULT, code=self.error)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshRace(Mishap):
    """Another worker of the same app refreshes just before, so that the value in this call is the one before.

    Whether that still refreshes is `old_refresh_token_life_s`, and what its use brings about `refresh_reuse`. The
    other worker's value is what `Simulator.credentials` tells.
    """

    async def befall(self, strike: Strike, proceed: Proceed) -> Answer:
        if not strike.oauth.rotate(strike.subject.realm_id, strike.subject.app):
            strike.spare()
        return await proceed(strike)


@dataclass(frozen=True, slots=True, kw_only=True)
class Disconnect(Mishap):
    """The company's owner disconnects the app just before this call, which meets it already."""

    at_gateway: ClassVar[bool] = True

    async def befall(self, strike: Strike, proceed: Proceed) -> Answer:
        strike.oauth.grants.disconnect(strike.subject.realm_id, strike.subject.app or None)
        return await proceed(strike)
