"""The authorisation server: codes and tokens for consent, and what a token is worth."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

import msgspec

from backfill.simulator.envelopes import JSON_FAULT, JSON_OK, Answer
from backfill.simulator.oauth.apps import Apps
from backfill.simulator.oauth.grants import Grant, Grants
from backfill.simulator.oauth.identity import Identity
from backfill.simulator.oauth.scopes import ACCOUNTING, OPENID
from backfill.simulator.oauth.signed import AccessClaims, RefreshClaims, Signer
from backfill.simulator.settings import App, SimulatorSettings

HARD_EXPIRY_HEADER = "x-include-refresh-token-hard-expires-in"
CODES_MOST = 10_000
"""Codes that wait to be exchanged; the oldest make room. They live for minutes, and a person gives each."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What an app holds after consent. The secrets stay out of the repr."""

    realm_id: str
    refresh_token: str = field(repr=False)
    access_token: str = field(repr=False)
    client_id: str
    client_secret: str = field(repr=False)


class TokenState(Enum):
    """What an access token is worth. The values are what the refusal says of it."""

    GOOD = "good"
    MALFORMED = "Malformed bearer token: too short or too long"
    EXPIRED = "Token expired"
    REVOKED = "Token revoked"
    OTHER_REALM = "The application is not authorised for this company"
    NO_SCOPE = "The application was not granted the accounting scope"
    DISCONNECTED = "The company has disconnected the application"
    USER_GONE = "AuthorizationFailure: -11014: You do not have access to this company"


@dataclass(frozen=True, slots=True)
class _Code:
    """What an authorization code stands for until it is exchanged."""

    app: App
    realm_id: str
    scopes: tuple[str, ...]
    redirect_uri: str
    nonce: str
    issued: float


class OAuth:
    """The authorisation server. Times are wall-clock, from `now`."""

    def __init__(self, settings: SimulatorSettings, *, now: Callable[[], datetime], seed: int) -> None:
        self._settings = settings
        self._now = now
        self._rng = random.Random(f"{seed}:codes")
        self.apps = Apps(settings.apps, redirect_uris=settings.redirect_uris, seed=seed)
        self.identity = Identity(seed)
        self._signer = Signer(seed)
        self.grants = Grants(settings, ready_made=self.apps.ready_made.client_id, began=now().timestamp())
        self._codes: dict[str, _Code] = {}

    def credentials(self, realm_id: str) -> Credentials:
        """What the ready-made app holds: the current refresh token and a fresh access token."""
        app = self.apps.ready_made
        grant = self.grants.of(realm_id, app.client_id)
        assert grant is not None, "every company is connected to the ready-made app"
        return Credentials(
            realm_id, self._refresh_token(grant), self._access_token(grant), app.client_id, app.client_secret
        )

    def revoke(self, realm_id: str) -> None:
        """The company's owner disconnects every app."""
        self.grants.disconnect(realm_id)

    def check(self, authorization: str, realm_id: str) -> tuple[TokenState, str, str]:
        """What an `Authorization` header is worth for a realm: the state, the app, and the token as it was sent."""
        token = _bearer(authorization)
        claims = self._signer.access_claims(token)
        if claims is None:
            return TokenState.MALFORMED, "", token
        return self._worth(claims, realm_id), claims.app, token

    def sender(self, form: Mapping[str, str], headers: Mapping[str, str]) -> tuple[str, str]:
        """Whose tokens a call of the token endpoint is about: realm and client id, each empty where it does not say."""
        app = self._app(form, headers)
        claims = self._signer.refresh_claims(form.get("refresh_token", ""))
        code = self._codes.get(form.get("code", ""))
        about = claims.realm if claims is not None else "" if code is None else code.realm_id
        return about, "" if app is None else app.client_id

    def rotate(self, realm_id: str, client_id: str) -> bool:
        """A refresh by another worker of the app, of any age of the value. False where there is no consent to use."""
        grant = self.grants.of(realm_id, client_id)
        if grant is None or grant.ended:
            return False
        self.grants.rotated(grant, at=self._now().timestamp())
        return True

    def code(self, app: App, realm_id: str, scopes: tuple[str, ...], *, redirect_uri: str, nonce: str = "") -> str:
        """A code for the user's consent, to be exchanged once by the same app within minutes."""
        now = self._now().timestamp()
        self._forget_codes(now)
        code = f"XAB1{self._rng.getrandbits(240):060x}"
        self._codes[code] = _Code(app, realm_id, scopes, redirect_uri, nonce, now)
        return code

    def post(self, form: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        """The token endpoint. `headers` have lower-case names."""
        app = self._app(form, headers)
        if app is None:
            return _refused(401, "invalid_client")
        match form.get("grant_type"):
            case None:
                return _refused(400, "invalid_request")
            case "authorization_code":
                return self._exchange(app, form, headers)
            case "refresh_token":
                return self._refresh(app, form, headers)
            case _:
                return _refused(400, "unsupported_grant_type")

    def revocation(self, fields: Mapping[str, object], headers: Mapping[str, str]) -> Answer:
        """The revocation endpoint: either token ends the consent of the app that sends it."""
        app = self._app({}, headers)
        if app is None:
            return _refused(401, "invalid_client")
        token = fields.get("token")
        if not isinstance(token, str) or not token:
            return _refused(400, "invalid_request")
        claims = self._signer.refresh_claims(token) or self._signer.access_claims(token)
        grant = None if claims is None else self.grants.of(claims.realm, claims.app)
        if claims is None or grant is None or claims.app != app.client_id:
            return _refused(400, "invalid_request", "Token invalid")
        if claims.consent == grant.consent:
            grant.ended = True
        return Answer(200, b"", JSON_OK)

    def user(self, headers: Mapping[str, str]) -> tuple[TokenState, bytes]:
        """What the user information endpoint says to the bearer, as JSON."""
        claims = self._signer.access_claims(_bearer(headers.get("authorization", "")))
        if claims is None:
            return TokenState.MALFORMED, b""
        state = self._worth(claims, claims.realm)
        if state is TokenState.NO_SCOPE:  # of the accounting API; this one has scopes of its own
            state = TokenState.GOOD
        if state is TokenState.GOOD and OPENID not in claims.scopes:
            state = TokenState.NO_SCOPE
        return state, self.identity.user(claims.scopes)

    def _worth(self, claims: AccessClaims, realm_id: str) -> TokenState:
        grant = self.grants.of(claims.realm, claims.app)
        if claims.expires <= self._now().timestamp():
            return TokenState.EXPIRED
        dead = grant is None or claims.serial < grant.oldest_serial
        if grant is None or dead or grant.ended:
            return TokenState.REVOKED
        if grant.disconnected:
            return TokenState.DISCONNECTED if self._settings.disconnected == "3100" else TokenState.USER_GONE
        if claims.realm != realm_id:
            return TokenState.OTHER_REALM
        return TokenState.GOOD if ACCOUNTING in claims.scopes else TokenState.NO_SCOPE

    def _exchange(self, app: App, form: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        sent, redirect_uri = form.get("code"), form.get("redirect_uri")
        if not sent or not redirect_uri:
            return _refused(400, "invalid_request")
        now = self._now().timestamp()
        code = self._codes.get(sent)
        if code is None or code.app != app or code.redirect_uri != redirect_uri:
            return _refused(400, "invalid_grant")
        del self._codes[sent]  # good for once
        if now >= code.issued + self._settings.code_life_s:
            return _refused(400, "invalid_grant")
        grant = self.grants.consented(code.realm_id, app.client_id, code.scopes, at=now)
        body = self._tokens(grant, headers)
        if OPENID in code.scopes:
            body["id_token"] = self.identity.token(app.client_id, code.realm_id, now=self._now(), nonce=code.nonce)
        return Answer(200, msgspec.json.encode(body), JSON_OK)

    def _refresh(self, app: App, form: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        sent = form.get("refresh_token")
        if not sent:
            return _refused(400, "invalid_request")
        now = self._now().timestamp()
        claims = self._signer.refresh_claims(sent)
        grant = None if claims is None else self.grants.of(claims.realm, claims.app)
        if claims is None or grant is None or claims.app != app.client_id:
            return _refused(400, "invalid_grant", "Incorrect or invalid refresh token")
        if not self.grants.honoured(grant, consent=claims.consent, generation=claims.generation, at=now):
            self._refuse_value(grant, claims)
            return _refused(400, "invalid_grant", "Incorrect or invalid refresh token")
        self.grants.refreshed(grant, generation=claims.generation, at=now)
        return Answer(200, msgspec.json.encode(self._tokens(grant, headers)), JSON_OK)

    def _refuse_value(self, grant: Grant, claims: RefreshClaims) -> None:
        """What follows for the consent when one of its values was sent after it had been replaced."""
        if claims.consent == grant.consent and self._settings.refresh_reuse == "ends_consent":
            grant.ended = True

    def _tokens(self, grant: Grant, headers: Mapping[str, str]) -> dict[str, object]:
        now = self._now().timestamp()
        body: dict[str, object] = {
            "token_type": "bearer",
            "access_token": self._access_token(grant),
            "expires_in": int(self._settings.access_token_life_s),
            "refresh_token": self._refresh_token(grant),
            "x_refresh_token_expires_in": int(grant.issued + self._settings.refresh_idle_s - now),
        }
        if headers.get(HARD_EXPIRY_HEADER, "").lower() == "true":
            body["x_refresh_token_hard_expires_in"] = int(grant.consented + self._settings.refresh_hard_s - now)
        return body

    def _app(self, form: Mapping[str, str], headers: Mapping[str, str]) -> App | None:
        """The app that sends, by Basic authentication, or by id and secret in the form where there is none."""
        authorization = headers.get("authorization", "")
        if not authorization and "client_secret" in form:
            app = self.apps.named(form.get("client_id", ""))
            return app if app is not None and self.apps.has_secret(app, form["client_secret"]) else None
        return self.apps.authenticated(authorization)

    def _refresh_token(self, grant: Grant) -> str:
        claims = RefreshClaims(grant.realm_id, grant.client_id, grant.consent, grant.generation)
        return self._signer.refresh_token(claims)

    def _access_token(self, grant: Grant) -> str:
        grant.serial += 1
        expires = self._now().timestamp() + self._settings.access_token_life_s
        return self._signer.access_token(
            AccessClaims(grant.realm_id, grant.client_id, grant.consent, grant.serial, grant.scopes, expires)
        )

    def _forget_codes(self, now: float) -> None:
        """Drop the codes that can be exchanged no more, and the oldest of too many."""
        for code, waiting in list(self._codes.items()):  # oldest first
            if len(self._codes) < CODES_MOST and now < waiting.issued + self._settings.code_life_s:
                return
            del self._codes[code]


def _bearer(authorization: str) -> str:
    """The token of an `Authorization` header; no token of ours where the header has another scheme."""
    scheme, _, token = authorization.partition(" ")
    return token if scheme.lower() == "bearer" else ""


def _refused(status: int, error: str, description: str = "") -> Answer:
    body = {"error": error} | ({"error_description": description} if description else {})
    return Answer(status, msgspec.json.encode(body), JSON_FAULT, code=error)
