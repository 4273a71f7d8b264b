"""Whether a webhook is Intuit's: `intuit-signature` is the base64 of HMAC-SHA256 over the body as it came.

Intuit's webhooks page: the key is the app's verifier token. It can be replaced in the portal, so several are taken.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Sequence
from hashlib import sha256

from backfill.model import Secret

SIGNATURE_HEADER = "intuit-signature"


class Verifier:
    """Knows an app's verifier tokens: the present one, and those before or after it while they are exchanged."""

    def __init__(self, tokens: Sequence[Secret]) -> None:
        assert tokens, "without a token nothing can be verified"
        self._keys = [token.reveal().encode() for token in tokens]

    def accepts(self, body: bytes, signature: str) -> bool:
        """Whether one of the tokens signed these very bytes. How long it takes does not tell which, nor how nearly."""
        try:
            given = base64.b64decode(signature, validate=True)
        except (binascii.Error, ValueError):
            return False
        fits = [hmac.compare_digest(given, hmac.digest(key, body, sha256)) for key in self._keys]  # all, none left out
        return any(fits)
