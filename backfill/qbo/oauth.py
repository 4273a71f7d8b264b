"""An exchange with Intuit's token endpoint, of a refresh token or a consent's code, and what its refusals mean."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

import msgspec

from backfill.errors import Disposition, FaultError, RequestError, TokenError, UnansweredError, UnreadableError
from backfill.model import RealmId, Secret, Tokens
from backfill.qbo.envelopes import redacted, retry_after_s
from backfill.qbo.splitter import REFUSED
from backfill.wire import Response, TokenEndpoint

_REFRESH = "POST the token endpoint (refresh)"
_FIRST = "POST the token endpoint (code)"
_REVOKE = "POST the revocation endpoint"
_TOKEN_CHARS_MAX = 16_384
"""Intuit documents up to 4096 characters for an access token; four times that is not a token."""
_LIFE_MAX_S = 366 * 86_400.0
"""A year; an access token lives an hour. More is a broken answer, and dates end somewhere."""
_CONSENT_LIFE_MAX_S = 10 * 366 * 86_400.0
"""Twice the five years that Intuit announces; what is longer says nothing."""
_AGAIN = (
    "Try again later: most often it passes. If it stays, give Intuit's support the intuit_tid: backfill calls --failed"
)

_IMPORTED = "Import the company again with the client_id and client_secret of its own app: backfill realms import FILE"


@dataclass(frozen=True, slots=True)
class Credentials:
    """An app's client id and secret, as Intuit's developer portal shows them."""

    client_id: Secret
    client_secret: Secret
    of_the_realm: bool = False
    """They were imported with the realm, and are no other's."""


def credentials_of(realm_id: RealmId, tokens: Tokens, app: Credentials | None) -> Credentials:
    """Of the app that the realm is connected to: its own, if it was imported with one, else `app`.

    Raises `TokenError` (STOP) where there is neither.
    """
    if tokens.client_id and tokens.client_secret:
        return Credentials(tokens.client_id, tokens.client_secret, of_the_realm=True)
    if app is not None:
        return app
    raise TokenError(
        f"There is no client id and secret to use the token of realm {realm_id} with.",
        realm_id=realm_id,
        action="Set BACKFILL_CLIENT_ID and BACKFILL_CLIENT_SECRET.",
        disposition=Disposition.STOP,
        code="no_credentials",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """A new pair. The refresh token's value changes about once a day; in between the same one comes back."""

    access_token: Secret
    expires_in_s: float
    refresh_token: Secret
    refresh_expires_in_s: float | None
    """Seconds until the refresh token dies of disuse (about 100 days); None where it is not said."""
    consent_expires_in_s: float | None = None
    """Seconds until the consent ends however much it is used (five years); None where it is not said."""
    status: int = 200
    code: str = ""
    """A grant is no fault: for whoever tells of it as of any answer."""
    intuit_tid: str = ""


@dataclass(frozen=True, slots=True)
class Revoked:
    """What came of revoking. `ended`: by this; else Intuit honours no such token (any more)."""

    ended: bool
    status: int
    code: str
    intuit_tid: str


class _Grant(msgspec.Struct):
    access_token: str
    refresh_token: str
    expires_in: float
    # Hints, which may be anything: the tokens beside them are good all the same, and nobody else has them.
    x_refresh_token_expires_in: Any = None
    x_refresh_token_hard_expires_in: Any = None


class _Refusal(msgspec.Struct):
    error: str = ""
    error_description: str = ""


@dataclass(frozen=True, slots=True)
class _Meaning:
    disposition: Disposition
    meaning: str
    action: str


_MEANINGS: Mapping[str, _Meaning] = MappingProxyType(
    {
        "invalid_grant": _Meaning(
            Disposition.PARK,
            "the refresh token is used up, expired or revoked",
            "Reconnect the company: an administrator of it gives the app consent again; then import the new token.",
        ),
        "invalid_client": _Meaning(
            Disposition.STOP,
            "the app's client id or secret is wrong",
            "Check BACKFILL_CLIENT_ID and BACKFILL_CLIENT_SECRET, and that they are for the environment in use.",
        ),
        "unauthorized_client": _Meaning(
            Disposition.STOP, "the app may not refresh tokens", "Check the app's settings in Intuit's developer portal."
        ),
        "invalid_request": _Meaning(
            Disposition.STOP, "the request was malformed", "This is a defect of the program: report it."
        ),
        "unsupported_grant_type": _Meaning(
            Disposition.STOP, "the request was malformed", "This is a defect of the program: report it."
        ),
    }
)


_OF_THE_APP = frozenset({"invalid_client", "unauthorized_client"})
"""Refusals that say nothing of the token."""

_MEANINGS_OF_A_CODE: Mapping[str, _Meaning] = MappingProxyType(
    {
        **_MEANINGS,
        "invalid_grant": _Meaning(
            Disposition.STOP,
            "the consent's code is used up, too old, or of another redirect address",
            "Give the command again: a code is good once, and for minutes.",
        ),
    }
)


async def refresh(
    endpoint: TokenEndpoint, realm_id: RealmId, refresh_token: Secret, credentials: Credentials, *, deadline: float
) -> Granted:
    """Exchange `refresh_token` for a new pair. Sends once.

    Raises `TokenError` (PARK: invalid_grant, the realm; STOP: the app's credentials or our request), and with
    RETRY `UnansweredError` (no answer: the value may have been rotated all the same), `FaultError` (429, 5xx)
    and `UnreadableError` (a 2xx that holds no tokens).
    """
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token.reveal()}
    return await _Exchange(endpoint, realm_id, _REFRESH, _MEANINGS).sent(form, credentials, deadline=deadline)


async def first_tokens(
    endpoint: TokenEndpoint,
    realm_id: RealmId,
    code: Secret,
    credentials: Credentials,
    *,
    redirect_uri: str,
    deadline: float,
) -> Granted:
    """Exchange the code of a consent, which came to `redirect_uri`, for its first pair. Sends once.

    Raises as `refresh` does, but that no refusal is the realm's: a person can give consent again.
    """
    form = {"grant_type": "authorization_code", "code": code.reveal(), "redirect_uri": redirect_uri}
    return await _Exchange(endpoint, realm_id, _FIRST, _MEANINGS_OF_A_CODE).sent(form, credentials, deadline=deadline)


async def revoke(
    endpoint: TokenEndpoint, realm_id: RealmId, token: Secret, credentials: Credentials, *, deadline: float
) -> Revoked:
    """End the consent that `token` is of, access or refresh token. Sends once.

    A token that Intuit does not honour (400) is no error: there is nothing left to end. Raises as `refresh` does, but
    that no refusal is the realm's.
    """
    exchange = _Exchange(endpoint, realm_id, _REVOKE, _MEANINGS)
    response = await exchange.posted({"token": token.reveal()}, credentials, deadline=deadline)
    if 200 <= response.status < 300:
        return Revoked(True, response.status, "", response.intuit_tid)
    said = _refusal(response.body)
    if response.status == HTTPStatus.BAD_REQUEST and said.error not in _OF_THE_APP:
        return Revoked(False, response.status, said.error or "400", response.intuit_tid)
    raise exchange.refused(response, credentials)


@dataclass(frozen=True, slots=True)
class _Exchange:
    """One question to the endpoint, and what its answers mean."""

    endpoint: TokenEndpoint
    realm_id: RealmId
    asked: str
    meanings: Mapping[str, _Meaning]

    async def sent(self, form: Mapping[str, str], credentials: Credentials, *, deadline: float) -> Granted:
        response = await self.posted(form, credentials, deadline=deadline)
        if 200 <= response.status < 300:
            return self._granted(response)
        raise self.refused(response, credentials)

    async def posted(self, form: Mapping[str, str], credentials: Credentials, *, deadline: float) -> Response:
        pair = f"{credentials.client_id.reveal()}:{credentials.client_secret.reveal()}"
        headers = {
            "Accept": "application/json",
            "Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}",
            # Asks for the day on which the consent ends for good; found in Intuit's own SDKs.
            "x-include-refresh-token-hard-expires-in": "true",
        }
        try:
            return await self.endpoint.post(form, headers, deadline=deadline)
        except UnansweredError as error:
            # The endpoint does not know for which realm it was asked; here it is known.
            raise UnansweredError(
                f"Realm {self.realm_id}: {error.message}",
                sent=error.sent,
                realm_id=self.realm_id,
                asked=self.asked,
                action=error.action or _AGAIN,
                code=error.code,
            ) from error

    def _granted(self, response: Response) -> Granted:
        try:
            grant = msgspec.json.decode(response.body, type=_Grant, strict=False)
        except REFUSED:
            raise self._unreadable(response) from None  # the cause quotes the body, which may hold a token
        tokens = (grant.access_token, grant.refresh_token)
        plain = all(0 < len(token) <= _TOKEN_CHARS_MAX and token.isascii() and token.isprintable() for token in tokens)
        if not (plain and 0 < grant.expires_in <= _LIFE_MAX_S):
            raise self._unreadable(response)
        return Granted(
            access_token=Secret(grant.access_token),
            expires_in_s=grant.expires_in,
            refresh_token=Secret(grant.refresh_token),
            refresh_expires_in_s=_life_s(grant.x_refresh_token_expires_in),
            consent_expires_in_s=_life_s(grant.x_refresh_token_hard_expires_in),
            status=response.status,
            intuit_tid=response.intuit_tid,
        )

    def _unreadable(self, response: Response) -> UnreadableError:
        return UnreadableError(
            f"The token endpoint's answer for realm {self.realm_id} holds no tokens.",
            realm_id=self.realm_id,
            asked=self.asked,
            action=_AGAIN,
            status=response.status,
            code="unreadable",
            intuit_tid=response.intuit_tid,
        )

    def refused(self, response: Response, credentials: Credentials) -> RequestError:
        said = _refusal(response.body)
        # The endpoint is busy or broken, and the token may be good.
        passing = response.status == 429 or response.status >= 500
        meaning = None if passing else self.meanings.get(said.error)
        if meaning is None and response.status == 401:  # without a body that says so, too
            meaning = self.meanings["invalid_client"]
        words = ": ".join(part for part in (said.error, said.error_description) if part)
        if meaning is None:
            return FaultError(
                f"The token endpoint failed for realm {self.realm_id}"
                f" (HTTP {response.status}{f', {words}' if words else ''}).",
                realm_id=self.realm_id,
                asked=self.asked,
                action=_AGAIN,
                disposition=Disposition.RETRY,
                status=response.status,
                code=said.error or str(response.status),
                intuit_tid=response.intuit_tid,
                detail=said.error_description,
                retry_after_s=retry_after_s(response.headers),
            )
        return TokenError(
            f"The token endpoint refused realm {self.realm_id}: {meaning.meaning} ({words or response.status}).",
            realm_id=self.realm_id,
            asked=self.asked,
            action=_IMPORTED
            if credentials.of_the_realm and meaning is self.meanings["invalid_client"]
            else meaning.action,
            disposition=meaning.disposition,
            status=response.status,
            code=said.error or "invalid_client",
            intuit_tid=response.intuit_tid,
        )


def _life_s(hint: object) -> float | None:
    """Seconds until a later day, or None where it cannot be that."""
    try:
        seconds = msgspec.convert(hint, type=float, strict=False)
    except msgspec.ValidationError:
        return None
    return seconds if 0 < seconds <= _CONSENT_LIFE_MAX_S else None


def _refusal(body: bytes) -> _Refusal:
    try:
        said = msgspec.json.decode(body, type=_Refusal)
    except REFUSED:
        return _Refusal()
    return _Refusal(redacted(said.error)[:100], redacted(said.error_description)[:300])
