"""Tokens to a statement, by recursive descent, with the parser faults of the service.

    SELECT * | COUNT(*) | names  FROM Entity
      [WHERE name op value [AND ...]] [ORDERBY name [ASC|DESC] [, ...]] [STARTPOSITION n] [MAXRESULTS n]

Keywords and names are case-insensitive; ORDERBY may be two words; the last two clauses come in either order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

from backfill.simulator.faults import FaultedError, parse_fault, validation_fault
from backfill.simulator.query.lexer import Kind, Token, tokens
from backfill.simulator.query.statement import (
    DEFAULT_ROWS,
    MOST_ROWS,
    Condition,
    Literal,
    LiteralKind,
    Operator,
    OrderKey,
    Statement,
)

# What the service lists as possible, in its own order and spelling.
AFTER_ENTITY = ("<EOF>", '"iterator"', '"maxresults"', '"order"', '"orderby"', '"startposition"', '"where"')
AFTER_CONDITION = ("<EOF>", "<AND>", '"iterator"', '"maxresults"', "<OR>", '"order"', '"orderby"', '"startposition"')
AFTER_ORDER_KEY = ("<EOF>", '"asc"', '"desc"', '","', '"iterator"', '"maxresults"', '"startposition"')
AFTER_PAGE = ("<EOF>", '"maxresults"', '"startposition"')
OPERATORS = ('"="', '"<"', '">"', '"<="', '">="', '"in"', '"like"')
VALUES = ("<STRING>", "<INTEGER>", '"true"', '"false"', '"current_date"')

MOST_DIGITS = 18  # of a signed 64-bit integer, whatever its first digit

STATEMENTS_REMEMBERED = 4_096
"""Most questions of a client are the same for every company, so that they need be parsed only once."""

_COMPARISONS = {operator.value: operator for operator in Operator}
_LITERALS = {
    "true": LiteralKind.BOOLEAN,
    "false": LiteralKind.BOOLEAN,
    "current_date": LiteralKind.CURRENT_DATE,
}


@lru_cache(maxsize=STATEMENTS_REMEMBERED)
def parse(text: str, *, not_equal: bool = False) -> Statement:
    """The statement in `text`. Raises `FaultedError`: 4000 for the form, 4001 for page sizes out of range."""
    return _Parser(tokens(text, not_equal=not_equal)).statement()


class _Parser:
    __slots__ = ("_next", "_tokens")

    def __init__(self, found: Iterator[Token]) -> None:
        self._tokens = found
        self._next = next(found)

    def statement(self) -> Statement:
        self._keyword("select")
        every_column, count, columns = self._selection()
        self._keyword("from")
        entity = self._word().text
        where = self._conditions() if self._take("where") else ()
        order = self._order()
        start, limit = self._page()
        if self._next.kind is not Kind.END:
            raise self._unexpected(AFTER_CONDITION if where and not order else AFTER_ENTITY)
        return Statement(entity, every_column, count, columns, where, order, start, limit)

    def _selection(self) -> tuple[bool, bool, tuple[str, ...]]:
        if self._take("count"):
            for symbol in "(*)":
                self._keyword(symbol)
            return True, True, ()
        every = self._take("*")
        if every and not self._take(","):
            return True, False, ()
        names = [self._word().text]
        while self._take(","):
            names.append(self._word().text)
        return every, False, tuple(names)

    def _conditions(self) -> tuple[Condition, ...]:
        found = [self._condition()]
        while self._take("and"):
            found.append(self._condition())
        if self._next.kind is not Kind.END and self._next.value not in _AFTER_WHERE:
            raise self._unexpected(AFTER_CONDITION)
        return tuple(found)

    def _condition(self) -> Condition:
        path = self._word().text
        operator = _COMPARISONS.get(self._next.value) if self._next.kind in _OPERATOR_KINDS else None
        if operator is None:
            raise self._unexpected(OPERATORS)
        self._advance()
        if operator is not Operator.IN:
            return Condition(path, operator, (self._value(),))
        self._keyword("(")
        values = [self._value()]
        while self._take(","):
            values.append(self._value())
        self._keyword(")")
        return Condition(path, operator, tuple(values))

    def _value(self) -> Literal:
        token = self._next
        if token.kind is Kind.STRING:
            kind = LiteralKind.STRING
        elif token.kind is Kind.NUMBER:
            kind = LiteralKind.NUMBER
        elif token.kind is Kind.KEYWORD and token.value in _LITERALS:
            kind = _LITERALS[token.value]
        else:
            raise self._unexpected(VALUES)
        self._advance()
        return Literal(kind, token.value)

    def _order(self) -> tuple[OrderKey, ...]:
        if self._take("order"):
            self._keyword("by")
        elif not self._take("orderby"):
            return ()
        keys = [self._order_key()]
        while self._take(","):
            keys.append(self._order_key())
        if self._next.kind is not Kind.END and self._next.value not in _AFTER_ORDER:
            raise self._unexpected(AFTER_ORDER_KEY)
        return tuple(keys)

    def _order_key(self) -> OrderKey:
        path = self._word().text
        if self._take("desc"):
            return OrderKey(path, descending=True)
        self._take("asc")
        return OrderKey(path)

    def _page(self) -> tuple[int, int]:
        """STARTPOSITION and MAXRESULTS, each at most once, in either order."""
        start: int | None = None
        limit: int | None = None
        while self._next.value in _PAGE_KEYWORDS and self._next.kind is Kind.KEYWORD:
            if self._next.value == "startposition" and start is None:
                self._advance()
                start = _first_row(self._integer())
            elif self._next.value == "maxresults" and limit is None:
                self._advance()
                limit = _at_most_a_page(_at_least_one(self._integer()))
            else:
                raise self._unexpected(AFTER_PAGE)
        return (1 if start is None else start), (DEFAULT_ROWS if limit is None else limit)

    def _integer(self) -> int:
        token = self._next
        digits = token.text.lstrip("+-")
        if token.kind is not Kind.NUMBER or not digits.isdigit() or len(digits) > MOST_DIGITS:
            raise self._unexpected(("<INTEGER>",))
        self._advance()
        return int(token.text)

    def _advance(self) -> None:
        self._next = next(self._tokens)

    def _take(self, value: str) -> bool:
        """Pass the keyword or symbol `value` if it is next."""
        if self._next.kind not in _OPERATOR_KINDS or self._next.value != value:
            return False
        self._advance()
        return True

    def _keyword(self, value: str) -> None:
        if not self._take(value):
            raise self._unexpected((f'"{value}"',))

    def _word(self) -> Token:
        token = self._next
        if token.kind is not Kind.WORD:
            raise self._unexpected(("<IDENTIFIER>",))
        self._advance()
        return token

    def _unexpected(self, expected: Iterable[str]) -> FaultedError:
        token = self._next
        possible = tuple(expected)
        heading = "Was expecting one of:" if len(possible) > 1 else "Was expecting:"
        # The end of the text is printed without the dots that follow every other possibility.
        lines = "".join(f"    {name} \n" if name == "<EOF>" else f"    {name} ...\n" for name in possible)
        return FaultedError(
            parse_fault(
                f"Encountered {token.shown()} at line {token.line}, column {token.column}.\n{heading}\n{lines}    "
            )
        )


_OPERATOR_KINDS = (Kind.KEYWORD, Kind.SYMBOL)
_PAGE_KEYWORDS = ("startposition", "maxresults")
_AFTER_ORDER = _PAGE_KEYWORDS
_AFTER_WHERE = ("order", "orderby", *_PAGE_KEYWORDS)


def _first_row(value: int) -> int:
    """Positions count from 1; 0 means the same, and Intuit's own samples send it."""
    return 1 if value == 0 else _at_least_one(value)


def _at_least_one(value: int) -> int:
    if value < 1:
        raise FaultedError(validation_fault(f"value {value} is too small. Min allowed value is 1"))
    return value


def _at_most_a_page(value: int) -> int:
    if value > MOST_ROWS:
        raise FaultedError(validation_fault(f"value {value} is too large. Max allowed value is {MOST_ROWS}"))
    return value
