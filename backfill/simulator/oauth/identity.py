"""Who the user is: the id_token, the key that it can be checked with, and what the user tells of themselves."""

from __future__ import annotations

import base64
import hashlib
import uuid
from collections.abc import Collection, Mapping
from datetime import datetime
from functools import cached_property

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

KEY_BITS = 2048
"""What RS256 demands at least."""
TOKEN_LIFE_S = 3600
"""As long as an access token's."""
ISSUER = "https://oauth.platform.intuit.com/op/v1"
"""A name and no address: clients compare it with the one they know, wherever they are pointed at."""

_PROFILE: Mapping[str, Mapping[str, object]] = {
    "profile": {"givenName": "Robin", "familyName": "Owner"},
    "email": {"email": "owner@example.com", "emailVerified": True},
    "phone": {"phoneNumber": "+1 5555550100", "phoneNumberVerified": False},
    "address": {
        "address": {
            "streetAddress": "1 Main Street",
            "locality": "Bayshore",
            "region": "CA",
            "postalCode": "94326",
            "country": "US",
        }
    },
}
"""What each scope opens."""


class Identity:
    """The one person who owns all companies, and the key that says so.

    The key is made when it is first needed, and anew in each process: of a seed it could be computed by anybody.
    """

    def __init__(self, seed: int) -> None:
        self.subject = str(uuid.uuid5(uuid.NAMESPACE_OID, f"owner of world {seed}"))

    def user(self, scopes: Collection[str]) -> bytes:
        """The body of the user information endpoint: the subject, and what the scopes open."""
        shown: dict[str, object] = {"sub": self.subject}
        for scope, claims in _PROFILE.items():
            if scope in scopes:
                shown |= claims
        return msgspec.json.encode(shown)

    def token(self, client_id: str, realm_id: str, *, now: datetime, nonce: str) -> str:
        """An id_token: a JWT signed with RS256 for that app."""
        issued = int(now.timestamp())
        claims: dict[str, object] = {
            "sub": self.subject,
            "aud": [client_id],
            "iss": ISSUER,
            "iat": issued,
            "auth_time": issued,
            "exp": issued + TOKEN_LIFE_S,
        }
        if realm_id:
            claims["realmid"] = realm_id
        if nonce:
            claims["nonce"] = nonce
        header = {"kid": self._key_id, "alg": "RS256"}
        said = b".".join(_encoded(msgspec.json.encode(part)) for part in (header, claims))
        signature = self._key.sign(said, padding.PKCS1v15(), hashes.SHA256())
        return (said + b"." + _encoded(signature)).decode()

    def key_set(self) -> bytes:
        """The JSON Web Key Set."""
        return msgspec.json.encode(
            {"keys": [{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self._key_id, **self._public}]}
        )

    @cached_property
    def _key(self) -> rsa.RSAPrivateKey:
        return rsa.generate_private_key(public_exponent=65_537, key_size=KEY_BITS)

    @cached_property
    def _public(self) -> Mapping[str, str]:
        numbers = self._key.public_key().public_numbers()
        return {"e": _number(numbers.e), "n": _number(numbers.n)}

    @cached_property
    def _key_id(self) -> str:
        """The key's thumbprint (RFC 7638), so that no two keys share an id."""
        named = {"e": self._public["e"], "kty": "RSA", "n": self._public["n"]}
        return _encoded(hashlib.sha256(msgspec.json.encode(named)).digest()).decode()


def _number(value: int) -> str:
    return _encoded(value.to_bytes((value.bit_length() + 7) // 8, "big")).decode()


def _encoded(value: bytes) -> bytes:
    return base64.urlsafe_b64encode(value).rstrip(b"=")
