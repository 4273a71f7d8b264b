"""The grammar: a table of statements, each with what it means or the exact fault it is answered with."""

from __future__ import annotations

import pytest

from backfill.simulator.faults import FaultedError
from backfill.simulator.query.parser import parse
from backfill.simulator.query.statement import Condition, Literal, LiteralKind, Operator, OrderKey, Statement

S, N, B = LiteralKind.STRING, LiteralKind.NUMBER, LiteralKind.BOOLEAN


def where(path: str, operator: Operator, *values: tuple[LiteralKind, str]) -> Condition:
    return Condition(path, operator, tuple(Literal(kind, text) for kind, text in values))


GOOD = [
    ("SELECT * FROM Customer", Statement("Customer")),
    ("select count(*) from Item", Statement("Item", count=True)),
    ("SELECT COUNT ( * ) FROM Item", Statement("Item", count=True)),
    (
        "select Id, MetaData.CreateTime from a",
        Statement("a", every_column=False, columns=("Id", "MetaData.CreateTime")),
    ),
    ("SELECT *, Sku FROM Item", Statement("Item", columns=("Sku",))),
    ("SELECT * FROM a MAXRESULTS 1000 STARTPOSITION 7", Statement("a", start=7, limit=1000)),
    ("SELECT * FROM a Startposition 7 maxresults 1", Statement("a", start=7, limit=1)),
    (
        "SELECT * FROM a ORDERBY b, c DESC, d ASC",
        Statement("a", order=(OrderKey("b"), OrderKey("c", descending=True), OrderKey("d"))),
    ),
    ("SELECT * FROM a order by b desc", Statement("a", order=(OrderKey("b", descending=True),))),
    (
        "SELECT * FROM a WHERE Active IN (true, FALSE) AND x = 'it\\'s' AND y >= 1.5 ORDERBY z MAXRESULTS 3",
        Statement(
            "a",
            where=(
                where("Active", Operator.IN, (B, "true"), (B, "false")),
                where("x", Operator.EQUAL, (S, "it's")),
                where("y", Operator.GREATER_OR_EQUAL, (N, "1.5")),
            ),
            order=(OrderKey("z"),),
            limit=3,
        ),
    ),
    (
        "select * from a where d<CURRENT_DATE and n like '%x%'",
        Statement(
            "a",
            where=(
                where("d", Operator.LESS, (LiteralKind.CURRENT_DATE, "current_date")),
                where("n", Operator.LIKE, (S, "%x%")),
            ),
        ),
    ),
]


@pytest.mark.parametrize(("text", "statement"), GOOD)
def test_statements_mean_what_the_reference_says(text: str, statement: Statement) -> None:
    assert parse(text) == statement


AFTER = (
    '    <EOF> \n    <AND> ...\n    "iterator" ...\n    "maxresults" ...\n    <OR> ...\n    "order" ...\n'
    '    "orderby" ...\n    "startposition" ...\n    '
)
UNPARSED = [
    # Recorded, to the letter: an apostrophe that was not escaped.
    (
        "Select * from Vendor where DisplayName = 'Cutlery 'R Us'",
        f'Encountered " <IDENTIFIER> "R "" at line 1, column 52.\nWas expecting one of:\n{AFTER}',
    ),
    ("", 'Encountered "<EOF>" at line 0, column 0.\nWas expecting:\n    "select" ...\n    '),
    (
        "select * from a where b = 'c' or d = 'e'",
        f'Encountered " <OR> "or "" at line 1, column 31.\nWas expecting one of:\n{AFTER}',
    ),
    (
        "select * from a where b = 'it''s'",
        f'Encountered " <STRING> "\'s\' "" at line 1, column 31.\nWas expecting one of:\n{AFTER}',
    ),
    (
        "SELECT * FROM NULL",  # recorded by a public client
        'Encountered " "null" "NULL "" at line 1, column 15.\nWas expecting:\n    <IDENTIFIER> ...\n    ',
    ),
    ("select * a", 'Encountered " <IDENTIFIER> "a "" at line 1, column 10.\nWas expecting:\n    "from" ...\n    '),
    (
        "select * from order",
        'Encountered " "order" "order "" at line 1, column 15.\nWas expecting:\n    <IDENTIFIER> ...\n    ',
    ),
    (
        "select * from a maxresults x",
        'Encountered " <IDENTIFIER> "x "" at line 1, column 28.\nWas expecting:\n    <INTEGER> ...\n    ',
    ),
    (
        "select * from a where b in 'c'",
        'Encountered " <STRING> "\'c\' "" at line 1, column 28.\nWas expecting:\n    "(" ...\n    ',
    ),
    (
        "select * from a maxresults 1 maxresults 2",
        (
            'Encountered " "maxresults" "maxresults "" at line 1, column 30.\nWas expecting one of:\n    <EOF> \n'
            '    "maxresults" ...\n    "startposition" ...\n    '
        ),
    ),
]


@pytest.mark.parametrize(("text", "detail"), UNPARSED)
def test_parser_faults_are_worded_as_recorded(text: str, detail: str) -> None:
    with pytest.raises(FaultedError) as raised:
        parse(text)
    assert raised.value.fault.code == "4000"
    assert raised.value.fault.detail == f"QueryParserError: {detail}"


@pytest.mark.parametrize(
    "text",
    [
        "select * from a where",
        "select * from a where b",
        "select * from a where b =",
        "select * from a where b = c",
        "select * from a where b <> 'c'",
        "select * from a where b = 'c' and",
        "select * from a where b = 'c' d = 'e'",
        "select * from a where b in ()",
        "select * from a where b in ('c' 'd')",
        "select * from a orderby",
        "select * from a order b",
        "select * from a orderby b c",
        "select * from a maxresults 1.5",
        "select * from a startposition " + "9" * 5000,
        "select * from a maxresults 5 orderby b",
        "select * from a startposition 1 startposition 2",
        "select * from a b",
        "select from a",
        "select count from a",
        "delete from a",
        "select * from a group by b",
    ],
)
def test_what_is_not_of_the_language_is_4000(text: str) -> None:
    with pytest.raises(FaultedError) as raised:
        parse(text)
    assert raised.value.fault.code == "4000"


SIZES = [
    ("select * from a maxresults 1500", "value 1500 is too large. Max allowed value is 1000"),
    ("select * from a maxresults 0", "value 0 is too small. Min allowed value is 1"),
    ("select * from a startposition -3", "value -3 is too small. Min allowed value is 1"),
]


@pytest.mark.parametrize(("text", "detail"), SIZES)
def test_page_sizes_out_of_range_are_4001_and_not_clamped(text: str, detail: str) -> None:
    with pytest.raises(FaultedError) as raised:
        parse(text)
    assert (raised.value.fault.code, raised.value.fault.message) == ("4001", "Invalid query")
    assert raised.value.fault.detail == f"QueryValidationError: {detail}"


def test_position_0_is_the_first() -> None:
    """Intuit's own samples send it."""
    assert parse("select * from a startposition 0 maxresults 5").start == 1
