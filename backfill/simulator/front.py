"""Everything outside `/v3/company`: what Intuit serves from other hosts, by its path."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from urllib.parse import parse_qsl

import msgspec

from backfill.simulator.call import Call
from backfill.simulator.endpoints.attachments import content_of
from backfill.simulator.endpoints.files import DOWNLOADS, Files
from backfill.simulator.endpoints.forms import PAYMENT_LINKS
from backfill.simulator.envelopes import HTML, JSON_OK, Answer, html_page, unauthenticated, unauthorised, xml_page
from backfill.simulator.fleet import Fleet
from backfill.simulator.oauth import connections, consent
from backfill.simulator.oauth.authority import OAuth, TokenState
from backfill.simulator.oauth.connections import Connections
from backfill.simulator.oauth.consent import Consent
from backfill.simulator.oauth.discovery import (
    KEYS_PATH,
    PRODUCTION_PATH,
    REVOCATION_PATH,
    SANDBOX_PATH,
    TOKEN_PATH,
    USER_PATH,
    discovery,
)
from backfill.simulator.oauth.page import page

Handler = Callable[[Call], Answer]

PAIRS_MOST = 100
"""Fields of one form: none that is served has more than ten."""


class Companies:
    """The user's companies by their names at the beginning, without seeding any."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self.realm_ids = fleet.realm_ids

    def name_of(self, realm_id: str) -> str:
        return self._fleet.profile(realm_id).name


class Front:
    """Answers calls whose `path` is that of the whole address."""

    def __init__(self, oauth: OAuth, fleet: Fleet, files: Files, *, now: Callable[[], datetime]) -> None:
        self._oauth = oauth
        self._fleet = fleet
        self._files = files
        self._now = now
        companies = Companies(fleet)
        self._consent = Consent(oauth, companies)
        self._connections = Connections(oauth, companies)
        self._routes: Mapping[tuple[str, str], Handler] = {
            ("GET", PRODUCTION_PATH): lambda call: Answer(200, discovery(call.origin)),
            ("GET", SANDBOX_PATH): lambda call: Answer(200, discovery(call.origin)),
            ("GET", KEYS_PATH): lambda _: Answer(200, oauth.identity.key_set()),
            ("GET", consent.PATH): lambda call: self._consent.ask(call.params),
            ("POST", consent.PATH): lambda call: self._consent.decide(form_of(call)),
            ("GET", connections.PATH): lambda call: self._connections.show(call.params),
            ("POST", connections.PATH): lambda call: self._connections.disconnect(form_of(call)),
            ("POST", TOKEN_PATH): lambda call: oauth.post(form_of(call), call.headers),
            ("POST", REVOCATION_PATH): lambda call: oauth.revocation(fields_of(call), call.headers),
            ("GET", USER_PATH): self._user,
        }
        self._below: Mapping[str, Handler] = {DOWNLOADS: self._file, PAYMENT_LINKS: self._invoice}

    def answer(self, call: Call) -> Answer:
        """The whole answer to a call; HEAD is GET without a body, and what is not served is 404 or 405."""
        path = call.path.rstrip("/") or "/"
        method = "GET" if call.method == "HEAD" else call.method
        handler = self._routes.get((method, path))
        if handler is None and method == "GET":
            handler = self._below.get(path.rpartition("/")[0])
        if handler is not None:
            return handler(call)
        served = {verb for verb, served_path in self._routes if served_path == path}
        if served:
            return not_allowed(served)
        return html_page(404, "Not Found")

    def _user(self, call: Call) -> Answer:
        state, body = self._oauth.user(call.headers)
        if state is TokenState.GOOD:
            return Answer(200, body, JSON_OK)
        if state is TokenState.NO_SCOPE:
            return unauthorised("The application was not granted the openid scope", self._now())
        return unauthenticated(state.value, self._now())

    def _file(self, call: Call) -> Answer:
        """An attachment by its link, for anybody who has it, as the store of files answers: its refusals are XML."""
        opened = self._files.opened(call.path.rpartition("/")[2], self._now())
        if opened is None:
            return xml_page(403, "AccessDenied", "Request has expired")
        realm_id, object_id = opened
        content = content_of(self._fleet.company(realm_id), self._files, object_id)
        if content is None:
            return xml_page(404, "NoSuchKey", "The specified key does not exist.")
        return Answer(200, content.data, content.content_type)

    def _invoice(self, _call: Call) -> Answer:
        """Where an invoice link leads."""
        return Answer(200, page("Invoice", "<h1>Your invoice</h1><p>Here it could be paid online.</p>"), HTML)


def not_allowed(served: set[str]) -> Answer:
    """405, saying what is allowed instead."""
    shown = html_page(405, "Method Not Allowed")
    allowed = sorted(served | ({"HEAD"} if "GET" in served else set()) | {"OPTIONS"})
    return Answer(shown.status, shown.body, shown.content_type, {"allow": ", ".join(allowed)})


def form_of(call: Call) -> dict[str, str]:
    """The fields of a urlencoded body, the last of each name; none of a body that is something else."""
    try:
        return dict(parse_qsl(call.body.decode(), keep_blank_values=True, max_num_fields=PAIRS_MOST))
    except ValueError:  # not UTF-8, or too many
        return {}


def fields_of(call: Call) -> Mapping[str, object]:
    """The fields of a JSON body, or of a form, whatever it calls itself."""
    if not call.body.lstrip().startswith(b"{"):
        return form_of(call)
    try:
        return msgspec.json.decode(call.body, type=dict[str, object])
    except (msgspec.MsgspecError, RecursionError):
        return {}
