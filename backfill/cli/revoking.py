"""Consents given back to Intuit, one after the other."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import msgspec

from backfill.cli.chosen_realms import select_realms
from backfill.cli.compose import keyring, open_store
from backfill.cli.ending import troubles_in_words
from backfill.cli.output import Exit
from backfill.cli.way_to_intuit import app_credentials, logged_calls
from backfill.config import Settings
from backfill.errors import RequestError
from backfill.events import Event, Observer
from backfill.jobs.fleet import Trouble
from backfill.model import RealmId
from backfill.qbo.http import open_http
from backfill.qbo.revocation import ACTION, Consent, Revoker
from backfill.store.database import Database
from backfill.store.realms import Realms
from backfill.store.tokens import TokenVault

WORDS: Mapping[Consent, str] = {
    Consent.REVOKED: "its consent was revoked",
    Consent.OVER: "Intuit honours none of its tokens, so its consent had ended before; where another program connected"
    " it since, that program has the token",
    Consent.NONE: "there is no token of it here (any more) to revoke",
    Consent.KEPT: "its consent stays, until the customer ends it in QuickBooks",
}


@dataclass(slots=True)
class Ended:
    """What became of the consents."""

    consents: dict[RealmId, Consent] = field(default_factory=dict)
    troubles: list[Trouble] = field(default_factory=list)

    @property
    def exit_code(self) -> Exit:
        return Exit.UNPROVEN if self.troubles else Exit.DONE

    def as_json(self) -> Mapping[str, object]:
        return {
            "realms": [{"realm_id": realm_id, "consent": consent} for realm_id, consent in self.consents.items()],
            "errors": [msgspec.to_builtins(trouble) for trouble in self.troubles],
        }

    def in_words(self) -> str:
        lines = [f"Company {realm_id}: {WORDS[consent]}." for realm_id, consent in self.consents.items()]
        if self.consents:
            lines.append(f"The data stay. {ACTION}")
        return "\n".join([*lines, *troubles_in_words(self.troubles, more="--json names all")])


async def revoke_consents(settings: Settings, realm_ids: Sequence[str]) -> Ended:
    """Revoke each. What goes wrong with one is its own trouble. Raises `BackfillError` for what none goes without."""
    ended = Ended()
    async with open_store(settings) as database:
        chosen = [realm.realm_id for realm in select_realms(await Realms(database).list(), realm_ids)]
        connected = await with_tokens(database)
        ended.consents |= {realm_id: Consent.NONE for realm_id in chosen if realm_id not in connected}
        if len(ended.consents) == len(chosen):
            return ended
        async with open_revoker(settings, database, _nobody) as revoker:
            for realm_id in (each for each in chosen if each in connected):
                try:
                    ended.consents[realm_id] = await revoker.revoked(realm_id)
                except RequestError as error:
                    ended.troubles.append(Trouble(realm_id, "", error.code, error.message, error.action))
    return ended


async def with_tokens(database: Database) -> frozenset[RealmId]:
    """Companies that there is a token of."""
    return frozenset(RealmId(row["realm_id"]) for row in await Realms(database).token_dates())


@asynccontextmanager
async def open_revoker(settings: Settings, database: Database, observe: Observer) -> AsyncIterator[Revoker]:
    """The way to revoke. What is asked there is in the call log. Raises `BackfillError` where the key is not here."""
    revoke_url = settings.revoke_url
    vault = TokenVault(database, await keyring(settings, database))
    async with (
        logged_calls(settings, database, observe) as told,
        open_http(settings.api_url, settings.token_url, revoke_url=revoke_url) as http,
    ):
        rng = random.Random()  # noqa: S311  # jitter only has to differ between processes; nothing secret is drawn
        yield Revoker(vault, http.revocation, app_credentials(settings), told, rng)


def _nobody(_event: Event) -> None:
    """Nobody watches a command of seconds."""
