"""Asking a person for consent: their browser comes back to a port of this machine, or they paste where it went."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from html import escape
from http import HTTPStatus
from urllib.parse import urlsplit

import anyio
from aiohttp import web

from backfill.cli.input import typed
from backfill.cli.output import say
from backfill.errors import BackfillError, UnavailableError, UsageError
from backfill.qbo.consent import Consent, NotOursError, consent_of
from backfill.qbo.urls import is_loopback
from backfill.webhooks.receiver import serve_application

PERSON_S = 900.0
"""A quarter of an hour to log in, choose a company and agree: Intuit's own code lives for minutes only."""

PASTED_BYTES_MAX = 16_384
"""An address of a code of 512 characters has less than 1,000."""


async def given_consent(page: str, *, redirect_uri: str, state: str, pasted: bool) -> Consent:
    """Say which `page` to open, and wait for what comes of it.

    Raises `UnavailableError` (not given, or not in time; no port) and `UsageError` (what was pasted is no answer).
    """
    with anyio.move_on_after(PERSON_S):
        return await (_pasted(page, state) if pasted else _called_back(page, redirect_uri, state))
    raise UnavailableError(
        f"Nobody connected a company within {PERSON_S / 60:.0f} minutes.", action="Give the command again."
    )


def listens_on(redirect_uri: str) -> tuple[str, int, str] | None:
    """Host, port and path to listen at; None where the address is not this machine's own. Raises `UsageError`."""
    try:
        parts = urlsplit(redirect_uri)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port, parts = "", None, urlsplit("")
    if parts.scheme not in {"http", "https"} or not host or parts.query or parts.fragment:
        raise UsageError(
            f"--redirect-uri {redirect_uri}: that is no address to come back to.",
            action="Give one of those that the app's settings in Intuit's developer portal have, letter for letter.",
        )
    if parts.scheme == "https" or not is_loopback(host):
        return None
    return ("127.0.0.1" if host == "localhost" else host), port or 80, parts.path or "/"


def _show(page: str) -> None:
    say(f"Open this in a browser, and connect the company there:\n\n  {page}\n")


async def _pasted(page: str, state: str) -> Consent:
    if sys.stdin is None:
        raise UsageError("There is nothing to read: stdin is closed.", action="Give the command in a terminal.")
    _show(page)
    say("Then paste the address that the browser ended at (it need not show a page), and press Enter:")
    async for line in typed(sys.stdin.fileno(), bytes_max=PASTED_BYTES_MAX):
        try:
            return consent_of(line, state=state)
        except UsageError as error:  # a slip of the clipboard, which costs nobody another consent
            say(f"{error.message} {error.action}")
    raise UsageError("No address was pasted.", action="Give the command again, in a terminal.")


async def _called_back(page: str, redirect_uri: str, state: str) -> Consent:
    place = listens_on(redirect_uri)
    assert place is not None, "others are pasted"
    host, port, path = place
    waiting = _Waiting(state)
    app = web.Application()
    app.router.add_get(path, waiting.answer)
    elsewhere = "Give another of the app's redirect addresses with --redirect-uri, or paste the answer: --paste."
    async with serve_application(app, host=host, port=port, elsewhere=elsewhere):
        _show(page)  # once whoever comes back is heard
        await waiting.told.wait()
    if isinstance(waiting.outcome, BackfillError):
        raise waiting.outcome
    assert waiting.outcome is not None, "told with the event"
    return waiting.outcome


@dataclass(slots=True)
class _Waiting:
    """For the one call that answers what was asked."""

    state: str
    told: anyio.Event = field(default_factory=anyio.Event)
    outcome: Consent | BackfillError | None = None

    async def answer(self, request: web.Request) -> web.Response:
        try:
            outcome: Consent | BackfillError = consent_of(str(request.rel_url), state=self.state)
        except NotOursError as error:  # whoever guessed wrong ends nothing
            return _page(HTTPStatus.BAD_REQUEST, error.message)
        except BackfillError as error:
            outcome = error
        if self.outcome is None:
            self.outcome = outcome
            self.told.set()
        if isinstance(outcome, BackfillError):
            return _page(HTTPStatus.BAD_REQUEST, outcome.message)
        return _page(HTTPStatus.OK, f"Company {outcome.realm_id} said yes. See the terminal; you may close this page.")


def _page(status: HTTPStatus, words: str) -> web.Response:
    body = f'<!doctype html><meta charset="utf-8"><title>backfill</title><p>{escape(words)}</p>'
    # The address holds the code: it is neither kept nor told on.
    return web.Response(
        status=status,
        text=body,
        content_type="text/html",
        headers={"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"},
    )
