"""The apps that companies can be connected to, each with its secret and its addresses to send users back to."""

from __future__ import annotations

import base64
import hmac
import ipaddress
import random
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from urllib.parse import urlsplit

from backfill.simulator.settings import App

_ALPHABET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
READY_MADE_NAME = "Rehearsal"
PLAYGROUND = "https://developer.intuit.com/v2/OAuth2Playground/RedirectUrl"
"""Intuit registers its playground for every new app."""


class Apps:
    """The ready-made app of the seed, to which every company is connected from the start, and any others."""

    def __init__(self, others: Iterable[App], *, redirect_uris: Iterable[str], seed: int) -> None:
        rng = random.Random(f"{seed}:app")
        self.ready_made = App(
            name=READY_MADE_NAME,
            client_id="AB" + _word(rng, 48),
            client_secret=_word(rng, 40),
            redirect_uris=(PLAYGROUND, *redirect_uris),
        )
        self._by_id: Mapping[str, App] = MappingProxyType(
            {app.client_id: app for app in (self.ready_made, *others)},
        )

    def named(self, client_id: str) -> App | None:
        return self._by_id.get(client_id)

    def authenticated(self, authorization: str) -> App | None:
        """The app of an `Authorization: Basic` header, or None if there is none of that id and secret."""
        scheme, _, encoded = authorization.partition(" ")
        try:
            client_id, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
        except ValueError:  # no base64, or no text in it
            return None
        app = self._by_id.get(client_id)
        if app is None or scheme.lower() != "basic":
            return None
        return app if self.has_secret(app, secret) else None

    def has_secret(self, app: App, secret: str) -> bool:
        return hmac.compare_digest(secret.encode(), app.client_secret.encode())

    def may_return_to(self, app: App, redirect_uri: str) -> bool:
        """Whether the app registered this very address; the ready-made app may use any on this machine, too."""
        return redirect_uri in app.redirect_uris or (app is self.ready_made and _is_loopback(redirect_uri))


def _is_loopback(address: str) -> bool:
    try:
        parts = urlsplit(address)  # which overlooks line breaks; no header may have one
        host = parts.hostname or ""
    except ValueError:
        return False
    if parts.scheme not in {"http", "https"} or not address.isprintable():
        return False
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _word(rng: random.Random, length: int) -> str:
    return "".join(rng.choices(_ALPHABET, k=length))
