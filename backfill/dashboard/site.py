"""The HTTP side: GET only, on names of this machine, with nothing from elsewhere in any page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from datetime import datetime
from http import HTTPStatus
from importlib import resources
from typing import TypeVar

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from backfill.dashboard.companies import Companies, Company, CompanyLooks, asked, companies_page, company_page
from backfill.dashboard.html import COMPANIES, COMPANY, HEALTH, ICON, OVERVIEW, SCRIPT, SNAPSHOT, STYLE
from backfill.dashboard.looks import Looks, Seen
from backfill.dashboard.overview import overview_page
from backfill.dashboard.snapshot import Allowance, Snapshot, Snapshots
from backfill.model import RealmId
from backfill.qbo.urls import is_loopback
from backfill.store.database import Database
from backfill.store.fleet_status import FleetStatus

REQUESTS_AT_ONCE = 64
"""Each waits for one of a few looks. More are refused, and an open page asks again."""

REALM_ID_MOST = 200
"""Characters; Intuit's have sixteen to nineteen."""

HEADERS = {
    # Nothing from elsewhere, nothing in line: not even a name that somehow got through could load or run anything.
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self';"
    " img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""Of every answer."""

FILES = {
    STYLE: ("style.css", "text/css"),
    SCRIPT: ("refresh.js", "text/javascript"),
    ICON: ("icon.svg", "image/svg+xml"),
}
"""Path to the file beside this one, and its type."""

T = TypeVar("T")


class Site:
    """Answers browsers, with looks at the database that they share.

    `now`: the wall clock. `silence_s`: after so long without a heartbeat a run is taken for dead. `hosts`: what this
    machine may be called beside localhost and its addresses, by a proxy in front that hands on what it was asked for.
    """

    def __init__(
        self,
        database: Database,
        *,
        now: Callable[[], datetime],
        allowance: Allowance,
        silence_s: float,
        hosts: Collection[str] = (),
    ) -> None:
        self._looks = Looks(now)
        self._fleet = FleetStatus(database)
        self._snapshots = Snapshots(database, now=now, allowance=allowance, silence_s=silence_s)
        self._companies = CompanyLooks(database, now=now)
        self._hosts = frozenset(host.lower() for host in hosts)
        self._present = 0

    def application(self) -> web.Application:
        """The routes, behind who may ask what."""
        app = web.Application(middlewares=[self._guarded])
        app.on_response_prepare.append(_with_headers)
        app.router.add_get(OVERVIEW, self.overview)
        app.router.add_get(COMPANIES, self.companies)
        app.router.add_get(COMPANY + "{realm_id}", self.company)
        app.router.add_get(SNAPSHOT, self.snapshot)
        app.router.add_get(HEALTH, self.health)
        for path, (name, kind) in FILES.items():
            app.router.add_get(path, _file(name, kind))
        return app

    async def overview(self, _request: web.Request) -> web.Response:
        """The first page."""
        seen = await self._snapshot()
        return _html(overview_page(seen), seen)

    async def companies(self, request: web.Request) -> web.Response:
        """A page of the table of companies: `text`, `kind`, `page`."""
        wanted = asked(request.query)
        seen: Seen[Companies] = await self._looks.at(("companies", wanted), lambda: self._companies.companies(wanted))
        return _html(companies_page(seen, wanted), seen)

    async def company(self, request: web.Request) -> web.Response:
        """One company."""
        text = request.match_info["realm_id"].encode(errors="replace").decode().replace("\0", "")
        realm_id = RealmId(text[:REALM_ID_MOST])
        seen: Seen[Company | None] = await self._looks.at(
            ("company", realm_id), lambda: self._companies.company(realm_id)
        )
        unknown = seen.value is None and not seen.trouble
        return _html(company_page(seen, realm_id), seen, status=HTTPStatus.NOT_FOUND if unknown else HTTPStatus.OK)

    async def snapshot(self, _request: web.Request) -> web.Response:
        """What the first page shows, as JSON; 503 with what was seen last where the database is gone."""
        seen = await self._snapshot()
        body = msgspec.json.encode({"snapshot": seen.value, **_without_value(seen)})
        return web.Response(body=body, content_type="application/json", status=_status(seen))

    async def health(self, _request: web.Request) -> web.Response:
        """Whether the database answers; it is asked for nothing else."""
        seen = await self._looks.at("health", self._fleet.answers)
        body = msgspec.json.encode(_without_value(seen))
        return web.Response(body=body, content_type="application/json", status=_status(seen))

    async def _snapshot(self) -> Seen[Snapshot]:
        return await self._looks.at("snapshot", self._snapshots.take)

    @web.middleware
    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Whoever is asked under a name that leads elsewhere is asked by a page from there: it learns nothing."""
        if not self._is_ours(request.headers.get("Host", "")):
            return web.Response(
                status=HTTPStatus.MISDIRECTED_REQUEST,
                text="This dashboard answers to localhost, and to the names that --allow-host gives.\n",
            )
        if request.method not in {"GET", "HEAD"}:
            return web.Response(status=HTTPStatus.METHOD_NOT_ALLOWED, headers={"Allow": "GET, HEAD"})
        if self._present >= REQUESTS_AT_ONCE:
            return web.Response(status=HTTPStatus.SERVICE_UNAVAILABLE, text="Too many look at once. Ask again later.\n")
        self._present += 1
        try:
            return await handler(request)
        finally:
            self._present -= 1

    def _is_ours(self, host: str) -> bool:
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
        return is_loopback(name.removeprefix("[").removesuffix("]")) or name.lower() in self._hosts


async def _with_headers(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)


def _file(name: str, kind: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    body = (resources.files("backfill.dashboard") / name).read_bytes()

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(body=body, content_type=kind, charset="utf-8")

    return answer


def _html(body: bytes, seen: Seen[T], *, status: HTTPStatus = HTTPStatus.OK) -> web.Response:
    """A page that still shows something is a good answer; one that has nothing to show is none."""
    status = HTTPStatus.SERVICE_UNAVAILABLE if seen.trouble and seen.seen_at is None else status
    return web.Response(body=body, content_type="text/html", charset="utf-8", status=status)


def _status(seen: Seen[T]) -> HTTPStatus:
    return HTTPStatus.SERVICE_UNAVAILABLE if seen.trouble else HTTPStatus.OK


def _without_value(seen: Seen[T]) -> dict[str, object]:
    return {"seen_at": seen.seen_at, "trouble": seen.trouble, "trouble_since": seen.trouble_since}
