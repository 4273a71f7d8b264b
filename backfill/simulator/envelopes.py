"""The shapes an answer comes in: application JSON, gateway JSON, XML, HTML, and the headers around them."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from html import escape
from types import MappingProxyType
from xml.sax.saxutils import quoteattr
from zoneinfo import ZoneInfo

import msgspec

from backfill.simulator.faults import Fault

PACIFIC = ZoneInfo("America/Los_Angeles")
"""The zone in which the service writes its times, whatever the company's own."""

JSON_OK = "application/json;charset=utf-8"
JSON_FAULT = "application/json"
XML = "application/xml;charset=utf-8"
HTML = "text/html"

_SECURITY = {"strict-transport-security": "max-age=15552000"}
_UNCACHED = {"expires": "0", "cache-control": "max-age=0, no-cache, no-store, must-revalidate, private"}
QBO_VERSION = "1944.190"  # of the recordings; nothing may depend on it


@dataclass(frozen=True, slots=True)
class Delivery:
    """How an answer reaches its client, where that is not at once and whole."""

    cut_after: int | None = None
    """The connection is reset after so many bytes of the body; None: never."""
    headless: bool = False
    """It is reset before a single byte, the status line included."""
    piece_bytes: int = 0
    """The body comes in pieces of so many bytes; 0: in one."""
    pause_s: float = 0.0
    """Before each piece."""

    def duration_s(self, body_bytes: int) -> float:
        """How long the delivery of a body takes, as far as it gets."""
        if self.headless or not self.piece_bytes:
            return 0.0
        sent = body_bytes if self.cut_after is None else min(body_bytes, self.cut_after)
        return -(-sent // self.piece_bytes) * self.pause_s


@dataclass(frozen=True, slots=True)
class Answer:
    """What the simulator answers, before the headers that every answer has. `code` and `rows` are for the log.

    `work_s` is how long the server is at it, beside the way there and back.
    """

    status: int
    body: bytes
    content_type: str = JSON_OK
    headers: Mapping[str, str] = field(default_factory=dict)
    code: str = ""
    rows: int = 0
    delivery: Delivery | None = None
    """None: at once and whole."""
    work_s: float = 0.0


def time_text(instant: datetime) -> str:
    """`2020-09-29T06:51:37.512-07:00`: an answer's `time`, milliseconds and the Pacific offset."""
    return instant.astimezone(PACIFIC).isoformat(timespec="milliseconds")


def fault_object(fault: Fault) -> bytes:
    """The value of `Fault`, as in a whole answer or in an item of a batch."""
    error = {"Message": fault.message, "Detail": fault.detail, "code": fault.code}
    if fault.element is not None:
        error["element"] = fault.element
    return msgspec.json.encode({"Error": [error], "type": fault.type})


def fault_answer(fault: Fault, instant: datetime, *, json: bool = True) -> Answer:
    """A fault of the application: JSON, or XML for a client that does not accept JSON."""
    if not json:
        return Answer(fault.status, xml_fault(fault, instant), XML, code=fault.code)
    time = b',"time":"%b"' % time_text(instant).encode() if fault.is_timed else b""
    body = b'{"Fault":%b%b}' % (fault_object(fault), time)
    return Answer(fault.status, body, JSON_FAULT, code=fault.code)


def xml_fault(fault: Fault, instant: datetime) -> bytes:
    """The XML envelope; also what the service answers to a throttled client that asked for JSON."""
    element = "" if fault.element is None else f" element={quoteattr(fault.element)}"
    return (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
        f'<IntuitResponse time="{time_text(instant)}" xmlns="http://schema.intuit.com/finance/v3">'
        f"<Fault type={quoteattr(fault.type)}><Error code={quoteattr(fault.code)}{element}>"
        f"<Message>{escape(fault.message, quote=False)}</Message>"
        f"<Detail>{escape(fault.detail, quote=False)}</Detail></Error></Fault></IntuitResponse>"
    ).encode()


def gateway_fault(fault: Fault, instant: datetime) -> bytes:
    """The gateway's JSON: lower-case keys, epoch milliseconds, and many empty siblings."""
    return msgspec.json.encode(
        {
            "warnings": None,
            "intuitObject": None,
            "fault": {
                "error": [
                    {
                        "message": fault.message,
                        "detail": fault.detail,
                        "code": fault.code,
                        "element": fault.element,
                    }
                ],
                "type": fault.type,
            },
            "report": None,
            "queryResponse": None,
            "batchItemResponse": [],
            "attachableResponse": [],
            "syncErrorResponse": None,
            "requestId": None,
            "time": round(instant.timestamp() * 1000),
            "status": None,
            "cdcresponse": [],
        }
    )


def unauthenticated(detail: str, instant: datetime, *, json: bool = True) -> Answer:
    """401: no token, one that is no token, an expired or a revoked one."""
    fault = Fault(
        "3200", "message=AuthenticationFailed; errorCode=003200; statusCode=401", detail, type="AUTHENTICATION"
    )
    challenge = {"www-authenticate": 'Bearer realm="Intuit", error="invalid_token"'}
    return _gateway(401, fault, instant, json=json, headers=challenge)


def unauthorised(detail: str, instant: datetime, *, json: bool = True) -> Answer:
    """403: a good token, but for another company, without the scope, or of an app that was disconnected."""
    fault = Fault(
        "3100", "message=ApplicationAuthorizationFailed; errorCode=003100; statusCode=403", detail, type="SERVICE"
    )
    return _gateway(403, fault, instant, json=json)


def _gateway(
    status: int, fault: Fault, instant: datetime, *, json: bool, headers: Mapping[str, str] = MappingProxyType({})
) -> Answer:
    """The gateway's JSON, or XML for a client that does not accept JSON."""
    body, kind = (gateway_fault(fault, instant), JSON_FAULT) if json else (xml_fault(fault, instant), XML)
    return Answer(status, body, kind, headers, code=fault.code)


def html_page(status: int, title: str) -> Answer:
    """What the servers in front answer when they refuse by themselves."""
    body = (
        '<!DOCTYPE HTML PUBLIC "-//IETF//DTD HTML 2.0//EN">\n'
        f"<html><head>\n<title>{status} {title}</title>\n</head><body>\n<h1>{title}</h1>\n</body></html>\n"
    )
    return Answer(status, body.encode(), HTML)


def xml_page(status: int, code: str, message: str) -> Answer:
    """What the store of files answers when it refuses by itself."""
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return Answer(status, body.encode(), "application/xml", code=code)


def intuit_tid(rng: random.Random, instant: datetime) -> str:
    """Intuit's id of one exchange: the second in hexadecimal, then 96 random bits."""
    return f"1-{int(instant.timestamp()):08x}-{rng.getrandbits(96):024x}"


def with_headers(answer: Answer, *, tid: str, span: str) -> Answer:
    """`answer` with the headers that were recorded on answers of its kind. Names are lower-case."""
    headers = {"content-type": answer.content_type, "server": "nginx", "intuit_tid": tid}
    if "www-authenticate" not in answer.headers:  # the gateway's 401 was recorded without these
        headers |= _SECURITY | {"x-spanid": span, "x-amzn-trace-id": f"Root={tid}"}
    if answer.content_type == JSON_OK:
        # Milliseconds as recorded: some for the call, more with every row. Nothing may depend on them.
        service_time = f"total={24 + answer.rows}, db={10 + answer.rows}"
        headers |= {"qbo-version": QBO_VERSION, "service-time": service_time} | _UNCACHED
    return replace(answer, headers={**headers, **answer.headers})
