"""What a newcomer needs to point any QuickBooks client at a simulation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from textwrap import wrap

from backfill.simulator.core import Simulator
from backfill.simulator.injection.notation import WHOM, described
from backfill.simulator.oauth.consent import PATH as CONSENT_PATH
from backfill.simulator.oauth.discovery import PRODUCTION_PATH, REVOCATION_PATH, TOKEN_PATH
from backfill.simulator.writing.coverage import COVERAGE

LINE_CHARACTERS = 100


def welcome(simulator: Simulator, base: str, write_realms: Path | None) -> Iterator[str]:
    """Addresses, ready-made credentials of the first company, and a first call, line by line.

    The credentials open nothing but this simulation.
    """
    realm_ids = simulator.fleet.realm_ids
    held = simulator.credentials(realm_ids[0])
    name = simulator.fleet.profile(realm_ids[0]).name
    yield f"{len(realm_ids)} simulated QuickBooks companies at {base}"
    yield ""
    facts = {
        "API": f"{base}/v3/company/{held.realm_id}/...",
        "Token endpoint": f"{base}{TOKEN_PATH}",
        "Discovery": f"{base}{PRODUCTION_PATH}",
        "Realm": f"{held.realm_id} ({name})",
        "Client id": held.client_id,
        "Client secret": held.client_secret,
        "Refresh token": held.refresh_token,
        "Access token": f"{held.access_token} ({simulator.settings.access_token_life_s / 60:.0f} minutes)",
    }
    for what, value in facts.items():
        yield f"  {what + ':':<16}{value}"
    yield ""
    yield "  A first call, and a fresh access token:"
    company = f"{base}/v3/company/{held.realm_id}/companyinfo/{held.realm_id}"
    yield f"    curl -H 'Accept: application/json' -H 'Authorization: Bearer {held.access_token}' {company}"
    refresh = f"-d grant_type=refresh_token -d refresh_token={held.refresh_token}"
    yield f"    curl -u {held.client_id}:{held.client_secret} {refresh} {base}{TOKEN_PATH}"
    yield ""
    yield "  In another terminal, with this program as the client:"
    yield f"    export BACKFILL_QBO_BASE_URL={base}"
    yield f"    export BACKFILL_OAUTH_TOKEN_URL={base}{TOKEN_PATH}"
    yield f"    export BACKFILL_OAUTH_CONSENT_URL={base}{CONSENT_PATH}"
    yield f"    export BACKFILL_OAUTH_REVOKE_URL={base}{REVOCATION_PATH}"
    if simulator.settings.limits_scale > 1:
        yield f"    export BACKFILL_LIMITS_SCALE={simulator.settings.limits_scale:g}"
    yield f"    backfill realms import {write_realms or 'FILE'}"
    yield "    backfill extract"
    if write_realms is None:
        yield "  --write-realms FILE writes the companies' credentials for that."
    yield "  Ctrl-C stops."


def mishap_lines() -> Iterator[str]:
    """What can be made to go wrong, each with its settings, and how to say who, when and how often."""
    for name, said, settings in described():
        yield name
        yield from wrap(said, LINE_CHARACTERS, initial_indent="    ", subsequent_indent="    ")
        if settings:
            shown = " ".join(f"{setting}={_shown(value)}" for setting, value in settings.items())
            yield from wrap(shown, LINE_CHARACTERS, initial_indent="    ", subsequent_indent="    ")
    yield ""
    yield "Each may say whom it befalls, when and how often, too; a list has commas:"
    yield from wrap(" ".join(WHOM), LINE_CHARACTERS, initial_indent="    ", subsequent_indent="    ")


def code_lines() -> Iterator[str]:
    """Every fault code that Intuit documents: what brings it about here, and how."""
    sources = Counter(row.by for row in COVERAGE.values())
    yield f"{len(COVERAGE)} codes: {sources['request']} by a request, {sources['setting']} more under a setting,"
    yield "and every one by its switch: --inject 'api_fault code=140'; in a batch --inject 'item_fault code=140'"
    for code, row in sorted(COVERAGE.items(), key=lambda entry: int(entry[0])):
        yield f"{code:>6}  {row.by:<7}  {row.how}"


def _shown(value: object) -> str:
    match value:
        case tuple():
            return ",".join(map(str, value))
        case bool():
            return str(value).lower()
        case None:
            return "off"
        case _:
            return str(value)
