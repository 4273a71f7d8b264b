"""One company connected by hand: consent, the code's exchange, and the tokens stored."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import anyio

from backfill.cli.compose import keyring, now, open_store
from backfill.cli.consenting import given_consent, listens_on
from backfill.cli.way_to_intuit import app_credentials
from backfill.config import Settings
from backfill.errors import UnavailableError, UsageError
from backfill.model import RealmId
from backfill.qbo.consent import consent_page
from backfill.qbo.http import open_http
from backfill.qbo.oauth import first_tokens
from backfill.store.realms import RealmGrant, Realms
from backfill.store.tokens import TokenVault

EXCHANGE_S = 30.0
STORE_S = 30.0
"""Together not to be broken off: a code is good once, and the tokens are nowhere else."""


@dataclass(frozen=True, slots=True)
class Connected:
    """A company that can be read from now on."""

    realm_id: RealmId
    new: bool

    def as_json(self) -> Mapping[str, object]:
        return {"realm_id": self.realm_id, "new": self.new}

    def in_words(self) -> str:
        how = "is connected" if self.new else "is connected again, and keeps its data"
        return f"Company {self.realm_id} {how}.\nRead it: backfill extract --realm {self.realm_id}"


async def connect(settings: Settings, *, redirect_uri: str, paste: bool) -> Connected:
    """Have a person connect a company, and register it.

    Raises `UsageError` (no app, an address that is none), `UnavailableError` (no consent) and what the token endpoint's
    refusals raise.
    """
    page, app = settings.consent_url, app_credentials(settings)
    if app is None:
        raise UsageError(
            "There is no app to connect a company to.",
            action="Set BACKFILL_CLIENT_ID and BACKFILL_CLIENT_SECRET, as Intuit's developer portal shows them.",
        )
    pasted = listens_on(redirect_uri) is None or paste
    # What is needed afterwards is opened first: a consent that cannot be stored is a person's time wasted.
    async with open_store(settings) as database, open_http(settings.api_url, settings.token_url) as http:
        vault = TokenVault(database, await keyring(settings, database))
        state = secrets.token_urlsafe(32)
        shown = consent_page(page, app.client_id.reveal(), redirect_uri=redirect_uri, state=state)
        consent = await given_consent(shown, redirect_uri=redirect_uri, state=state, pasted=pasted)
        with anyio.move_on_after(EXCHANGE_S + STORE_S, shield=True):
            deadline = anyio.current_time() + EXCHANGE_S
            granted = await first_tokens(
                http.tokens, consent.realm_id, consent.code, app, redirect_uri=redirect_uri, deadline=deadline
            )
            grant = RealmGrant(
                realm_id=consent.realm_id,
                refresh_token=granted.refresh_token,
                access_token=granted.access_token,
                access_expires_at=now() + timedelta(seconds=granted.expires_in_s),
            )
            imported = await Realms(database).import_grants([grant], vault, granted_at=now())
            return Connected(consent.realm_id, new=imported.added == 1)
    raise UnavailableError(
        f"The tokens of realm {consent.realm_id} could not be stored in time.", action="Give the command again."
    )
