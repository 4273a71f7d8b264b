"""`/app/apps`: where a company's owner sees which apps are connected to it, and disconnects one."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from backfill.simulator.envelopes import HTML, Answer
from backfill.simulator.oauth.authority import OAuth
from backfill.simulator.oauth.consent import LISTED_MOST, Companies
from backfill.simulator.oauth.page import page

PATH = "/app/apps"


class Connections:
    """Shows the user's companies with their apps, and ends a consent from the owner's side."""

    def __init__(self, oauth: OAuth, companies: Companies) -> None:
        self._oauth = oauth
        self._companies = companies

    def show(self, params: Mapping[str, str]) -> Answer:
        """All companies, or the one that `realmId` names; of very many, the first."""
        wanted = params.get("realmId")
        realm_ids = [realm_id for realm_id in self._companies.realm_ids if wanted in {None, "", realm_id}]
        listed = "".join(self._company(realm_id) for realm_id in realm_ids[:LISTED_MOST])
        return Answer(200, page("Connected apps", f"<h1>Connected apps</h1>{listed}"), HTML)

    def disconnect(self, form: Mapping[str, str]) -> Answer:
        """The app that `client_id` names loses the company that `realmId` names; what is not connected stays so."""
        realm_id = form.get("realmId", "")
        if realm_id in self._companies.realm_ids:
            self._oauth.grants.disconnect(realm_id, form.get("client_id"))
        return Answer(303, b"", HTML, {"location": PATH, "cache-control": "no-store"})

    def _company(self, realm_id: str) -> str:
        apps = [
            app
            for client_id in self._oauth.grants.connected(realm_id)
            if (app := self._oauth.apps.named(client_id)) is not None
        ]
        rows = "".join(
            f'<form method="post" action="{PATH}"><input type="hidden" name="realmId" value="{realm_id}">'
            f'<input type="hidden" name="client_id" value="{escape(app.client_id)}">'
            f"<label><span>{escape(app.name)}</span><button>Disconnect</button></label></form>"
            for app in apps
        )
        name = escape(self._companies.name_of(realm_id))
        nothing = "" if apps else "<label><span>No app is connected.</span></label>"
        return f"<fieldset><legend>{name} · {realm_id}</legend>{rows}{nothing}</fieldset>"
