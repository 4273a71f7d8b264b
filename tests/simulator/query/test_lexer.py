"""The lexer: strings round-trip, and what fits nowhere is the recorded lexical fault."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfill.simulator.faults import FaultedError
from backfill.simulator.query.lexer import Kind, tokens


def quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


@given(st.text())
def test_any_text_escaped_with_backslashes_comes_back(text: str) -> None:
    string, end = tokens(quoted(text))
    assert (string.kind, string.value) == (Kind.STRING, text)
    assert end.kind is Kind.END


@given(st.lists(st.text(max_size=8), max_size=5))
def test_strings_beside_one_another_stay_apart(texts: list[str]) -> None:
    found = tokens(" , ".join(quoted(text) for text in texts))
    assert [token.value for token in found if token.kind is Kind.STRING] == texts


def test_kinds_and_places() -> None:
    found = tokens("SELECT *\nFROM Item WHERE MetaData.CreateTime >= -1.5")
    assert [(token.kind, token.value, token.line, token.column) for token in found] == [
        (Kind.KEYWORD, "select", 1, 1),
        (Kind.SYMBOL, "*", 1, 8),
        (Kind.KEYWORD, "from", 2, 1),
        (Kind.WORD, "item", 2, 6),
        (Kind.KEYWORD, "where", 2, 11),
        (Kind.WORD, "metadata.createtime", 2, 17),
        (Kind.SYMBOL, ">=", 2, 37),
        (Kind.NUMBER, "-1.5", 2, 40),
        (Kind.END, "", 2, 43),
    ]


LEXICAL = [
    # As recorded, at column 44 of a statement whose quotes had been URL-encoded twice.
    (
        "select * from account where AccountSubType =%27x%27",
        'Lexical error at line 1, column 45.  Encountered: "%" (37), after : ""',
    ),
    ("select \u2019", 'Lexical error at line 1, column 8.  Encountered: "\u2019" (8217), after : ""'),
    ("a != 1", 'Lexical error at line 1, column 3.  Encountered: "!" (33), after : ""'),
    ("a = 'b\\'", "Lexical error at line 1, column 9.  Encountered: <EOF> after : \"'b\\'\""),
]


@pytest.mark.parametrize(("text", "detail"), LEXICAL)
def test_lexical_faults_are_worded_as_recorded(text: str, detail: str) -> None:
    with pytest.raises(FaultedError) as raised:
        list(tokens(text))
    assert (raised.value.fault.code, raised.value.fault.message) == ("4000", "Error parsing query")
    assert raised.value.fault.detail == f"QueryParserError: Invalid content. {detail}"


def test_not_equal_is_a_token_only_where_the_setting_says_so() -> None:
    assert [token.value for token in tokens("a != 1", not_equal=True)] == ["a", "!=", "1", ""]
