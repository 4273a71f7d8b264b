"""Addresses that a token may go to, and how URLs are written."""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfill.errors import UsageError
from backfill.model import RealmId
from backfill.qbo.urls import API_URLS, TOKEN_URL, checked_url, encoded, is_intuits, url_of
from backfill.wire import Lane, Request


def request(path: str = "/query", *params: tuple[str, str]) -> Request:
    return Request(realm_id=RealmId("4620816365"), lane=Lane.QUERY, method="GET", path=path, params=params)


@pytest.mark.parametrize(
    "url",
    [
        *API_URLS.values(),
        TOKEN_URL,
        "https://proxy.example.com:8443/intuit",
        "http://localhost:8080",
        "http://127.0.0.1:8080",
        "http://127.9.9.9",
        "http://[::1]:80",
    ],
)
def test_https_anywhere_and_plain_http_to_this_machine(url: str) -> None:
    assert checked_url(url) == url
    assert checked_url(f"{url}/") == url


@pytest.mark.parametrize(
    "url",
    [
        "http://quickbooks.api.intuit.com",
        "http://10.0.0.1",
        "http://localhost.example.com",
        "http://127.0.0.1.example.com",
        "http://0.0.0.0",
        "ftp://localhost",
        "quickbooks.api.intuit.com",
        "https://",
        "https://host?x=1",
        "https://host#x",
        "https://host:port",
        "https://[::1",
        "",
    ],
)
def test_any_other_address_is_refused_before_a_token_is_sent(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        checked_url(url)
    assert caught.value.action


@pytest.mark.parametrize(
    "url", ["https://user:SECRET@host", "http://user:SECRET@host:x", "http://u:SECRET@10.0.0.1/?q"]
)
def test_law_7_a_password_in_an_address_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        checked_url(url)
    assert "SECRET" not in f"{caught.value} {caught.value.action}"


@pytest.mark.parametrize(
    ("url", "intuits"),
    [
        *((url, True) for url in (*API_URLS.values(), TOKEN_URL, "https://INTUIT.com.", "http://x.intuit.com:80")),
        *((url, False) for url in ("https://notintuit.com", "https://intuit.com.example.com", "http://127.0.0.1", "")),
    ],
)
def test_intuits_own_hosts_are_known(url: str, intuits: bool) -> None:
    assert is_intuits(url) is intuits


def test_every_character_with_a_meaning_is_encoded() -> None:
    url = url_of(
        "https://host", request("/query", ("query", "a = 'x+y' & 50% \\ é"), ("since", "2026-01-31T00:00:00+00:00"))
    )
    assert str(url) == (
        "https://host/v3/company/4620816365/query?query=a%20%3D%20%27x%2By%27%20%26%2050%25%20%5C%20%C3%A9"
        "&since=2026-01-31T00%3A00%3A00%2B00%3A00"
    )


def test_a_path_keeps_its_slashes_and_nothing_else() -> None:
    assert url_of("https://host/base", request("/invoice/1?2#3 4")).raw_path_qs == (
        "/base/v3/company/4620816365/invoice/1%3F2%233%204"
    )


@given(st.lists(st.tuples(st.text(min_size=1), st.text()), min_size=1))
def test_any_parameters_arrive_as_they_were(params: list[tuple[str, str]]) -> None:
    query = urlsplit(str(url_of("https://host", request("/query", *params)))).query
    assert parse_qsl(query, keep_blank_values=True, strict_parsing=True) == params
    assert [tuple(map(unquote, pair.split("="))) for pair in query.split("&")] == params


def test_a_form_is_encoded_alike() -> None:
    assert encoded([("refresh_token", "AB11+/=")]) == "refresh_token=AB11%2B%2F%3D"
