"""Whatever is not made here is text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfill.dashboard.companies import Asked, asked, companies_page
from backfill.dashboard.html import (
    Column,
    Html,
    ago,
    bar,
    company,
    duration,
    element,
    page,
    shown,
    table,
    trouble,
)
from backfill.dashboard.looks import Seen
from tests.dashboard.parsed import parsed

NOW = datetime(2026, 11, 1, 3, tzinfo=UTC)

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</td></table></main><main>",
    "' onmouseover='alert(1)",
    "&lt;b&gt; & co",
    "<!-- --!>",
    "\u202egpj.exe\x00\x1b[31m",
    "javascript:alert(1)",
    "../../etc",
)

TEXTS = st.text(st.characters(exclude_characters="\r\0", exclude_categories=["Cs"]))
"""A parser reads a carriage return as a line's end, and a NUL as nothing: neither is markup."""


@given(TEXTS | st.sampled_from(HOSTILE).map(lambda text: text.replace("\0", "")))
def test_any_text_is_text_wherever_it_stands(text: str) -> None:
    row = (text, company("1", text), company(text, ""))
    content = [table([Column(text), Column("b", "name"), Column("c")], [row]), trouble(Seen(None, None, text, NOW))]
    found = parsed(page(text, element("p", *content)))
    plain = parsed(page("", element("p", table([Column(""), Column("b"), Column("c")], [("", company("1", "a"), "")]))))
    assert found.elements.count("script") == plain.elements.count("script") == 1
    assert set(found.elements) <= {*plain.elements, "div", "b", "span"}
    assert found.texts.count(text) >= 4 or not text
    assert not text or unquote(urlsplit(found.links[-1]).path) == f"/companies/{text}"


@given(TEXTS)
def test_what_was_looked_for_stands_in_the_form_again(text: str) -> None:
    assert parsed(companies_page(Seen(), Asked(text))).values == [text]


def test_markup_is_not_escaped_twice_and_what_is_made_of_it_is_text_again() -> None:
    assert shown(shown("a & b")) == "a &amp; b"
    assert shown(element("b", "x") + "<i>") == "&lt;b&gt;x&lt;/b&gt;&lt;i&gt;", "added to, it is a text of anybody's"
    assert not isinstance(Html("a") + "b", Html)


def test_numbers_are_read_by_thousands() -> None:
    assert (shown(1234567), shown("1234567")) == ("1,234,567", "1234567")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59.6, "1 min 00 s"), (3599, "59 min 59 s"), (3600, "1 h 00 min"), (90_000, "1 d 1 h")],
)
def test_how_long(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_how_long_ago() -> None:
    assert ago(NOW - timedelta(minutes=2), NOW) == "2 min 00 s ago"
    assert ago(NOW + timedelta(minutes=2), NOW) == "0 s ago", "another machine's clock"
    assert ago(None, NOW) == ""


def test_a_bar_of_nothing_or_of_more_than_all_is_a_bar() -> None:
    assert 'value="0.0000"' in bar(0, 0, what="a")
    assert 'value="1.0000"' in bar(9, 3, what="a")


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ({}, Asked()),
        ({"text": " a\0b ", "kind": "parked", "page": "3"}, Asked("ab", "parked", 3)),
        ({"text": "\ud800", "kind": "'; DROP", "page": "-1"}, Asked("?", "", 1)),
        ({"text": "x" * 999, "page": "9" * 400}, Asked("x" * 100, "", 1)),
        ({"page": "0"}, Asked()),
        ({"page": "²"}, Asked()),
    ],
)
def test_what_makes_no_sense_asks_for_the_first_page(query: dict[str, str], wanted: Asked) -> None:
    assert asked(query) == wanted
