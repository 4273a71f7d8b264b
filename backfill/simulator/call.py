"""One request as it reaches the simulated service, by whichever face it came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from backfill.wire import Lane

Kind = Literal["", "batch", "report", "email"]
"""A kind of call that limits count for themselves."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call below `/v3/company/{realm_id}`. Header names are lower-case; params are decoded."""

    realm_id: str
    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    origin: str = "http://127.0.0.1"
    """Scheme and host by which the service was reached: links to its other hosts lead there."""
    oversize: bool = False
    """The body was larger than it may be, and was not read."""

    @property
    def segments(self) -> list[str]:
        return self.path.strip("/").split("/")

    @property
    def lane(self) -> Lane:
        """The kind of call as the server sees it, whatever the client called it."""
        lane = _LANES.get(self.segments[0])
        if lane is not None:
            return lane
        return Lane.WRITE if self.method == "POST" else Lane.QUERY

    @property
    def kind(self) -> Kind:
        """What it is to limits that count one kind of call."""
        match self.segments:
            case ["batch", *_]:
                return "batch"
            case ["reports", *_]:
                return "report"
            case [_, _, "send"]:
                return "email"
            case _:
                return ""

    @property
    def accepts_json(self) -> bool:
        """Whether the answer may be JSON: without an Accept header the service answers XML."""
        accept = self.headers.get("accept", "").lower()
        return any(kind in accept for kind in ("application/json", "application/*", "*/*"))


_LANES = {"query": Lane.QUERY, "batch": Lane.BATCH, "cdc": Lane.CDC, "reports": Lane.REPORT}
