"""The token endpoint and the tokens: grants per realm, rotation, expiry, revocation.

An access token carries its realm, app and expiry under a signature, so the simulator keeps none of them.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

import msgspec

from backfill.simulator.envelopes import JSON_FAULT, JSON_OK, Answer
from backfill.simulator.settings import SimulatorSettings

HARD_EXPIRY_HEADER = "x-include-refresh-token-hard-expires-in"
REFRESH_PREFIX = "AB11"
TOKEN_BYTES = 600
"""Length of an access token before base64, so that it is about 800 characters, like the real ones."""
_SIGNATURE_BYTES = 32  # SHA-256
_ALPHABET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What an app holds after consent. The secrets stay out of the repr."""

    realm_id: str
    refresh_token: str = field(repr=False)
    access_token: str = field(repr=False)
    client_id: str
    client_secret: str = field(repr=False)


class TokenState(Enum):
    """What an access token is worth. The values are the details of the 401."""

    GOOD = "good"
    MALFORMED = "Malformed bearer token: too short or too long"
    EXPIRED = "Token expired"
    REVOKED = "Token revoked"
    OTHER_REALM = "other realm"


class _Issue(msgspec.Struct, frozen=True, tag="refresh"):
    """What a refresh token says under its signature: the how-manieth value of which realm's consent."""

    realm: str
    generation: int


class _Claims(msgspec.Struct, frozen=True, tag="access"):
    """What an access token says under its signature."""

    realm: str
    app: str
    serial: int
    expires: float


_SAID: msgspec.json.Decoder[_Issue | _Claims] = msgspec.json.Decoder(_Issue | _Claims)


@dataclass(slots=True)
class _Grant:
    """One consent: the current value of the refresh token, and the one before it."""

    consented: float
    generation: int
    issued: float
    serial: int = 0
    """Of the last access token."""
    rotated: float = float("-inf")
    """When the value before the current one was replaced."""
    revoked: bool = False


class OAuth:
    """The authorisation server of one app. Times are wall-clock, from `now`."""

    def __init__(self, settings: SimulatorSettings, *, now: Callable[[], datetime], seed: int) -> None:
        self._settings = settings
        self._now = now
        self._seed = seed
        self._key = hashlib.sha256(f"{seed}:oauth".encode()).digest()
        rng = random.Random(f"{seed}:app")
        self.client_id = "AB" + _word(rng, 48)
        self.client_secret = _word(rng, 40)
        self._began = now().timestamp()
        """When every realm gave its consent."""
        self._grants: dict[str, _Grant] = {}
        self._by_kind: Mapping[str, Callable[[Mapping[str, str], Mapping[str, str]], Answer]] = {
            "refresh_token": self._refresh
        }

    def credentials(self, realm_id: str) -> Credentials:
        """The realm's current refresh token and a fresh access token. Same seed and time, same credentials."""
        grant = self._grant(realm_id)
        return Credentials(
            realm_id,
            self._refresh_token(realm_id, grant.generation),
            self._access_token(realm_id, grant),
            self.client_id,
            self.client_secret,
        )

    def revoke(self, realm_id: str) -> None:
        """The company's owner disconnects the app: both tokens are dead at once."""
        self._grant(realm_id).revoked = True

    def check(self, authorization: str, realm_id: str) -> tuple[TokenState, str, str]:
        """What an `Authorization` header is worth for a realm: the state, the app, and the token as it was sent."""
        scheme, _, token = authorization.partition(" ")
        claims = self._claims(token) if scheme.lower() == "bearer" else None
        if claims is None:
            return TokenState.MALFORMED, "", token
        if claims.expires <= self._now().timestamp():
            return TokenState.EXPIRED, claims.app, token
        if self._grant(claims.realm).revoked:
            return TokenState.REVOKED, claims.app, token
        if claims.realm != realm_id:
            return TokenState.OTHER_REALM, claims.app, token
        return TokenState.GOOD, claims.app, token

    def post(self, form: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        """The token endpoint. `headers` have lower-case names."""
        if not self._is_our_app(headers.get("authorization", "")):
            return _refused(401, "invalid_client")
        grant_type = form.get("grant_type")
        if grant_type is None:
            return _refused(400, "invalid_request")
        answer_kind = self._by_kind.get(grant_type)
        return _refused(400, "unsupported_grant_type") if answer_kind is None else answer_kind(form, headers)

    def _refresh(self, form: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        sent = form.get("refresh_token")
        if sent is None:
            return _refused(400, "invalid_request")
        issue = self._issue_of(sent)
        now = self._now().timestamp()
        if issue is None or not self._honoured(self._grant(issue.realm), issue.generation, now):
            return _refused(400, "invalid_grant", "Incorrect or invalid refresh token")
        realm_id, grant = issue.realm, self._grant(issue.realm)
        if issue.generation == grant.generation and now - grant.issued >= self._settings.refresh_rotation_s:
            grant.generation += 1
            grant.issued = grant.rotated = now
        body: dict[str, object] = {
            "token_type": "bearer",
            "access_token": self._access_token(realm_id, grant),
            "expires_in": int(self._settings.access_token_life_s),
            "refresh_token": self._refresh_token(realm_id, grant.generation),
            "x_refresh_token_expires_in": int(grant.issued + self._settings.refresh_idle_s - now),
        }
        if headers.get(HARD_EXPIRY_HEADER, "").lower() == "true":
            body["x_refresh_token_hard_expires_in"] = int(grant.consented + self._settings.refresh_hard_s - now)
        return Answer(200, msgspec.json.encode(body), JSON_OK)

    def _honoured(self, grant: _Grant, generation: int, now: float) -> bool:
        """Whether the value of that generation still refreshes."""
        if grant.revoked or now >= grant.consented + self._settings.refresh_hard_s:
            return False
        if generation == grant.generation:
            return now < grant.issued + self._settings.refresh_idle_s
        previous = generation == grant.generation - 1
        return previous and now < grant.rotated + self._settings.old_refresh_token_life_s

    def _grant(self, realm_id: str) -> _Grant:
        grant = self._grants.get(realm_id)
        if grant is None:
            grant = self._grants[realm_id] = _Grant(consented=self._began, generation=0, issued=self._began)
        return grant

    def _is_our_app(self, authorization: str) -> bool:
        scheme, _, encoded = authorization.partition(" ")
        try:
            sent = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            return False
        expected = f"{self.client_id}:{self.client_secret}".encode()
        return scheme.lower() == "basic" and hmac.compare_digest(sent, expected)

    def _refresh_token(self, realm_id: str, generation: int) -> str:
        issue = msgspec.json.encode(_Issue(realm_id, generation))
        return REFRESH_PREFIX + self._signed(issue)

    def _issue_of(self, token: str) -> _Issue | None:
        """Which refresh token this is, or None if it is none of ours."""
        said = self._said(token.removeprefix(REFRESH_PREFIX)) if token.startswith(REFRESH_PREFIX) else None
        return said if isinstance(said, _Issue) else None

    def _access_token(self, realm_id: str, grant: _Grant) -> str:
        grant.serial += 1
        expires = self._now().timestamp() + self._settings.access_token_life_s
        claims = msgspec.json.encode(_Claims(realm_id, self.client_id, grant.serial, expires))
        return self._signed(claims.ljust(TOKEN_BYTES - _SIGNATURE_BYTES))

    def _claims(self, token: str) -> _Claims | None:
        """What an access token says, or None if it is none of ours."""
        said = self._said(token)
        return said if isinstance(said, _Claims) else None

    def _signed(self, said: bytes) -> str:
        return base64.urlsafe_b64encode(hmac.digest(self._key, said, "sha256") + said).decode()

    def _said(self, signed: str) -> _Issue | _Claims | None:
        """What was signed, or None if the signature is not ours."""
        try:
            raw = base64.b64decode(signed, altchars=b"-_", validate=True)
        except ValueError:
            return None
        signature, said = raw[:_SIGNATURE_BYTES], raw[_SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, hmac.digest(self._key, said, "sha256")):
            return None
        return _SAID.decode(said)


def _refused(status: int, error: str, description: str = "") -> Answer:
    body = {"error": error} | ({"error_description": description} if description else {})
    return Answer(status, msgspec.json.encode(body), JSON_FAULT, code=error)


def _word(rng: random.Random, length: int) -> str:
    return "".join(rng.choices(_ALPHABET, k=length))
