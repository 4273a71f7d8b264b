"""CSV through a mapping, and JSON lines."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from backfill.cli.load_mapping import CsvMapping, read_mapping
from backfill.cli.load_source import LINE_BYTES_MAX, csv_records, json_lines, query_records
from backfill.errors import UsageError
from backfill.qbo.payloads import LINES_MAX

MAPPING = CsvMapping(
    entity="JournalEntry",
    source_key="{day}",
    payload={
        "DocNumber": "N-{day}",
        "Adjustment": "{adjusts:flag}",
        "DepartmentRef": {"$ref": "Department", "Name": "{place}"},
    },
    line=({"Amount": "{debit:number}", "Side": "D"}, {"Amount": "{credit:number}", "Side": "C"}),
)


def records(text: str, mapping: CsvMapping = MAPPING) -> list[Any]:
    return list(csv_records(io.BytesIO(text.encode()), mapping))


def test_rows_of_one_key_are_one_object_with_lines() -> None:
    first, second = records("day,place,adjusts,debit,credit\n1,A,yes,10.50,0\n1,A,yes,,10.50\n2,,,7,7\n")
    assert first.record == {
        "entity": "JournalEntry",
        "operation": "create",
        "source_key": "1",
        "payload": {
            "DocNumber": "N-1",
            "Adjustment": True,
            "DepartmentRef": {"$ref": "Department", "Name": "A"},
            "Line": [{"Amount": Decimal("10.50"), "Side": "D"}, {"Amount": Decimal("10.50"), "Side": "C"}],
        },
    }
    assert (first.line, second.line) == (2, 4)
    assert second.record["payload"].keys() == {"DocNumber", "Line"}, "what has nothing to fill it is left out"


def test_a_cell_that_is_not_what_it_should_be_names_its_line() -> None:
    good, bad = records("day,place,adjusts,debit,credit\n1,,,1,1\n2,,perhaps,1,1\n")
    assert good.record is not None
    assert (bad.line, bad.fault) == (3, "column adjusts is no flag: 'perhaps'")
    (number,) = records("day,place,adjusts,debit,credit\n1,,,NaN,1\n")
    assert number.fault == "column debit is no number: 'NaN'"
    keyed = CsvMapping(entity="Customer", source_key="{number:count}", payload={})
    assert [each.fault for each in records("number\n1\none\none\n2\n", keyed)] == [
        "",
        "column number is no count: 'one'",
        "",
    ]


@pytest.mark.parametrize("cell", ["12,50", "1.234,56", "1,23,456", "1_000", "1e3", "١٢", ",", "1,234,", "0x10"])
def test_a_number_that_may_be_another_is_none(cell: str) -> None:
    (number,) = records(f'day,place,adjusts,debit,credit\n1,,,"{cell}",1\n')
    assert number.fault == f"column debit is no number: {cell!r}"


@pytest.mark.parametrize(
    ("cell", "number"),
    [("1,234.50", "1234.50"), ("1,234,567", "1234567"), ("-1200", "-1200"), (".5", "0.5"), ("+7.", "7")],
)
def test_commas_between_thousands_are_none_of_a_number(cell: str, number: str) -> None:
    (one,) = records(f'day,place,adjusts,debit,credit\n1,,,"{cell}",1\n')
    assert one.record is not None, one.fault
    assert one.record["payload"]["Line"][0]["Amount"] == Decimal(number)


def test_cells_beyond_the_last_column_are_said() -> None:
    """The others have moved: what looks like an amount is a part of one."""
    (padded,) = records("day,place,adjusts,debit,credit\n1,,,1,1,,\n")
    assert padded.record is not None, "spreadsheets leave empty cells at the end"
    (bad,) = records("day,place,adjusts,debit,credit\n1,,,1,1\n2,,,1,200.00,1\n3,,,1,1\n")
    assert (bad.line, bad.record) == (3, None)
    assert bad.fault.startswith("not CSV: it has more cells than there are columns")


def test_rows_of_nothing_but_empty_cells_are_left_out() -> None:
    first, second = records("day,place,adjusts,debit,credit\n1,A,,1,1\n ,,,,\n2,A,,1,1\n,,,,\n,,,,\n")
    assert (first.line, second.line) == (2, 4)
    assert first.record is not None


def test_a_quote_that_is_never_closed_takes_no_rows_with_it() -> None:
    (bad,) = records('day,place,adjusts,debit,credit\n1,"A,,1,1\n2,B,,1,1\n3,C,,1,1\n')
    assert bad.record is None
    assert bad.fault == "not CSV: unexpected end of data, in a row that begins in line 2: is a quote open?"
    (stray,) = records('day,place,adjusts,debit,credit\n1,"A" B,,1,1\n')
    assert (stray.line, stray.fault) == (2, "not CSV: ',' expected after '\"'")


def test_one_key_in_two_realms_is_two_objects() -> None:
    """Else the lines of one company would stand in the books of another."""
    mapping = MAPPING.model_copy(update={"realm_id": "{company}"})
    found = records("company,day,place,adjusts,debit,credit\n7,1,,,5,5\n8,1,,,6,6\n", mapping)
    assert [(each.record["realm_id"], each.record["payload"]["Line"][0]["Amount"]) for each in found] == [
        ("7", 5),
        ("8", 6),
    ]
    either = CsvMapping(entity="{what}", source_key="{name}", payload={"DisplayName": "{name}"})
    kinds = records("what,name\nCustomer,A\nVendor,A\n", either)
    assert [each.record["entity"] for each in kinds] == ["Customer", "Vendor"]


def test_what_an_object_has_once_is_the_same_in_all_its_rows() -> None:
    """That of the later rows would be lost without a word."""
    header = "day,place,adjusts,debit,credit"
    (blank,) = records(f"{header}\n1,A,,5,5\n1,,,6,6\n")
    assert blank.record is not None, "many exports name it once"
    good, bad = records(f"{header}\n0,,,1,1\n1,A,,5,5\n1,B,,6,6\n")
    assert good.record is not None
    assert (bad.line, bad.record) == (3, None)
    assert bad.fault == (
        "column place is 'B' in line 4, and 'A' in the first row of the same key: an object has one of it"
    )


def test_braces_that_name_no_column_are_not_written_as_they_stand() -> None:
    for text in ("{day:nmber}", "{day", "day}", "{}"):
        mapping = MAPPING.model_copy(update={"payload": {"DocNumber": text}})
        with pytest.raises(UsageError, match=r"braces that name no column: '.*day.*'|: '\{\}'"):
            records("day,place,adjusts,debit,credit\n1,,,1,1\n", mapping)


def test_lines_that_have_no_amount_by_their_mapping_stay() -> None:
    detail = {"ItemRef": {"$ref": "Item", "Sku": "{sku}"}, "QtyDiff": "{more:number}"}
    mapping = CsvMapping(entity="InventoryAdjustment", source_key="{day}", line=({"ItemAdjustmentLineDetail": detail},))
    (one,) = records("day,sku,more\n1,a,5\n1,b,7\n1,,\n", mapping)
    assert [line["ItemAdjustmentLineDetail"]["QtyDiff"] for line in one.record["payload"]["Line"]] == [5, 7]


def test_a_column_that_is_there_twice_is_named() -> None:
    with pytest.raises(UsageError, match="more than once: debit"):
        records("day,place,adjusts,debit,credit,debit\n1,,,1,1,2\n")


def test_a_column_that_is_not_there_is_named() -> None:
    with pytest.raises(UsageError, match="columns that are not there: adjusts, credit, debit, place"):
        records("day\n1\n")


def test_what_is_no_utf8_names_its_line() -> None:
    found = list(csv_records(io.BytesIO(b"day,place,adjusts,debit,credit\n\xff,,,1,1\n"), MAPPING))
    assert (found[0].line, found[0].fault) == (2, "not UTF-8 (byte 0)")


def test_more_rows_of_one_key_than_an_object_has_lines_are_not_held() -> None:
    """Were a key the same in all of a file, all of it would be."""
    rows = "1,,,,\n" * (2 * LINES_MAX + 1)
    first, last = records(f"day,place,adjusts,debit,credit\n{rows}2,,,1,1\n")
    assert (first.line, first.fault) == (2, "more than 10,000 rows follow one another with the same key")
    assert (last.line, last.fault) == (2 * LINES_MAX + 3, "")


def test_a_file_whose_lines_end_otherwise_is_not_read_whole() -> None:
    class Endless(io.BytesIO):
        def readline(self, size: int | None = -1) -> bytes:
            assert size is not None
            assert 0 < size <= 2 * LINE_BYTES_MAX
            return b"a," * (size // 2) + b"b" * (size % 2)

    (one,) = csv_records(Endless(), MAPPING)
    assert one.fault == "not CSV: a line is longer than 4 MB"


def test_a_mapping_that_is_wrong_is_told_whole(tmp_path: Path) -> None:
    file = tmp_path / "mapping.toml"
    file.write_text('entity = 5\ncolour = "red"\n')
    with pytest.raises(UsageError) as refused:
        read_mapping(file)
    assert all(name in refused.value.message for name in ("entity", "colour", "source_key"))
    file.write_text("entity = ")
    with pytest.raises(UsageError, match="is not TOML"):
        read_mapping(file)


def test_json_lines_with_line_and_column() -> None:
    text = b'\xef\xbb\xbf{"a": 1.50}\n\n[1]\n{"a": \n'
    good, listed, broken = json_lines(io.BytesIO(text))
    assert (good.line, good.record) == (1, {"a": Decimal("1.50")})
    assert (listed.line, listed.fault) == (3, "a row is a JSON object")
    assert (broken.line, broken.record) == (4, None)
    assert broken.fault


def test_what_stands_twice_in_an_object_is_not_taken_for_the_last_of_it() -> None:
    text = b'{"a": {"Amount": 5, "b": [{"a": 1}, {"a": 2}]}}\n{"a": 1, "c": [{"Amount": 5, "Amount": 6}]}\n'
    good, twice = json_lines(io.BytesIO(text))
    assert good.record is not None
    assert (twice.line, twice.record, twice.fault) == (2, None, "Amount stands twice in one object")
    assert twice.text[twice.column - 1 :].startswith(b'"Amount": 6')
    odd = b'{"a": "\\u00e9\\t\xc3\xa9", "b": ' + b"9" * 18 + b', "c": -0.0e-5, "d": %b}\n'
    for depth in (1, 900, 100_000):
        (one,) = json_lines(io.BytesIO(odd.replace(b"%b", b"[" * depth + b"]" * depth)))
        assert (one.record is not None) == (depth < 1000), "msgspec's own bound, or intake's"


async def test_numbers_of_a_query_are_numbers_of_a_mapping() -> None:
    async def rows() -> AsyncIterator[Mapping[str, Any]]:
        cells = {"day": 1, "place": None, "adjusts": True, "credit": Decimal("1E+3")}
        yield {**cells, "debit": Decimal("0.0000001")}

    (one,) = [record async for record in query_records(rows(), MAPPING)]
    assert one.record is not None, one.fault
    assert [line["Amount"] for line in one.record["payload"]["Line"]] == [Decimal("0.0000001"), Decimal(1000)]
