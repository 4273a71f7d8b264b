"""Whether a report adds up in itself: each section's rows to its total, the totals to one another. Pure.

Amounts are compared to the last digit: what QuickBooks shows is what it added up.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import islice
from typing import TypeAlias

from backfill.jobs.quoted import quoted
from backfill.qbo.report_columns import TOTAL, home_key, is_summed
from backfill.qbo.report_rows import GRAND_TOTAL, STANDING
from backfill.report_model import ReportDocument, ReportRow, RowType

FAULTS_MAX = 20
"""Of one report. Who is told of twenty looks at the report."""

Amounts: TypeAlias = Mapping[str, Decimal]
"""Column key to amount; a column that is not there has nothing."""

_ZERO = Decimal(0)

FORMULAS: Sequence[tuple[str, Sequence[tuple[int, str]]]] = (
    ("GrossProfit", ((1, "Income"), (-1, "COGS"))),
    ("NetOperatingIncome", ((1, "GrossProfit"), (-1, "Expenses"))),
    ("NetOtherIncome", ((1, "OtherIncome"), (-1, "OtherExpenses"))),
    ("NetIncome", ((1, "NetOperatingIncome"), (1, "NetOtherIncome"))),
)
"""A profit and loss statement's totals that have no rows, by group. What is not shown is worked out, in this order."""

_BALANCED = ("TotalAssets", "TotalLiabilitiesAndEquity")

_SIDES = (("debit", "credit"), ("debt_amt", "credit_amt"))
"""Columns of a trial balance, and of a journal."""


def wrong_sums(document: ReportDocument) -> list[str]:
    """What does not add up, in words that name the place; at most `FAULTS_MAX`."""
    return list(islice(_Check(document).faults(), FAULTS_MAX))


class _Check:
    """One pass over a report's rows, adding up on the way."""

    def __init__(self, document: ReportDocument) -> None:
        self._rows = document.rows
        self._columns = _summed(document)
        self._added = {column.key: False for column in document.columns} | dict.fromkeys(self._columns, True)
        # A class or a customer has assets that another's debts have paid for: only all of them together balance.
        balanced = {column.key for column in document.columns if column.key == TOTAL or column.starts is not None}
        self._balanced = [key for key in self._columns if key in balanced or len(self._columns) == 1]
        self._across = [key for key in self._columns if key != TOTAL] if TOTAL in self._columns else []
        self._sums: dict[str, dict[str, Decimal]] = defaultdict(_nothing)
        """Path to what the rows at it and below it come to."""
        self._all = _nothing()
        self._groups: dict[str, Amounts] = {}

    def faults(self) -> Iterator[str]:
        headed: set[str] = set()
        totals: list[Amounts] = []  # of all: they may stand ahead of what they are of
        for row in self._rows:
            yield from self._unread(row)
            if row.type is RowType.SECTION:
                headed.add(row.path)
                continue
            amounts = _amounts(row, self._columns)
            if self._across and row.group not in STANDING:
                yield from _across(row, self._across)
            if row.type is RowType.DATA:
                for sums in (self._all, *(self._sums[path] for path in _places(row.path))):
                    _add(sums, amounts)
            elif row.type is RowType.SUMMARY:
                if row.group == GRAND_TOTAL:
                    totals.append(amounts)
                elif row.path in self._sums or row.path in headed:
                    yield from _differences(f"section {row.path}", self._sums[row.path], amounts, self._columns)
                self._groups |= {row.group: amounts} if row.group else {}
        for total in totals:
            yield from _differences("the whole report", self._all, total, self._columns)
        yield from self._faults_of_groups()

    def _unread(self, row: ReportRow) -> Iterator[str]:
        """What would be left out of every sum: of a column that there is not, or an amount that is no number."""
        for key, value in row.cells.items():
            added = self._added.get(key)
            if added is None or (added and not isinstance(value, Decimal)):
                why = "there is no such column" if added is None else "that is no number"
                yield f"row {quoted(row.path or row.label)}, {key}: {quoted(str(value))!r} is not added up, {why}"

    def _faults_of_groups(self) -> Iterator[str]:
        yield from _formulas(self._groups, self._columns)
        if any(group in self._groups for group in _BALANCED):  # where one side is not shown, it is nothing, or was cut
            assets, owed = (self._groups.get(group, {}) for group in _BALANCED)
            yield from _differences("assets against liabilities and equity", assets, owed, self._balanced)
        for sides in _SIDES:
            if set(sides) <= set(self._columns):
                debits, credits_ = (_one(self._all, side) for side in sides)
                yield from _differences("debits against credits", debits, credits_, ["amount"])


def _summed(document: ReportDocument) -> list[str]:
    """The columns to add up: of an amount that is there in the company's own currency as well, only that one."""
    keys = [column.key for column in document.columns if is_summed(column)]
    doubled = {key for key in keys if home_key(key) != key and home_key(key) in keys}
    if doubled and any(home_key(key) in row.cells for row in document.rows for key in doubled):
        return [key for key in keys if key not in doubled]
    return keys


def _nothing() -> dict[str, Decimal]:
    return defaultdict(lambda: _ZERO)


def _formulas(groups: Mapping[str, Amounts], columns: Sequence[str]) -> Iterator[str]:
    known = dict(groups)
    for group, terms in FORMULAS:
        computed = {
            key: sum((sign * known.get(term, {}).get(key, _ZERO) for sign, term in terms), _ZERO) for key in columns
        }
        if group in groups:
            words = " ".join(f"{'+' if sign > 0 else '-'} {term}" for sign, term in terms).removeprefix("+ ")
            yield from _differences(f"{group} = {words}", computed, groups[group], columns)
        known.setdefault(group, computed)


def _across(row: ReportRow, columns: Sequence[str]) -> Iterator[str]:
    """A row's columns against its total."""
    amounts = _amounts(row, [*columns, TOTAL])
    total = amounts.pop(TOTAL, _ZERO)
    added = sum(amounts.values(), _ZERO)
    if added != total:
        yield f"row {quoted(row.path or row.label)}: its columns add up to {added}, its total says {total}"


def _differences(place: str, added: Amounts, said: Amounts, columns: Sequence[str]) -> Iterator[str]:
    for key in columns:
        one, other = added.get(key, _ZERO), said.get(key, _ZERO)
        if one != other:
            yield f"{place}, column {key}: the rows add up to {one}, the total says {other}"


def _amounts(row: ReportRow, columns: Sequence[str]) -> dict[str, Decimal]:
    return {key: value for key in columns if isinstance(value := row.cells.get(key), Decimal)}


def _add(sums: dict[str, Decimal], amounts: Amounts) -> None:
    for key, amount in amounts.items():
        sums[key] += amount


def _one(amounts: Amounts, key: str) -> Amounts:
    return {"amount": amounts.get(key, _ZERO)}


def _places(path: str) -> Iterator[str]:
    """The path itself and all that it is in."""
    while path:
        yield path
        path = path.rpartition("/")[0]
