"""The discovery documents: where everything is, seen from `origin`."""

from __future__ import annotations

import msgspec

from backfill.simulator.oauth import consent
from backfill.simulator.oauth.identity import ISSUER
from backfill.simulator.oauth.scopes import ACCOUNTING

PRODUCTION_PATH = "/.well-known/openid_configuration"
SANDBOX_PATH = "/.well-known/openid_sandbox_configuration"
TOKEN_PATH = "/oauth2/v1/tokens/bearer"  # noqa: S105 -- an address
REVOCATION_PATH = "/v2/oauth2/tokens/revoke"
USER_PATH = "/v1/openid_connect/userinfo"
KEYS_PATH = "/op/v1/jwks"


def discovery(origin: str) -> bytes:
    """The document of either environment: here both are at one address, where Intuit's differ in the user's."""
    return msgspec.json.encode(
        {
            "issuer": ISSUER,
            "authorization_endpoint": f"{origin}{consent.PATH}",
            "token_endpoint": f"{origin}{TOKEN_PATH}",
            "userinfo_endpoint": f"{origin}{USER_PATH}",
            "revocation_endpoint": f"{origin}{REVOCATION_PATH}",
            "jwks_uri": f"{origin}{KEYS_PATH}",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "scopes_supported": ["openid", "email", "profile", "address", "phone", ACCOUNTING],
            "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
            "claims_supported": ["aud", "exp", "iat", "iss", "realmid", "sub"],
        }
    )
