"""Answers that come instead of the service's own, whether it acted or not."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from backfill.simulator.documented import COMPANY_STATUS, DOCUMENTED, TIMED_OUT, UNAUTHENTICATED
from backfill.simulator.envelopes import (
    JSON_FAULT,
    JSON_OK,
    XML,
    Answer,
    fault_answer,
    gateway_fault,
    html_page,
    xml_fault,
)
from backfill.simulator.faults import Fault
from backfill.simulator.injection.mishap import Mishap, Proceed, Strike
from backfill.simulator.settings import ThrottleBody, require
from backfill.simulator.throttle import refusal_answer

Form = Literal["", "json", "gateway", "xml"]
"""The envelope of a fault: the application's JSON, the gateway's, or XML; empty: the one that was recorded."""

TITLES = {
    200: "Sign In",
    400: "Bad Request",
    404: "Not Found",
    413: "Request Entity Too Large",
    414: "Request-URI Too Long",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Time-out",
}
"""Titles of the pages that servers in front answer with; of 200, that of a page that asks a person to sign in."""

RECORDED: Mapping[str, Form] = {"3001": "xml", "3100": "gateway", "3200": "gateway", "6002": "xml"}
"""The envelopes of faults that were recorded in another one than the application's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal(Mishap):
    """An answer of another's making. With `after_commit` the service has acted all the same."""

    after_commit: bool = False
    hold_s: float = 0.0
    """How long it lets the client wait."""

    async def befall(self, strike: Strike, proceed: Proceed) -> Answer:
        if self.after_commit:
            await proceed(strike)
        await strike.wait(self.hold_s)
        return self.answer(strike)

    @abstractmethod
    def answer(self, strike: Strike) -> Answer: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiFault(Refusal):
    """Any documented fault: 200 with a Fault inside is `status=200`."""

    code: str = "6000"
    status: int | None = None
    """None: the one that belongs to the code."""
    message: str = ""
    detail: str = ""
    type: str = ""
    form: Form = ""

    def __post_init__(self) -> None:
        require(f"the fault {self.code}", fault_rules(self.code, self.message))

    def answer(self, strike: Strike) -> Answer:
        fault = fault_of(self.code, message=self.message, detail=self.detail, type_=self.type)
        fault = fault if self.status is None else replace(fault, status=self.status)
        return enveloped(fault, strike, self.form)


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayTimeout(Refusal):
    """504 in XML with code 6002, after the service's own two minutes."""

    hold_s: float = 120.0

    def answer(self, strike: Strike) -> Answer:
        return enveloped(TIMED_OUT, strike, "xml")


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorPage(Refusal):
    """A page of HTML, as servers in front answer: 413, 502, 503, 504; 200 is a page that asks a person to sign in."""

    status: int = 503

    def answer(self, strike: Strike) -> Answer:  # noqa: ARG002 -- every refusal's signature
        return html_page(self.status, TITLES.get(self.status, "Error"))


@dataclass(frozen=True, slots=True, kw_only=True)
class TooManyRequests(Refusal):
    """A 429 out of turn, in any of its forms; for days, where an app's monthly quota is spent."""

    form: ThrottleBody = "xml"
    retry_after: Literal["absent", "seconds", "date"] = "absent"
    wait_s: float = 60.0
    """What Retry-After says, where it is sent."""

    def answer(self, strike: Strike) -> Answer:
        wait_s = strike.scaled(self.wait_s)
        return refusal_answer(self.form, strike.now(), retry_after=self.retry_after, wait_s=wait_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class BareText(Refusal):
    """A sentence where JSON belongs: of a company whose subscription ended, within a 200 that calls itself JSON."""

    text: str = f"{COMPANY_STATUS.message}: {COMPANY_STATUS.detail} (6190)"
    status: int = 200
    content_type: str = JSON_OK

    def answer(self, strike: Strike) -> Answer:  # noqa: ARG002 -- every refusal's signature
        return Answer(self.status, self.text.encode(), self.content_type)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoBody(Refusal):
    """A status and nothing more."""

    status: int = 200
    after_commit: bool = True

    def answer(self, strike: Strike) -> Answer:  # noqa: ARG002 -- every refusal's signature
        return Answer(self.status, b"", JSON_OK if self.status < 400 else JSON_FAULT)


def fault_rules(code: str, message: str) -> list[tuple[str, bool]]:
    """What must hold of a fault that is told to happen."""
    return [("its code is a documented one, or it has a message of its own", bool(message) or code in DOCUMENTED)]


def fault_of(code: str, *, message: str = "", detail: str = "", type_: str = "") -> Fault:
    """The documented fault of that code, or with other words."""
    fault = DOCUMENTED.get(code) or Fault(code, message, message)
    return replace(fault, message=message or fault.message, detail=detail or fault.detail, type=type_ or fault.type)


def enveloped(fault: Fault, strike: Strike, form: Form = "") -> Answer:
    """The fault's answer, in its recorded form where none is asked for: the gateway's own are not the application's."""
    now, json = strike.now(), strike.call.accepts_json
    match (form or RECORDED.get(fault.code, "json")) if json else "xml":
        case "xml":
            answer = Answer(fault.status, xml_fault(fault, now), XML, code=fault.code)
        case "gateway":
            answer = Answer(fault.status, gateway_fault(fault, now), JSON_FAULT, code=fault.code)
        case _:
            answer = fault_answer(fault, now)
    if fault.code == UNAUTHENTICATED.code and fault.status == UNAUTHENTICATED.status:
        return replace(answer, headers={"www-authenticate": 'Bearer realm="Intuit", error="invalid_token"'})
    return answer
