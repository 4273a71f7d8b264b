"""How the tests' apps talk to the authorisation server, without a server around it."""

from __future__ import annotations

import base64
import json

from backfill.simulator.oauth.authority import OAuth
from backfill.simulator.oauth.scopes import ACCOUNTING
from backfill.simulator.settings import App

REALM = "9130357000000001"
CALLBACK = "http://localhost:8000/callback"
PAYROLL = App(
    name="Payroll",
    client_id="payroll",
    client_secret="very secret",
    redirect_uris=("https://payroll.example/callback",),
)


def basic(client_id: str, client_secret: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{client_id}:{client_secret}".encode()).decode()}


def own_app(oauth: OAuth) -> dict[str, str]:
    app = oauth.apps.ready_made
    return basic(app.client_id, app.client_secret)


def refresh(oauth: OAuth, token: str, **headers: str) -> tuple[int, dict]:
    form = {"grant_type": "refresh_token", "refresh_token": token}
    answer = oauth.post(form, own_app(oauth) | headers)
    return answer.status, json.loads(answer.body)


def refused(error: str) -> tuple[int, dict]:
    return 400, {"error": error}


def exchange(oauth: OAuth, code: str, *, app: App | None = None, to: str = CALLBACK, **more: str) -> tuple[int, dict]:
    app = app or oauth.apps.ready_made
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": to} | more
    answer = oauth.post(form, basic(app.client_id, app.client_secret))
    return answer.status, json.loads(answer.body)


def code_for(oauth: OAuth, *scopes: str, realm_id: str = REALM, app: App | None = None) -> str:
    return oauth.code(app or oauth.apps.ready_made, realm_id, scopes or (ACCOUNTING,), redirect_uri=CALLBACK)
