"""A person's consent, by which an app gets at a company: the page to send them to, and what they come back with."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from backfill.errors import UnavailableError, UsageError
from backfill.model import REALM_ID, RealmId, Secret
from backfill.qbo.envelopes import redacted
from backfill.qbo.urls import encoded

SCOPE = "com.intuit.quickbooks.accounting"
"""The one that the accounting API takes."""

_FIELDS_MAX = 20
"""In what comes back: `code`, `state` and `realmId`, or `error` and its description."""
_CODE_CHARS_MAX = 2_048
"""Intuit documents up to 512."""


@dataclass(frozen=True, slots=True)
class Consent:
    """What a person gave: a code that is good once and for minutes, and the company it is for."""

    realm_id: RealmId
    code: Secret


class NotOursError(UsageError):
    """What came back was not asked for here: another tab's, or an attacker's with a company of theirs."""


def consent_page(page: str, client_id: str, *, redirect_uri: str, state: str) -> str:
    """The address to open in a browser. `state` comes back with the answer and has to be nobody else's guess."""
    asked = {
        "client_id": client_id,
        "response_type": "code",
        "scope": SCOPE,
        "redirect_uri": redirect_uri,
        "state": state,
    }
    return f"{page}?{encoded(asked.items())}"


def consent_of(address: str, *, state: str) -> Consent:
    """What the address says that the browser was sent back to: only there is the company named.

    Raises `NotOursError` (another's answer: go on waiting), `UnavailableError` (nobody gave consent) and `UsageError`
    (it is no such address).
    """
    try:
        said = dict(parse_qsl(urlsplit(address.strip()).query, max_num_fields=_FIELDS_MAX, errors="strict"))
    except ValueError:
        said = {}
    if not said:
        raise UsageError(
            "That is not the address that the browser was sent back to.",
            action="Give it whole, as the browser shows it: it ends with code=..., state=... and realmId=...",
        )
    if not hmac.compare_digest(said.get("state", "").encode(), state.encode()):
        raise NotOursError(
            "That answers another question than the one asked here.",
            action="Open the address that is shown, in a browser of yours, and connect the company there.",
        )
    if "error" in said:
        raise UnavailableError(
            f"No consent was given ({redacted(said['error'])[:100]}): nothing was connected.",
            action="An administrator of the company has to agree. Give the command again.",
        )
    code, realm_id = said.get("code", ""), said.get("realmId", "")
    if not REALM_ID.fullmatch(realm_id) or not (0 < len(code) <= _CODE_CHARS_MAX and code.isascii()):
        raise UsageError(
            "The answer names no company, or has no code.", action="Give the command again, and choose a company."
        )
    return Consent(RealmId(realm_id), Secret(code))
