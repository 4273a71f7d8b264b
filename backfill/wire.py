"""The one seam: a request, a response, and the one async method between them.

Real HTTP, the in-process simulator, faults and every wrapper are a `Transport`, so they stack:
`retried(paced(checked(auth(http))))` for real, the same over the simulator in tests and plans.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

import msgspec

from backfill.model import RealmId

HEAD_BYTES = 32 * 1024
"""What a transport may take in of an answer that it is to wait with: see `Request.coming`. Headers and the first row,
and over TLS two records, since nothing can be said of one that is not whole."""


class Lane(StrEnum):
    """What kind of call it is. A realm's budget has a share for each, and the run counts them apart."""

    QUERY = "query"
    BATCH = "batch"
    CDC = "cdc"
    REPORT = "report"
    WRITE = "write"


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One call below `/v3/company/{realm_id}`. Header values and bodies stay out of the repr: they hold secrets.

    A struct, since several of the wrappers send a changed copy, which costs a seventh of a dataclass's.
    """

    realm_id: RealmId
    lane: Lane
    method: str
    path: str
    """Starts with a slash: `/query`, `/batch`, `/cdc`, `/companyinfo/123`."""
    params: tuple[tuple[str, str], ...] = ()
    """Query parameters in order, not yet URL-encoded."""
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    body: bytes = b""
    attempt: int = 1
    """How often this is sent, this time included. Not sent itself."""
    coming: Callable[[], Awaitable[None] | None] | None = None
    """Called when a good answer begins to come, before it is read; what it returns is waited for first, if anything."""

    def __repr__(self) -> str:
        return f"Request({self.realm_id}, {self.lane}, {self.method} {self.path}, {self.params}, {self.attempt})"

    def before_reading(self, status: int) -> Awaitable[None] | None:
        """What is to be waited for before an answer of that status is read, if anything: see `coming`."""
        return self.coming() if self.coming is not None and 200 <= status < 300 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A whole answer. Header names are lower-case; `body` is decompressed."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)

    @property
    def intuit_tid(self) -> str:
        return self.headers.get("intuit_tid") or self.headers.get("intuit-tid", "")


class Transport(Protocol):
    """The only way out to QuickBooks."""

    async def send(self, request: Request, *, deadline: float) -> Response:
        """Send once and return the whole answer.

        `deadline` is absolute, in the event loop's time (`anyio.current_time()`), seconds; a wait for what
        `request.coming` returned does not count.
        Raises `errors.RequestError`, chiefly `UnansweredError` when no whole answer came in time.
        """
        ...


class TokenEndpoint(Protocol):
    """The OAuth token endpoint: its own way out, not paced (Intuit does not count it against a realm)."""

    async def post(self, form: Mapping[str, str], headers: Mapping[str, str], *, deadline: float) -> Response:
        """POST `form` urlencoded with `headers` (Basic client authentication). Raises `errors.UnansweredError`."""
        ...
