"""Tokens that say what they are worth under a signature, so that none of them has to be kept."""

from __future__ import annotations

import base64
import hashlib
import hmac

import msgspec

REFRESH_PREFIX = "AB11"
ACCESS_TOKEN_BYTES = 600
"""Length of an access token before base64, so that it is about 800 characters, like the real ones."""
_SIGNATURE_BYTES = 32  # SHA-256


class RefreshClaims(msgspec.Struct, frozen=True, tag="refresh"):
    """What a refresh token says: the how-manieth value of which consent."""

    realm: str
    app: str
    consent: int
    generation: int


class AccessClaims(msgspec.Struct, frozen=True, tag="access"):
    """What an access token says."""

    realm: str
    app: str
    consent: int
    serial: int
    scopes: tuple[str, ...]
    expires: float


Claims = RefreshClaims | AccessClaims

_SAID: msgspec.json.Decoder[Claims] = msgspec.json.Decoder(Claims)


class Signer:
    """Signs claims and reads them back; what was signed by another simulator is nothing to it."""

    def __init__(self, seed: int) -> None:
        self._key = hashlib.sha256(f"{seed}:oauth".encode()).digest()

    def refresh_token(self, claims: RefreshClaims) -> str:
        return REFRESH_PREFIX + self._signed(msgspec.json.encode(claims))

    def access_token(self, claims: AccessClaims) -> str:
        return self._signed(msgspec.json.encode(claims).ljust(ACCESS_TOKEN_BYTES - _SIGNATURE_BYTES))

    def refresh_claims(self, token: str) -> RefreshClaims | None:
        """What a refresh token says, or None if it is none of ours."""
        said = self._said(token.removeprefix(REFRESH_PREFIX)) if token.startswith(REFRESH_PREFIX) else None
        return said if isinstance(said, RefreshClaims) else None

    def access_claims(self, token: str) -> AccessClaims | None:
        """What an access token says, or None if it is none of ours."""
        said = self._said(token)
        return said if isinstance(said, AccessClaims) else None

    def _signed(self, said: bytes) -> str:
        return base64.urlsafe_b64encode(hmac.digest(self._key, said, "sha256") + said).decode()

    def _said(self, signed: str) -> Claims | None:
        """What was signed, or None if the signature is not ours."""
        try:
            raw = base64.b64decode(signed, altchars=b"-_", validate=True)
        except ValueError:
            return None
        signature, said = raw[:_SIGNATURE_BYTES], raw[_SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, hmac.digest(self._key, said, "sha256")):
            return None
        return _SAID.decode(said)
