"""The API below `/v3/company/{realm_id}`: which path and method is answered by what.

A call that got this far is authenticated and within its limits. It acts at one instant, which its answer
states as `time`: what it read is what the company held then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from backfill.simulator.batch import answer_batch, items_of, statements
from backfill.simulator.call import Call
from backfill.simulator.cdc import answer_cdc
from backfill.simulator.company import Company
from backfill.simulator.envelopes import JSON_OK, Answer, fault_answer, time_text
from backfill.simulator.faults import (
    NOT_ACCEPTABLE,
    OBJECT_NOT_FOUND,
    Fault,
    FaultedError,
    bad_minorversion,
    no_resource,
    unsupported,
)
from backfill.simulator.fleet import Fleet
from backfill.simulator.query.answer import answer_query
from backfill.simulator.reads import BY_PATH, read_classifications, read_object, read_rate, read_singleton
from backfill.simulator.settings import SimulatorSettings

BAD_ENCODING = Fault("500", "Unsupported Operation", "Invalid byte 1 of 1-byte UTF-8 sequence is not supported.")


@dataclass(frozen=True, slots=True)
class Content:
    """The members of a good answer's JSON, before `time`; `rows` is how many objects it holds."""

    members: bytes
    rows: int = 0


@dataclass(frozen=True, slots=True)
class Acting:
    """One call at its instant."""

    call: Call
    company: Company
    settings: SimulatorSettings
    instant: datetime


class Api:
    """Answers authenticated calls over the companies of a fleet."""

    def __init__(self, settings: SimulatorSettings, fleet: Fleet) -> None:
        self._settings = settings
        self._fleet = fleet

    def handle(self, call: Call) -> Answer:
        """The whole answer to one call. Never raises for anything a client can send."""
        company = self._fleet.company(call.realm_id)
        acting = Acting(call, company, self._settings, company.stamp())
        try:
            content = _content(acting)
        except FaultedError as error:
            return fault_answer(error.fault, acting.instant, json=call.accepts_json)
        time = time_text(acting.instant).encode()
        return Answer(200, b'{%b,"time":"%b"}' % (content.members, time), JSON_OK, rows=content.rows)


def asked(call: Call) -> str:
    """What a call asks, in words for the log; empty where its path says it all."""
    match call.segments[0]:
        case "query":
            return call.params.get("query", "") if call.method == "GET" else call.body.decode(errors="replace")
        case "cdc":
            return f"{call.params.get('entities', '')} since {call.params.get('changedSince', '')}"
        case "batch":
            try:
                return statements(items_of(call.body))
            except FaultedError as error:
                return error.fault.detail
        case _:
            return ""


def _content(acting: Acting) -> Content:
    call = acting.call
    minorversion = call.params.get("minorversion", "75")
    if not minorversion.isdigit():
        raise FaultedError(bad_minorversion(minorversion))
    first = call.segments[0]
    handler = ROUTES.get((call.method, first))
    if handler is None:
        handler = ENTITY_ROUTES.get(call.method) if first in BY_PATH else None
    if handler is None:
        raise FaultedError(no_resource(f"/v3/company/{call.realm_id}{call.path}"))
    content = handler(acting)
    if not call.accepts_json:
        raise FaultedError(NOT_ACCEPTABLE)
    return content


def _query(acting: Acting) -> Content:
    if acting.call.method == "GET":
        text = acting.call.params.get("query", "")
    else:
        try:
            text = acting.call.body.decode()
        except UnicodeDecodeError as error:
            raise FaultedError(BAD_ENCODING) from error
    found = answer_query(text, acting.company, acting.settings, acting.instant)
    return Content(b'"QueryResponse":' + found.body, found.rows)


def _cdc(acting: Acting) -> Content:
    params = acting.call.params
    found = answer_cdc(
        params.get("entities", ""), params.get("changedSince", ""), acting.company, acting.settings, acting.instant
    )
    return Content(b'"CDCResponse":' + found.body, found.rows)


def _batch(acting: Acting) -> Content:
    found = answer_batch(
        items_of(acting.call.body),
        acting.company,
        acting.settings,
        acting.instant,
        request_id=acting.call.params.get("requestid", ""),
    )
    return Content(b'"BatchItemResponse":' + found.body, found.rows)


def _company_info(acting: Acting) -> Content:
    _, *rest = acting.call.segments
    if rest not in ([acting.company.realm_id], ["1"]):
        raise FaultedError(OBJECT_NOT_FOUND)
    return Content(read_singleton(BY_PATH["companyinfo"], acting.company), 1)


def _preferences(acting: Acting) -> Content:
    return Content(read_singleton(BY_PATH["preferences"], acting.company), 1)


def _exchange_rate(acting: Acting) -> Content:
    return Content(read_rate(acting.call.params, acting.company), 1)


def _tax_classification(acting: Acting) -> Content:
    _, *rest = acting.call.segments
    if rest:
        return _read(acting)
    found = read_classifications(acting.company)
    return Content(b'"QueryResponse":' + found.body, found.rows)


def _read(acting: Acting) -> Content:
    """`GET /{entity}/{id}`."""
    match acting.call.segments:
        case [path, object_id]:
            return Content(read_object(BY_PATH[path], object_id, acting.company), 1)
        case _:
            raise FaultedError(no_resource(f"/v3/company/{acting.call.realm_id}{acting.call.path}"))


def _write(acting: Acting) -> Content:
    """`POST /{entity}`: this simulator does not take writes yet."""
    raise FaultedError(unsupported(acting.call.params.get("operation", "create or update")))


Handler = Callable[[Acting], Content]

ROUTES: Mapping[tuple[str, str], Handler] = {
    ("GET", "query"): _query,
    ("POST", "query"): _query,
    ("GET", "cdc"): _cdc,
    ("POST", "batch"): _batch,
    ("GET", "companyinfo"): _company_info,
    ("GET", "preferences"): _preferences,
    ("GET", "exchangerate"): _exchange_rate,
    ("GET", "taxclassification"): _tax_classification,
}
"""Method and first part of the path to what answers it."""

ENTITY_ROUTES: Mapping[str, Handler] = {"GET": _read, "POST": _write}
"""What answers a path that begins with an entity, where no route above does."""
