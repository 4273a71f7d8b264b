"""The section of the receiver of webhooks."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, SecretStr, field_validator

from backfill.config.section import Section


class WebhooksSection(Section):
    """The receiver of Intuit's webhooks, see `backfill webhooks serve`."""

    verifier_tokens: tuple[SecretStr, ...] = ()
    """From the app's page in Intuit's portal; the old and the new one while they are exchanged. In one text, they have
    commas or blanks between them."""
    host: str = "127.0.0.1"
    """Where it listens, in plain http: what ends the TLS that Intuit demands stands in front of it."""
    port: Annotated[int, Field(ge=0, le=65_535)] = 8766
    body_kb: Annotated[int, Field(ge=1, le=10_240)] = 1024
    """Larger bodies are refused unread. An event has some 400 bytes; how many Intuit sends at once it does not say."""
    gather_s: Annotated[float, Field(ge=0, le=3600)] = 5.0
    """A company's events wait so long for others to share their metered calls with."""
    retention_days: Annotated[int, Field(ge=1, le=3660)] = 30
    """How long events that are done with are kept; until then a delivery that is repeated is recognised."""

    @field_validator("verifier_tokens", mode="before")
    @classmethod
    def _separated(cls, value: object) -> object:
        return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value
