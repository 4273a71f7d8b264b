"""Where Intuit's API is, which addresses a token may be sent to at all, and how a request's URL is written."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from urllib.parse import quote, urlsplit

from yarl import URL

from backfill.errors import UsageError
from backfill.wire import Request

API_URLS: Mapping[str, str] = MappingProxyType(
    {
        "sandbox": "https://sandbox-quickbooks.api.intuit.com",
        "production": "https://quickbooks.api.intuit.com",
    }
)
"""Environment to base URL."""

TOKEN_URL = "https://oauth.platform.intuit.com/oauth2/v1/tokens/bearer"  # noqa: S105  # an address, not a password
"""The same for both environments."""

CONSENT_URL = "https://appcenter.intuit.com/connect/oauth2"
"""The page on which a person lets an app at a company: the same for both environments."""

REVOKE_URL = "https://developer.api.intuit.com/v2/oauth2/tokens/revoke"
"""Where an app gives a company's consent back: the same for both environments."""

_UNRESERVED = "-._~"
"""All that percent-encoding leaves alone beside letters and digits; a `+` left alone would be read as a blank."""


def checked_url(url: str) -> str:
    """`url` without a trailing slash. Raises `UsageError` unless it is https, or plain http to this machine."""
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname or "", parts.port
    except ValueError as error:
        raise UsageError(f"It is not a URL: {error}.", action="Give it as https://host.") from error
    if parts.username is not None or parts.password is not None:
        raise UsageError("A base URL must not hold a user name or password.", action="Leave them out of it.")
    if parts.scheme not in {"http", "https"} or not host or parts.query or parts.fragment:
        raise UsageError(f"{url!r} is not a base URL.", action="Give it as https://host, without a query.")
    if parts.scheme == "http" and not is_loopback(host):
        raise UsageError(
            f"{url!r} is plain http to another machine, and tokens would travel in clear.",
            action="Use https; plain http is for a simulator on this machine only.",
        )
    return url.rstrip("/")


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine, by name or address."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_intuits(url: str) -> bool:
    """Whether `url` leads to Intuit itself, where no limit may be scaled."""
    host = _host(url)
    return host == "intuit.com" or host.endswith(".intuit.com")


def is_production(url: str) -> bool:
    """Whether `url` leads to companies that somebody keeps his books in: all of Intuit's but its sandbox."""
    return is_intuits(url) and _host(url) != _host(API_URLS["sandbox"])


def _host(url: str) -> str:
    return (urlsplit(url).hostname or "").lower().rstrip(".")


def url_of(base_url: str, request: Request) -> URL:
    """The request's URL, strictly percent-encoded: blanks as %20, `+` as %2B, nothing left to a library's taste."""
    path = quote(f"/v3/company/{request.realm_id}{request.path}", safe=f"/{_UNRESERVED}")
    query = f"?{encoded(request.params)}" if request.params else ""
    return URL(f"{base_url}{path}{query}", encoded=True)


def encoded(pairs: Iterable[tuple[str, str]]) -> str:
    """`pairs` as a query string or a form."""
    return "&".join(f"{quote(name, safe=_UNRESERVED)}={quote(value, safe=_UNRESERVED)}" for name, value in pairs)
