"""`/connect/oauth2`: the page on which a user connects a company to an app, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Protocol
from urllib.parse import urlencode, urlsplit

from backfill.simulator.envelopes import HTML, Answer
from backfill.simulator.oauth.authority import OAuth
from backfill.simulator.oauth.page import page
from backfill.simulator.oauth.scopes import ACCOUNTING, WORDS, scopes_of
from backfill.simulator.settings import App

PATH = "/connect/oauth2"
LISTED_MOST = 200
"""Companies on the page; of more, any can be typed in by its id."""
_REQUEST = ("client_id", "response_type", "scope", "redirect_uri", "state", "nonce")


class Companies(Protocol):
    """The user's companies."""

    @property
    def realm_ids(self) -> Sequence[str]: ...

    def name_of(self, realm_id: str) -> str: ...


@dataclass(frozen=True, slots=True)
class _Request:
    """An app's request that can be put to the user."""

    app: App
    scopes: tuple[str, ...]
    redirect_uri: str
    params: Mapping[str, str]

    @property
    def needs_company(self) -> bool:
        return ACCOUNTING in self.scopes or any(scope.startswith("com.intuit.") for scope in self.scopes)

    def answered(self, **said: str) -> Answer:
        """The user is sent back to the app with what was decided."""
        state = {"state": self.params["state"]} if "state" in self.params else {}
        return sent_back(self.redirect_uri, {**said, **state})


class Consent:
    """Asks the user, and makes the code."""

    def __init__(self, oauth: OAuth, companies: Companies) -> None:
        self._oauth = oauth
        self._companies = companies

    def ask(self, params: Mapping[str, str]) -> Answer:
        """The page for an app's request; where the request is wrong, the app is told, or the user if it must not be."""
        asked = self._request(params)
        return asked if isinstance(asked, Answer) else self._page(asked)

    def decide(self, form: Mapping[str, str]) -> Answer:
        """What the user decided: `decision` connect or cancel, `realmId` the company."""
        asked = self._request(form)
        if isinstance(asked, Answer):
            return asked
        if form.get("decision") != "connect":
            return asked.answered(error="access_denied")
        realm_id = ""
        if asked.needs_company:
            realm_id = form.get("typed", "").strip() or form.get("realmId", "")
            if realm_id not in self._companies.realm_ids:
                return self._page(asked, problem="Choose one of your companies.")
        code = self._oauth.code(
            asked.app, realm_id, asked.scopes, redirect_uri=asked.redirect_uri, nonce=asked.params.get("nonce", "")
        )
        return asked.answered(code=code, **({"realmId": realm_id} if realm_id else {}))

    def _request(self, params: Mapping[str, str]) -> _Request | Answer:
        """The request, or what is answered instead of asking the user."""
        app = self._oauth.apps.named(params.get("client_id", ""))
        redirect_uri = params.get("redirect_uri", "")
        if app is None:
            return _stopped("The client_id query parameter names no app.")
        if not self._oauth.apps.may_return_to(app, redirect_uri):
            # Never sent on to an address that the app did not register: it could be anybody's.
            return _stopped("The redirect_uri query parameter is not one that the app has registered.")
        kept = {name: params[name] for name in _REQUEST if name in params}
        scopes = scopes_of(params.get("scope", ""))
        request = _Request(app, scopes or (), redirect_uri, kept)
        if params.get("response_type") != "code":
            return request.answered(error="unsupported_response_type")
        if scopes is None:
            return request.answered(error="invalid_scope")
        return request

    def _page(self, asked: _Request, *, problem: str = "") -> Answer:
        hidden = "".join(
            f'<input type="hidden" name="{name}" value="{escape(value)}">' for name, value in asked.params.items()
        )
        wants = "".join(f"<li>{escape(WORDS.get(scope, scope))}</li>" for scope in asked.scopes)
        said = f'<p class="problem" role="alert">{escape(problem)}</p>' if problem else ""
        body = (
            f"<h1>Connect <b>{escape(asked.app.name)}</b> to QuickBooks</h1>{said}"
            f"<p>{escape(asked.app.name)} asks to:</p><ul>{wants}</ul>"
            f'<form method="post" action="{PATH}">{hidden}{self._choice(asked)}'
            '<div class="buttons"><button name="decision" value="connect" class="yes">Connect</button>'
            '<button name="decision" value="cancel" formnovalidate>Cancel</button></div></form>'
        )
        return Answer(200, page("Connect to QuickBooks", body), HTML)

    def _choice(self, asked: _Request) -> str:
        """The companies to choose from, the first one chosen."""
        if not asked.needs_company:
            return ""
        listed = self._companies.realm_ids[:LISTED_MOST]
        choices = "".join(
            f'<label><input type="radio" name="realmId" value="{realm_id}"{" checked" if not number else ""}>'
            f"<span>{escape(self._companies.name_of(realm_id))}</span><small>{realm_id}</small></label>"
            for number, realm_id in enumerate(listed)
        )
        more = len(self._companies.realm_ids) - len(listed)
        typed = (
            f'<label class="typed">or one of {more:,} more, by its id'
            '<input name="typed" inputmode="numeric" pattern="[0-9]+"></label>'
            if more
            else ""
        )
        return f"<fieldset><legend>Company</legend>{choices}</fieldset>{typed}"


def sent_back(address: str, said: Mapping[str, str]) -> Answer:
    """A redirect to `address` with what is said added to its query."""
    joint = "&" if urlsplit(address).query else "?"
    return Answer(302, b"", HTML, {"location": f"{address}{joint}{urlencode(said)}", "cache-control": "no-store"})


def _stopped(problem: str) -> Answer:
    body = f'<h1>Sorry, but the app cannot be connected</h1><p class="problem" role="alert">{escape(problem)}</p>'
    return Answer(400, page("QuickBooks", body), HTML)
