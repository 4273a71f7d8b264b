"""One tree of errors. Every error carries its disposition: what to do next.

BackfillError
├── UsageError            bad arguments, configuration or input file (exit code 2)
│   └── RealmGoneError        there is no such realm (any more)
├── UnavailableError      something we need is not there: database, key, port (exit code 3)
├── StoppedError          the run was asked to stop; the same command goes on from there
├── UnprovenError         an entity cannot be shown to be complete
├── RealmBusyError        another process owns the realm
├── LeaseLostError        another process took the realm from us: stop, commit nothing more
└── RequestError          a request to Intuit without a usable answer
    ├── UnansweredError       no whole answer came; the server may have acted
    ├── UnreadableError       an answer came, and it is not what was promised
    ├── TooLargeError         an answer came, and was cut: it must be asked for in smaller parts
    ├── FaultError            Intuit answered with a fault (code, message, detail)
    │   └── ThrottledError        ... which says: too many requests
    └── TokenError            the token endpoint refused; the realm or the app needs a person
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from enum import Enum
from typing import Required, TypedDict, Unpack


class Disposition(Enum):
    """What to do next with the thing that failed."""

    RETRY = "retry"
    """The same request again, after a backoff."""
    WAIT = "wait"
    """The realm is throttled: freeze it, then the same request again."""
    REFRESH = "refresh"
    """The same request with a newer access token, once."""
    SHRINK = "shrink"
    """Ask for less (a smaller page, a shorter period); the same request would fail again."""
    REREAD = "reread"
    """The object changed under us: read it again and apply the intent to what is there now."""
    READ_BACK = "read_back"
    """It was probably applied before: look, and adopt what is found."""
    REJECT = "reject"
    """This item is wrong as it is; it goes to the dead letter, everything else goes on."""
    QUARANTINE = "quarantine"
    """A stored row that cannot be read poisons its page: bisect to it, set it aside."""
    PARK = "park"
    """Nothing more can be done for this realm until a person acts; other realms go on."""
    STOP = "stop"
    """Our bug or a wrong set-up: going on would repeat it."""


class BackfillError(Exception):
    """Base of all errors of this package. `action` tells the user what to do next."""

    disposition: Disposition = Disposition.STOP

    def __init__(self, message: str, *, action: str = "", disposition: Disposition | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.action = action
        if disposition is not None:
            self.disposition = disposition


class UsageError(BackfillError):
    """The user's arguments, configuration or file are wrong. Nothing was done."""


class RealmGoneError(UsageError):
    """The realm is not registered, or is just being removed: of many realms the others go on."""

    def __init__(self, message: str, *, realm_id: str, action: str = "") -> None:
        super().__init__(message, action=action)
        self.realm_id = realm_id


class UnavailableError(BackfillError):
    """Something the program needs cannot be used (a database, a key file, a port)."""


class StoppedError(BackfillError):
    """The run was asked to stop. What was committed is kept; the same command goes on from there."""


class UnprovenError(BackfillError):
    """An entity cannot be shown to be complete. The others go on; the message says what does not add up."""

    disposition = Disposition.REJECT


class RealmBusyError(BackfillError):
    """Another process holds the realm's lease; `owner` says which."""

    disposition = Disposition.WAIT

    def __init__(self, message: str, *, realm_id: str, owner: str, action: str = "") -> None:
        super().__init__(message, action=action)
        self.realm_id = realm_id
        self.owner = owner


class LeaseLostError(BackfillError):
    """The realm's epoch moved on: another process owns it now. Nothing of ours was committed."""

    disposition = Disposition.PARK

    def __init__(self, message: str, *, realm_id: str) -> None:
        super().__init__(message, action="nothing: the other process goes on with the realm")
        self.realm_id = realm_id


class RequestDetails(TypedDict, total=False):
    """The keywords of `RequestError`, which those below it pass on."""

    realm_id: Required[str]
    asked: str
    action: str
    disposition: Disposition | None
    status: int | None
    code: str
    intuit_tid: str


class RequestError(BackfillError):
    """A request to Intuit has no usable answer. Names the realm and what was asked."""

    disposition = Disposition.RETRY

    def __init__(
        self,
        message: str,
        *,
        realm_id: str,
        asked: str = "",
        action: str = "",
        disposition: Disposition | None = None,
        status: int | None = None,
        code: str = "",
        intuit_tid: str = "",
    ) -> None:
        super().__init__(message, action=action, disposition=disposition)
        self.realm_id = realm_id
        self.asked = asked
        """Method and path with the statement or entity, never a token."""
        self.status = status
        self.code = code
        """Intuit's fault code without leading zeros, or a word of ours such as `timeout`."""
        self.intuit_tid = intuit_tid
        """Intuit's own id of the exchange, which its support asks for; empty where none came."""
        self.answer = b""
        """The answer's body, as far as one came: for the call log, never for a message."""


class UnansweredError(RequestError):
    """No whole answer arrived (refused, reset, cut, timed out). The server may have acted on the request."""

    def __init__(self, message: str, *, sent: bool = True, **details: Unpack[RequestDetails]) -> None:
        super().__init__(message, **details)
        self.sent = sent
        """False only where it is certain that no byte of the request reached the server."""


class UnreadableError(RequestError):
    """A 2xx answer whose body is empty, cut, not JSON, or not of the promised shape."""


class TooLargeError(RequestError):
    """A report that is more than Intuit gives in one answer. What came of it is not to be used."""

    disposition = Disposition.SHRINK

    def __init__(self, message: str, *, cells_max: int | None, **details: Unpack[RequestDetails]) -> None:
        super().__init__(message, **details)
        self.cells_max = cells_max
        """Rows times columns that are given, as what came shows; None: nothing says that it was cut for its size."""


class FaultError(RequestError):
    """Intuit answered with a fault. `code`, `detail` and `element` are Intuit's own words.

    `retry_after_s` is how long it asked to be left alone, if it asked.
    """

    def __init__(
        self,
        message: str,
        *,
        detail: str = "",
        element: str = "",
        retry_after_s: float | None = None,
        **details: Unpack[RequestDetails],
    ) -> None:
        super().__init__(message, **details)
        self.detail = detail
        self.element = element
        self.retry_after_s = retry_after_s


class ThrottledError(FaultError):
    """Intuit says: too many requests."""

    disposition = Disposition.WAIT


class TokenError(RequestError):
    """The token endpoint refused. PARK: the realm needs a new consent. STOP: the app's own credentials are wrong."""

    disposition = Disposition.PARK


def meant(name: str, known: Iterable[str], *, otherwise: str = "") -> str:
    """What a user may have meant who wrote `name`, in whatever case: the action of an error, or its last sentence."""
    by_lower = {each.lower(): each for each in known}
    near = difflib.get_close_matches(name.lower(), by_lower, n=3)
    return f"Did you mean {' or '.join(by_lower[each] for each in near)}?" if near else otherwise
