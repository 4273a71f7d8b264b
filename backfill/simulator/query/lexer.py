"""Text of a statement to tokens, with the lexical faults of the service's own (JavaCC) lexer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from backfill.simulator.faults import FaultedError, parse_fault


class Kind(Enum):
    """Kinds of token, named as the service prints them in its faults."""

    WORD = "<IDENTIFIER>"
    KEYWORD = "keyword"
    STRING = "<STRING>"
    NUMBER = "<INTEGER>"
    SYMBOL = "symbol"
    END = "<EOF>"


_CLAUSES = {"select", "count", "from", "where", "order", "orderby", "by", "asc", "desc", "startposition", "maxresults"}
KEYWORDS = frozenset(_CLAUSES | {"and", "or", "in", "like", "true", "false", "null", "current_date", "iterator"})
NAMED_KEYWORDS = frozenset({"and", "or"})
"""Keywords that the service prints as a named token, `<AND>`; the others it prints in quotes."""

SYMBOLS = ("<=", ">=", "!=", "=", "<", ">", "(", ")", ",", "*")
_WORD_START = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")
_DIGITS = frozenset("0123456789")
_ESCAPED = frozenset("'\\")
_WORD_PART = _WORD_START | _DIGITS | {"."}


@dataclass(frozen=True, slots=True)
class Token:
    """`text` is as written (a string without quotes and escapes); `value` is what the parser compares."""

    kind: Kind
    text: str
    value: str
    line: int
    column: int

    def shown(self) -> str:
        """The token as the service's parser prints it: `" <IDENTIFIER> "R ""`, `"<EOF>"`, `" "order" "order ""`."""
        if self.kind is Kind.END:
            return '"<EOF>"'
        if self.kind is Kind.KEYWORD:
            name = f"<{self.value.upper()}>" if self.value in NAMED_KEYWORDS else f'"{self.value}"'
        elif self.kind is Kind.SYMBOL:
            name = f'"{self.value}"'
        else:
            name = self.kind.value
        return f'" {name} "{self.text} ""'


def tokens(text: str, *, not_equal: bool = False) -> Iterator[Token]:
    """The tokens of `text`, the last of kind END, each only when it is asked for.

    So a parser's fault comes before a lexical one further on, as in the service. Raises `FaultedError` (4000) at
    a character that fits nowhere. `not_equal`: whether `!=` is a token at all.
    """
    place = _Place(text)
    while not place.at_end():
        character = place.character
        if character.isspace():
            place.skip(1)
        elif character == "'":
            yield _string(place)
        elif character in _WORD_START:
            yield _word(place)
        elif character in _DIGITS or (character in "-+." and place.character_after in _DIGITS):
            yield _number(place)
        else:
            yield _symbol(place, not_equal=not_equal)
    # The service counts an empty text as line 0, and the end of another as the place of its last character.
    line, column = (place.line, max(place.column - 1, 1)) if text else (0, 0)
    yield Token(Kind.END, "", "", line, column)


class _Place:
    """Where the lexer stands; lines and columns count from 1."""

    __slots__ = ("column", "line", "offset", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.offset = 0
        self.line = 1
        self.column = 1

    def at_end(self) -> bool:
        return self.offset >= len(self.text)

    @property
    def character(self) -> str:
        return self.text[self.offset]

    @property
    def character_after(self) -> str:
        return self.text[self.offset + 1 : self.offset + 2]

    def skip(self, count: int) -> str:
        passed = self.text[self.offset : self.offset + count]
        self.offset += count
        for character in passed:
            self.line, self.column = (self.line + 1, 1) if character == "\n" else (self.line, self.column + 1)
        return passed

    def run(self, allowed: frozenset[str]) -> str:
        end = self.offset
        while end < len(self.text) and self.text[end] in allowed:
            end += 1
        return self.skip(end - self.offset)


def _word(place: _Place) -> Token:
    line, column = place.line, place.column
    text = place.run(_WORD_PART)
    lowered = text.lower()
    return Token(Kind.KEYWORD if lowered in KEYWORDS else Kind.WORD, text, lowered, line, column)


def _number(place: _Place) -> Token:
    line, column = place.line, place.column
    text = place.skip(1) + place.run(_DIGITS | {"."})
    return Token(Kind.NUMBER, text, text, line, column)


def _symbol(place: _Place, *, not_equal: bool) -> Token:
    line, column = place.line, place.column
    for symbol in SYMBOLS:
        if place.text.startswith(symbol, place.offset) and (symbol != "!=" or not_equal):
            place.skip(len(symbol))
            return Token(Kind.SYMBOL, symbol, symbol, line, column)
    raise _lexical(place, after="")


def _string(place: _Place) -> Token:
    r"""A quoted string; `\'` and `\\` are the only escapes, another backslash stands for itself."""
    line, column, start = place.line, place.column, place.offset
    place.skip(1)
    parts: list[str] = []
    while not place.at_end():
        character = place.skip(1)
        if character == "'":
            return Token(Kind.STRING, place.text[start : place.offset], "".join(parts), line, column)
        if character == "\\" and not place.at_end() and place.character in _ESCAPED:
            character = place.skip(1)
        parts.append(character)
    raise _lexical(place, after=place.text[start:])


def _lexical(place: _Place, *, after: str) -> FaultedError:
    met = "<EOF>" if place.at_end() else f'"{place.character}" ({ord(place.character)}),'
    return FaultedError(
        parse_fault(
            f"Invalid content. Lexical error at line {place.line}, column {place.column}.  "
            f'Encountered: {met} after : "{after}"'
        )
    )
