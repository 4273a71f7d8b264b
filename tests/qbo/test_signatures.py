"""Who is believed to be Intuit."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest

from backfill.model import Secret
from backfill.qbo.signatures import Verifier

BODY = b'{"eventNotifications":[]}'


def signature(token: str, body: bytes = BODY) -> str:
    return base64.b64encode(hmac.new(token.encode(), body, hashlib.sha256).digest()).decode()


@pytest.mark.parametrize("token", ["the one", "the next one"])
def test_any_of_the_tokens_will_do_while_one_replaces_the_other(token: str) -> None:
    verifier = Verifier([Secret("the one"), Secret("the next one")])
    assert verifier.accepts(BODY, signature(token))


def test_a_vector_computed_elsewhere() -> None:
    """By openssl: printf '{"eventNotifications":[]}' | openssl dgst -sha256 -hmac verifier -binary | base64."""
    assert Verifier([Secret("verifier")]).accepts(BODY, VECTOR)


VECTOR = "bMlzRCQm2LZWdYu47/x0QKWgW3o3rEKU8Shp+xkpYaE="


@pytest.mark.parametrize(
    "given",
    [
        "",
        "AAAA",
        "not base64!",
        "\u00e9\u00e8",
        signature("another"),
        signature("token", BODY + b" "),
        signature("token")[:-4],
        f" {signature('token')}",
        hmac.new(b"token", BODY, hashlib.sha256).hexdigest(),
        base64.b64encode(hmac.new(b"token", BODY, hashlib.sha1).digest()).decode(),
    ],
)
def test_nothing_else_will(given: str) -> None:
    verifier = Verifier([Secret("token")])
    assert verifier.accepts(BODY, signature("token"))
    assert not verifier.accepts(BODY, given)


def test_every_token_is_compared_whichever_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    """How long it takes must not tell which of them it was."""
    compared = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append(other)
        return one == other

    monkeypatch.setattr(hmac, "compare_digest", compare)
    assert Verifier([Secret("first"), Secret("second"), Secret("third")]).accepts(BODY, signature("first"))
    assert len(compared) == 3
