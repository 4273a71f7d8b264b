"""From what Intuit said to the error that we raise: with realm, question, code, disposition and advice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backfill.errors import Disposition, FaultError, ThrottledError, UnreadableError
from backfill.qbo.envelopes import Envelope, Fault, redacted
from backfill.qbo.faults import FaultRule, gravest, rule_without_fault
from backfill.wire import Lane, Request

_ASKED_CHARS_MAX = 300
"""Enough of a statement to recognise it; an IN list may hold a thousand Ids."""

_SAID_CHARS_MAX = 4000
"""Of what the other side said, in one message. The longest fault recorded has 2 kB; anything may be said."""

_REPORT_WORDS = ("start_date", "end_date", "report_date", "accounting_method", "summarize_column_by", "account")
"""What tells one question for a report from another."""

_ITEM_KEY = b'"bId"'


def asked_of(request: Request) -> str:
    """What a request asks, in a line: method, path, and the statement or the entities."""
    words = dict(request.params)
    subject = words.get("query") or words.get("entities") or ""
    if request.path == "/query" and request.body:
        subject = request.body[:_ASKED_CHARS_MAX].decode("utf-8", "replace")
    elif request.lane is Lane.REPORT:
        subject = " ".join(words[name] for name in _REPORT_WORDS if name in words)
    elif request.path == "/batch":
        subject = f"({request.body.count(_ITEM_KEY)} items)"
    line = f"{request.method} {request.path} {subject}".rstrip()
    return line if len(line) <= _ASKED_CHARS_MAX else f"{line[:_ASKED_CHARS_MAX]}…"


def fault_error(
    faults: Sequence[Fault], request: Request, *, status: int, intuit_tid: str = "", retry_after_s: float | None = None
) -> FaultError:
    """The error for at least one fault; several are decided by the gravest and all are told."""
    fault, rule = gravest(faults, status)
    said = "; ".join(dict.fromkeys(_sentence(each) for each in faults))
    return _error(rule, request, said, fault, status=status, intuit_tid=intuit_tid, retry_after_s=retry_after_s)


def refusal_error(
    envelope: Envelope,
    request: Request,
    *,
    status: int,
    intuit_tid: str = "",
    retry_after_s: float | None = None,
) -> FaultError:
    """The error for an answer that is not a 2xx, whatever its body is."""
    if envelope.faults:
        return fault_error(envelope.faults, request, status=status, intuit_tid=intuit_tid, retry_after_s=retry_after_s)
    rule = rule_without_fault(envelope.text, status)
    fault = Fault(code=rule.code, message=rule.meaning, detail=envelope.text)
    said = f"{rule.meaning}: {envelope.text}" if envelope.text else rule.meaning
    return _error(rule, request, said, fault, status=status, intuit_tid=intuit_tid, retry_after_s=retry_after_s)


def unreadable_error(why: str, request: Request, *, status: int = 200, intuit_tid: str = "") -> UnreadableError:
    """The error for a 2xx answer that is not what was promised."""
    asked = asked_of(request)
    why = redacted(why)[:_SAID_CHARS_MAX]  # it may quote the answer
    return UnreadableError(
        f"Intuit's answer to {asked} for realm {request.realm_id} cannot be read: {why}.",
        realm_id=request.realm_id,
        asked=asked,
        action="Try again later. If it stays, give Intuit's support the intuit_tid: backfill calls --failed",
        status=status,
        code="unreadable",
        intuit_tid=intuit_tid,
    )


def _error(
    rule: FaultRule,
    request: Request,
    said: str,
    fault: Fault,
    *,
    status: int,
    intuit_tid: str,
    retry_after_s: float | None,
) -> FaultError:
    asked = asked_of(request)
    code = fault.code or rule.code
    said = said[:_SAID_CHARS_MAX]
    message = f"Intuit refused {asked} for realm {request.realm_id}: {said} (HTTP {status}, code {code or 'none'})."
    details: dict[str, Any] = {
        "realm_id": request.realm_id,
        "asked": asked,
        "action": rule.action_for(request.realm_id),
        "status": status,
        "code": code,
        "intuit_tid": intuit_tid,
        "detail": fault.detail[:_SAID_CHARS_MAX],
        "element": fault.element[:_SAID_CHARS_MAX],
        "retry_after_s": retry_after_s,
    }
    if rule.disposition is Disposition.WAIT:
        return ThrottledError(message, **details)
    return FaultError(message, disposition=_for_lane(rule, request.lane, status), **details)


def _for_lane(rule: FaultRule, lane: Lane, status: int) -> Disposition:
    """A report that ran into the 120 s limit will again: ask for a shorter period. A page may have had bad luck."""
    timed_out = rule.code == "6002" or status == 504  # Gateway Timeout
    return Disposition.SHRINK if timed_out and lane is Lane.REPORT else rule.disposition


def _sentence(fault: Fault) -> str:
    return ": ".join(part for part in (fault.message, fault.detail) if part) or "no reason given"
