"""`/control/...`: how a rehearsal looks behind the served API, and what it may bring about there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import datetime

import msgspec
from aiohttp import web

from backfill.errors import UsageError
from backfill.simulator.core import Simulator

JSON = "application/json"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def add_control(app: web.Application, simulator: Simulator) -> None:
    """Serve `/control/state`, `/log`, `/summary`, `/act` and `/revoke`."""
    control = _Control(simulator)
    app.router.add_get("/control/state", control.state)
    app.router.add_get("/control/log", control.log)
    app.router.add_get("/control/summary", control.summary)
    app.router.add_post("/control/act", control.act)
    app.router.add_post("/control/revoke", control.revoke)


class _Control:
    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    async def state(self, request: web.Request) -> web.Response:
        """`?realm=&at=`: entity to Id to object, as all stood at `at` (an answer's `time`; absent: now)."""
        company = self._simulator.fleet.company(self._realm(request))
        at = request.query.get("at")
        try:
            instant = company.stamp() if at is None else datetime.fromisoformat(at)
        except ValueError as error:
            raise web.HTTPBadRequest(text=f"at is not a time: {at}") from error
        if instant.tzinfo is None:
            raise web.HTTPBadRequest(text=f"at has no offset: {at}")
        tables = [
            b"%b:{%b}"
            % (
                msgspec.json.encode(entity),
                b",".join(b"%b:%b" % (msgspec.json.encode(i), doc) for i, doc in docs.items()),
            )
            for entity, docs in company.state_at(instant).items()
        ]
        return web.Response(body=b"{%b}" % b",".join(tables), content_type=JSON)

    async def log(self, request: web.Request) -> web.Response:
        """`?realm=`: the requests in the order of acting, and how many older ones were dropped."""
        entries = self._simulator.log.entries(request.query.get("realm"))
        return _json({"dropped": self._simulator.log.dropped, "entries": entries})

    async def summary(self, request: web.Request) -> web.Response:  # noqa: ARG002 -- a handler's signature
        """Realm to what its requests add up to."""
        return _json({realm_id: asdict(summed) for realm_id, summed in self._simulator.log.summary().items()})

    async def act(self, request: web.Request) -> web.Response:
        """`?realm=&count=`: other people make that many changes at once."""
        realm_id = self._realm(request)
        count = request.query.get("count", "1")
        if not count.isdigit():
            raise web.HTTPBadRequest(text=f"count is not a number: {count}")
        self._simulator.people(realm_id).act(int(count))
        return _json({"realm": realm_id, "changes": self._simulator.fleet.company(realm_id).changes})

    async def revoke(self, request: web.Request) -> web.Response:
        """`?realm=`: the company's owner disconnects the app."""
        realm_id = self._realm(request)
        self._simulator.oauth.revoke(realm_id)
        return _json({"realm": realm_id, "revoked": True})

    def _realm(self, request: web.Request) -> str:
        realm_id = request.query.get("realm", "")
        try:
            self._simulator.fleet.size_of(realm_id)
        except UsageError as error:
            raise web.HTTPNotFound(text=error.message) from error
        return realm_id


def _json(value: object) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), content_type=JSON)
