"""The API below `/v3/company/{realm_id}`: which path and method is answered by what.

A call that got this far is authenticated and within its limits. It acts at one instant, which its answer
states as `time`: what it read is what the company held then.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from backfill.simulator.acting import Acting, Content, Handler
from backfill.simulator.batch import answer_batch, items_of, statements
from backfill.simulator.call import Call
from backfill.simulator.cdc import answer_cdc
from backfill.simulator.endpoints.files import Files
from backfill.simulator.endpoints.routes import ENDPOINTS, ON_OBJECTS
from backfill.simulator.envelopes import JSON_OK, Answer, fault_answer, time_text
from backfill.simulator.faults import (
    NOT_ACCEPTABLE,
    OBJECT_NOT_FOUND,
    FaultedError,
    bad_minorversion,
    no_resource,
)
from backfill.simulator.fleet import Fleet
from backfill.simulator.query.answer import answer_query
from backfill.simulator.reads import BY_PATH, read_object, read_singleton
from backfill.simulator.reports.shelf import Shelves
from backfill.simulator.settings import SimulatorSettings
from backfill.simulator.writing.replays import Replays, checked_id
from backfill.simulator.writing.requests import BAD_ENCODING, act, body_of, included
from backfill.simulator.writing.tax_service import write_tax_code


class Api:
    """Answers authenticated calls over the companies of a fleet."""

    def __init__(self, settings: SimulatorSettings, fleet: Fleet, *, files: Files | None = None) -> None:
        self._settings = settings
        self._fleet = fleet
        self._files = files or Files(settings)
        self._answers: defaultdict[str, Replays[Answer]] = defaultdict(Replays)
        self._items: defaultdict[str, Replays[bytes]] = defaultdict(Replays)
        self._shelves = Shelves()

    def handle(self, call: Call, settings: SimulatorSettings | None = None) -> Answer:
        """The whole answer to one call. Never raises for anything a client can send.

        `settings` are others than the simulator's own, for this call.
        """
        company = self._fleet.company(call.realm_id)
        settings = settings or self._settings
        items, shelves = self._items[call.realm_id], self._shelves
        acting = Acting(call, company, settings, company.stamp(), self._files, items, shelves)
        try:
            answers = self._answers[call.realm_id]
            request_id, content = _request_id(call), _content_of(call)
            return answers.once(request_id, content, acting.instant, lambda: _answer(acting), settings)
        except FaultedError as error:
            return fault_answer(error.fault, acting.instant, json=call.accepts_json)


def asked(call: Call) -> str:
    """What a call asks, in words for the log; empty where its path says it all."""
    match call.segments[0]:
        case "query":
            return call.params.get("query", "") if call.method == "GET" else call.body.decode(errors="replace")
        case "cdc":
            return f"{call.params.get('entities', '')} since {call.params.get('changedSince', '')}"
        case "reports":
            return "&".join(f"{name}={value}" for name, value in call.params.items())
        case "batch":
            try:
                return statements(items_of(call.body))
            except FaultedError as error:
                return error.fault.detail
        case _:
            return ""


def _request_id(call: Call) -> str:
    """The id under which the answer is remembered: of a write of one object, which alone can be sent again by it."""
    is_write = call.method == "POST" and _handler(call) in {_write, _tax_code}
    return checked_id(call.params.get("requestid", "")) if is_write else ""


def _content_of(call: Call) -> bytes:
    """What a write asks, to tell it from another one under the same id."""
    asks = "&".join(call.params.get(name, "") for name in ("operation", "include"))
    return f"{call.path}?{asks}\n".encode() + call.body


def _answer(acting: Acting) -> Answer:
    """The answer to one call, at the instant it began, or just after what it changed."""
    changes = acting.company.changes
    content = _content(acting)
    if isinstance(content, Answer):
        return content
    instant = acting.instant if acting.company.changes == changes else acting.company.stamp()
    members = b'{%b,"time":"%b"}' % (content.members, time_text(instant).encode())
    return Answer(200, members, JSON_OK, rows=content.rows)


def _content(acting: Acting) -> Content | Answer:
    call = acting.call
    minorversion = call.params.get("minorversion", "75")
    if not minorversion.isdigit():
        raise FaultedError(bad_minorversion(minorversion))
    handler = _handler(call)
    if handler is None:
        raise FaultedError(no_resource(f"/v3/company/{call.realm_id}{call.path}"))
    content = handler(acting)
    if isinstance(content, Content) and not call.accepts_json:
        raise FaultedError(NOT_ACCEPTABLE)
    return content


def _handler(call: Call) -> Handler | None:
    match call.segments:
        case [path, _, action] if path in BY_PATH and (call.method, action) in ON_OBJECTS:
            return ON_OBJECTS[call.method, action]
        case [first, *_]:
            handler = ROUTES.get((call.method, first))
            return ENTITY_ROUTES.get(call.method) if handler is None and first in BY_PATH else handler
        case _:
            return None


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
        items_of(acting.call.body, acting.settings.batch_items),
        acting.company,
        acting.settings,
        acting.instant,
        request_id=acting.call.params.get("requestid", ""),
        replays=acting.items,
    )
    return Content(b'"BatchItemResponse":' + found.body, found.rows)


def _company_info(acting: Acting) -> Content:
    _, *rest = acting.call.segments
    if rest not in ([acting.company.realm_id], ["1"]):
        raise FaultedError(OBJECT_NOT_FOUND)
    return Content(read_singleton(BY_PATH["companyinfo"], acting.company), 1)


def _preferences(acting: Acting) -> Content:
    return Content(read_singleton(BY_PATH["preferences"], acting.company), 1)


def _read(acting: Acting) -> Content:
    """`GET /{entity}/{id}`."""
    match acting.call.segments:
        case [path, object_id]:
            return Content(read_object(BY_PATH[path], object_id, acting.company), 1)
        case _:
            raise FaultedError(no_resource(f"/v3/company/{acting.call.realm_id}{acting.call.path}"))


def _write(acting: Acting) -> Content:
    """`POST /{entity}`: create, update, delete or void, as the parameters and the body say."""
    call = acting.call
    if not call.accepts_json:
        raise FaultedError(NOT_ACCEPTABLE)  # before anything is done
    if len(call.segments) != 1:
        raise FaultedError(no_resource(f"/v3/company/{call.realm_id}{call.path}"))
    entity = BY_PATH[call.segments[0]].name
    include = included(call.params.get("include", ""))
    return Content(act(acting.company, entity, call.params.get("operation", ""), body_of(call.body), include), 1)


def _tax_code(acting: Acting) -> Content:
    """`POST /taxservice/taxcode`."""
    call = acting.call
    if not call.accepts_json:
        raise FaultedError(NOT_ACCEPTABLE)
    if [part.lower() for part in call.segments] != ["taxservice", "taxcode"]:
        raise FaultedError(no_resource(f"/v3/company/{call.realm_id}{call.path}"))
    return Content(write_tax_code(acting.company, body_of(call.body)), 1)


ROUTES: Mapping[tuple[str, str], Handler] = {
    ("GET", "query"): _query,
    ("POST", "query"): _query,
    ("GET", "cdc"): _cdc,
    ("POST", "batch"): _batch,
    ("POST", "taxservice"): _tax_code,
    ("GET", "companyinfo"): _company_info,
    ("GET", "preferences"): _preferences,
    **ENDPOINTS,
}
"""Method and first part of the path to what answers it."""

ENTITY_ROUTES: Mapping[str, Handler] = {"GET": _read, "POST": _write}
"""What answers a path that begins with an entity, where no route above does."""
