"""The columns of a report by keys that no language and no new service changes, and what each of them holds."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import date

from backfill.qbo.report_shape import NAME_CHARS_MAX, Column, OutlandishError, columns_of, named
from backfill.qbo.reports import Report
from backfill.report_model import ReportColumn

_GENERIC = {
    "account", "class", "customer", "department", "employee", "money", "numeric", "percent", "productsandservice",
    "rate", "string", "vendor",
}  # fmt: skip
"""ColTypes that say what kind of value a column holds and not which one it is (Intuit's schema, Report.xsd)."""

_NUMERIC_TYPES = frozenset({"money", "rate", "percent", "numeric"})
_NUMERIC_KEY = re.compile(r"(?:_amount|_amt|_bal|_price|_cost|_value)$|^(?:quantity|rate|debit|credit|total)$")
_SUMMED_KEY = re.compile(r"^(?!rbal_)(?:.*(?:amount|_amt|_open_bal)|debit|credit|total)$")
"""Columns of detail reports that a total sums up: not running balances, prices, quantities on hand or days."""
_AVERAGE_KEY = re.compile(r"avg|average|_price$|_cost$|percent")
"""Money whose sum means nothing."""

_NATURAL = re.compile(r"nat_(?=amount$)")

TOTAL = "total"
"""The key of the column that the others of its row add up to."""


def columns(report: Report, shape: Sequence[Column]) -> list[ReportColumn]:
    """The columns in order. Each key is there once. Raises `OutlandishError`."""
    leaves = list(_leaves(shape, ""))
    shown = report.shown if len(report.shown) == len(leaves) else ()
    types = Counter((column.ColType or "").lower() for column, _ in leaves)
    found: dict[str, ReportColumn] = {}
    taken: Counter[str] = Counter()
    for number, (column, heading) in enumerate(leaves):
        key = _key(column, number, types, shown)
        starts, ends = _dates(column)
        if starts is not None and ends is not None:
            key = f"{starts}..{ends}"
        key = _within(heading, key)
        once = key
        while once in found:
            taken[key] += 1
            once = f"{key}.{taken[key] + 1}"
        found[once] = ReportColumn(key=once, type=column.ColType or "", starts=starts, ends=ends)
    return list(found.values())


def is_number(column: ReportColumn) -> bool:
    """Whether the column holds numbers."""
    return column.type.lower() in _NUMERIC_TYPES or _NUMERIC_KEY.search(column.key) is not None


def is_summed(column: ReportColumn) -> bool:
    """Whether a section's Summary says the sum of the column."""
    if column.type.lower() == "money":
        return not column.key.startswith("rbal_") and _AVERAGE_KEY.search(column.key) is None
    return _SUMMED_KEY.search(column.key) is not None


def home_key(key: str) -> str:
    """The column that has the same amount in the company's own currency: `subt_nat_home_amount`."""
    return _NATURAL.sub("nat_home_", key)


def _leaves(shape: Sequence[Column], heading: str) -> Iterator[tuple[Column, str]]:
    """The columns that hold values, each with the key of the heading above it."""
    for number, column in enumerate(shape):
        below = columns_of(column.Columns)
        if below:
            own = named(column.MetaData, "ColKey") or f"{number}"
            yield from _leaves(below, _within(heading, own))
        else:
            yield column, heading


def _within(heading: str, key: str) -> str:
    """The key of what stands below a heading, if it does."""
    if len(heading) + len(key) > NAME_CHARS_MAX:
        raise OutlandishError(f"the names of its columns have more than {NAME_CHARS_MAX:,} characters")
    return f"{heading}/{key}" if heading else key


def _key(column: Column, number: int, types: Counter[str], shown: Sequence[str]) -> str:
    """By what the answer says of the column, else by what the report is known to show in its place."""
    kind = (column.ColType or "").lower()
    told = named(column.MetaData, "ColKey")
    if kind and kind not in _GENERIC:
        return column.ColType or ""
    if told and number:
        return told
    if shown:
        return shown[number]
    if kind and types[kind] == 1:
        return kind
    return told or f"column {number}"


def _dates(column: Column) -> tuple[date | None, date | None]:
    with suppress(ValueError):
        starts, ends = (named(column.MetaData, name) for name in ("StartDate", "EndDate"))
        return date.fromisoformat(starts), date.fromisoformat(ends)
    return None, None
