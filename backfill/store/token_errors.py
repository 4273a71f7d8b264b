"""What is said where tokens are not there, or not any more those that were read: by the table and its twin alike."""

from __future__ import annotations

from backfill.errors import Disposition, TokenError
from backfill.model import RealmId
from backfill.store.owners import owner_in_words


def no_tokens(realm_id: RealmId) -> TokenError:
    return TokenError(
        f"realm {realm_id} has no tokens",
        realm_id=realm_id,
        action="connect the company again, and import its new refresh token: backfill realms import FILE",
        code="no_tokens",
    )


def undecryptable(realm_id: RealmId, column: str) -> TokenError:
    """Not to be parked for: with the right key all is well, and another machine may have it."""
    return TokenError(
        f"the {column} of realm {realm_id} cannot be decrypted with the keys given",
        realm_id=realm_id,
        action="give the key that encrypted it (BACKFILL_ENCRYPTION_KEY or the key file); if that is lost, connect the"
        " company again, and import its new refresh token: backfill realms import FILE",
        disposition=Disposition.STOP,
        code="undecryptable",
    )


def tokens_held(realm_id: RealmId, holder: str, *, waited_s: float) -> TokenError:
    """Not to be parked for, nor to be waited for again: whoever holds a claim as long as that is not well."""
    return TokenError(
        f"{owner_in_words(holder)} has been refreshing the tokens of realm {realm_id} for {waited_s:g} s",
        realm_id=realm_id,
        action="see whether it hangs, then run the same command again",
        disposition=Disposition.STOP,
        code="claimed",
    )


def tokens_replaced(realm_id: RealmId) -> TokenError:
    return TokenError(
        f"the tokens of realm {realm_id} were replaced while they were refreshed",
        realm_id=realm_id,
        action="nothing: those that are stored now are used",
        disposition=Disposition.RETRY,
        code="replaced",
    )
