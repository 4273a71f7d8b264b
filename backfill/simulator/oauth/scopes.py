"""What an app may ask consent for."""

from __future__ import annotations

ACCOUNTING = "com.intuit.quickbooks.accounting"
"""Needed for every call of the API."""
OPENID = "openid"
"""Brings an id_token with the code exchange, and opens the user's profile."""

SCOPES: tuple[str, ...] = (ACCOUNTING, "com.intuit.quickbooks.payment", OPENID, "profile", "email", "phone", "address")
"""Those that the discovery document lists."""

# The scopes of the newer premium APIs grow in number; they are granted and open nothing here.
_FAMILIES = ("app-foundations.", "project-management.", "indirect-tax.", "payroll.", "com.intuit.quickbooks.")

WORDS = {
    ACCOUNTING: "Read and change the books: customers, invoices, bills, payments, reports",
    "com.intuit.quickbooks.payment": "Take and refund payments",
    OPENID: "Know who you are",
    "profile": "See your name",
    "email": "See your e-mail address",
    "phone": "See your telephone number",
    "address": "See your address",
}
"""What the consent page says of each."""


def scopes_of(text: str) -> tuple[str, ...] | None:
    """The scopes of a request, in its order; None if it names none, or one that there is not."""
    scopes = tuple(dict.fromkeys(text.split()))
    return scopes if scopes and all(scope in SCOPES or scope.startswith(_FAMILIES) for scope in scopes) else None
