"""The page to send a person to, and what the address says that they come back with."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from backfill.errors import UnavailableError, UsageError
from backfill.qbo.consent import Consent, NotOursError, consent_of, consent_page
from backfill.qbo.urls import CONSENT_URL

STATE = "a b+c&d"


def test_the_page_says_who_asks_for_what() -> None:
    page = consent_page(CONSENT_URL, "id", redirect_uri="http://localhost:8767/callback?x", state=STATE)
    assert page.startswith("https://appcenter.intuit.com/connect/oauth2?")
    assert parse_qs(urlsplit(page).query) == {
        "client_id": ["id"],
        "response_type": ["code"],
        "scope": ["com.intuit.quickbooks.accounting"],
        "redirect_uri": ["http://localhost:8767/callback?x"],
        "state": [STATE],
    }


@pytest.mark.parametrize("before", ["http://localhost:8767/callback", "/callback", "https://example.com/", "  "])
def test_the_answer_names_code_and_company(before: str) -> None:
    consent = consent_of(f"{before}?code=AB11&state=a%20b%2Bc%26d&realmId=9130357992222222\n", state=STATE)
    assert (consent.realm_id, consent.code.reveal()) == ("9130357992222222", "AB11")
    assert "AB11" not in repr(consent)
    assert isinstance(consent, Consent)


ANSWERS = {
    "": (UsageError, "is not the address that the browser was sent back to"),
    "http://[": (UsageError, "is not the address that the browser was sent back to"),
    "?" + "&".join(f"a{number}=1" for number in range(30)): (UsageError, "is not the address"),
    "?code=%ff&state=x&realmId=1": (UsageError, "is not the address"),
    "?code=AB11&realmId=1": (NotOursError, "answers another question"),
    "?code=AB11&state=other&realmId=1": (NotOursError, "answers another question"),
    "?error=access_denied&state=other": (NotOursError, "answers another question"),
    "?error=access_denied&state=s": (UnavailableError, r"No consent was given \(access_denied\)"),
    "?code=AB11&state=s": (UsageError, "names no company"),
    "?code=AB11&state=s&realmId=12;DROP": (UsageError, "names no company"),
    "?code=&state=s&realmId=12": (UsageError, "has no code"),
    f"?code={'A' * 3000}&state=s&realmId=12": (UsageError, "has no code"),
    "?code=%C3%A9&state=s&realmId=12": (UsageError, "has no code"),
}


@pytest.mark.parametrize(("address", "said"), ANSWERS.items(), ids=range(len(ANSWERS)))
def test_what_is_no_answer(address: str, said: tuple[type[Exception], str]) -> None:
    kind, words = said
    with pytest.raises(kind, match=words) as raised:
        consent_of(address, state="s")
    assert type(raised.value) is kind
