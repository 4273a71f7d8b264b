"""What is said where tokens are not there, or not any more those that were read: by the table and its twin alike."""

from __future__ import annotations

from backfill.errors import Disposition, TokenError
from backfill.model import RealmId


def no_tokens(realm_id: RealmId) -> TokenError:
    return TokenError(
        f"realm {realm_id} has no tokens",
        realm_id=realm_id,
        action="connect the company again, and import its new refresh token: backfill realms import FILE",
    )


def tokens_replaced(realm_id: RealmId) -> TokenError:
    return TokenError(
        f"the tokens of realm {realm_id} were replaced while they were refreshed",
        realm_id=realm_id,
        action="nothing: those that are stored now are used",
        disposition=Disposition.RETRY,
        code="replaced",
    )
