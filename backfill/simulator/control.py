"""`/control/...`: how a rehearsal looks behind the served API, and what it may bring about there."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

import msgspec
from aiohttp import web

from backfill.errors import UsageError
from backfill.simulator.books.daybook import START
from backfill.simulator.books.opening import ledger_of
from backfill.simulator.core import Simulator
from backfill.simulator.injection.notation import counted, described, read_table
from backfill.simulator.webhooks.emitter import counted as webhooks_counted

JSON = "application/json"


def add_control(app: web.Application, simulator: Simulator) -> None:
    """Serve `/control/state`, `/ledger`, `/log`, `/summary`, `/act`, `/revoke`, `/injections`, `/mishaps` and more."""
    control = _Control(simulator)
    app.router.add_get("/control/state", control.state)
    app.router.add_get("/control/ledger", control.ledger)
    app.router.add_get("/control/log", control.log)
    app.router.add_get("/control/summary", control.summary)
    app.router.add_post("/control/act", control.act)
    app.router.add_post("/control/revoke", control.revoke)
    app.router.add_get("/control/injections", control.injections)
    app.router.add_post("/control/injections", control.inject)
    app.router.add_delete("/control/injections", control.heal)
    app.router.add_get("/control/mishaps", control.mishaps)
    app.router.add_get("/control/webhooks", control.webhooks)
    app.router.add_post("/control/webhooks", control.tell)


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

    async def ledger(self, request: web.Request) -> web.Response:
        """`?realm=`: every posting in order: day, transaction (none: the stock of an item), account, cents in debit."""
        company = self._simulator.fleet.company(self._realm(request))
        return _json(
            [
                {
                    "day": one.day,
                    "transaction": None if one.entity == START else one.id,
                    "account": one.posting.account,
                    "cents": one.posting.cents,
                }
                for one in ledger_of(company).daybook().postings()
            ]
        )

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

    async def injections(self, request: web.Request) -> web.Response:  # noqa: ARG002 -- a handler's signature
        """What goes wrong: each injection, how many calls it matched, and how often it struck."""
        return _json(list(map(counted, self._simulator.injections.counts())))

    async def inject(self, request: web.Request) -> web.Response:
        """A JSON object, or an array of them, each an injection as `notation` has it; all of them or none are added."""
        try:
            body = msgspec.json.decode(await request.read(), type=dict[str, Any] | list[dict[str, Any]])
            added = [read_table(table) for table in (body if isinstance(body, list) else [body])]
            ids = [self._simulator.injections.add(injection) for injection in added]
        except msgspec.MsgspecError as error:
            raise web.HTTPBadRequest(text=f"the body is not an injection: {error}") from error
        except UsageError as error:
            raise web.HTTPBadRequest(text=f"{error.message}; {error.action}") from error
        return _json({"ids": ids})

    async def heal(self, request: web.Request) -> web.Response:
        """`?id=`: that injection ends; without it all do. What each did."""
        given = request.query.get("id")
        if given is None:
            return _json(list(map(counted, self._simulator.injections.clear())))
        try:
            return _json([counted(self._simulator.injections.remove(int(given)))])
        except (UsageError, ValueError) as error:
            raise web.HTTPNotFound(text=f"there is no injection {given}") from error

    async def mishaps(self, request: web.Request) -> web.Response:  # noqa: ARG002 -- a handler's signature
        """What can be made to go wrong: name to what it is, and its settings with their defaults."""
        return _json({name: {"what": said, "settings": settings} for name, said, settings in described()})

    async def webhooks(self, request: web.Request) -> web.Response:  # noqa: ARG002 -- a handler's signature
        """Whom changes are told, how many were, and what waits."""
        return _json(dict(webhooks_counted(self._simulator.webhooks)))

    async def tell(self, request: web.Request) -> web.Response:
        """`?url=`: that address is told of changes from now on; without it nobody is, and what waits stays."""
        try:
            self._simulator.webhooks.tell(request.query.get("url", ""))
        except UsageError as error:
            raise web.HTTPBadRequest(text=f"{error.message} {error.action}") from error
        return await self.webhooks(request)

    def _realm(self, request: web.Request) -> str:
        realm_id = request.query.get("realm", "")
        try:
            self._simulator.fleet.size_of(realm_id)
        except UsageError as error:
            raise web.HTTPNotFound(text=error.message) from error
        return realm_id


def _json(value: object) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), content_type=JSON)
