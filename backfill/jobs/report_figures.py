"""What a report comes to, by account, name or item, and by group: the figures that reports are compared by. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from backfill.qbo.report_columns import TOTAL, is_summed
from backfill.qbo.report_rows import STANDING
from backfill.qbo.reports import Kind, Report, Subject
from backfill.report_model import Figures, HeldReport, ReportDocument, ReportRow, RowType

_ZERO = Decimal(0)

_LEDGER_COLUMNS = (("subt_nat_home_amount", "rbal_nat_home_amount"), ("subt_nat_amount", "rbal_nat_amount"))
"""An amount and the balance that runs on with it; in the company's own currency where it has others."""


def account(account_id: str) -> str:
    """The key of an account's figure."""
    return f"{Subject.ACCOUNT} {account_id}"


def figures(report: Report, document: ReportDocument) -> Figures:
    """What `document` comes to."""
    keys = {column.key for column in document.columns}
    if report.ledger:
        return _ledger(document, keys)
    if {"debit", "credit"} <= keys:
        return Figures(closing=_debits(document.rows))
    amounts = _amounts(report, document)
    if report.adds_up:
        return Figures(change=amounts)
    return Figures() if report.kind is Kind.LIST else Figures(closing=amounts)


def together(parts: Iterable[HeldReport]) -> Figures:
    """The figures of the cuts of one day, in order: those by accounts have no row in common, those by columns all."""
    by_rows: dict[str, Figures] = {}
    for one in parts:
        rows = one.part.cut.partition("columns=")[0]
        said, before = one.figures, by_rows.get(rows, Figures())
        # Of the same rows one set of columns may say the balances, another the changes, and two the same in two
        # currencies: the company's own, which other reports are in, is asked for last.
        by_rows[rows] = Figures(
            opening=said.opening or before.opening,
            change=said.change or before.change,
            closing=said.closing or before.closing,
        )
    opening: dict[str, Decimal] = {}
    change: dict[str, Decimal] = defaultdict(lambda: _ZERO)
    closing: dict[str, Decimal] = defaultdict(lambda: _ZERO)
    for part in by_rows.values():
        opening |= part.opening
        for sums, more in ((change, part.change), (closing, part.closing)):
            for key, amount in more.items():
                sums[key] += amount
    return Figures(opening=opening, change=change, closing=closing)


def added(parts: Iterable[Figures]) -> dict[str, Decimal]:
    """What changed in all of `parts`, which follow one another."""
    change: dict[str, Decimal] = defaultdict(lambda: _ZERO)
    for part in parts:
        for key, amount in part.change.items():
            change[key] += amount
    return change


def differing(one: Mapping[str, Decimal], other: Mapping[str, Decimal]) -> list[str]:
    """The keys whose amounts differ; what is not there is nothing."""
    return sorted(key for key in one.keys() | other.keys() if one.get(key, _ZERO) != other.get(key, _ZERO))


def _ledger(document: ReportDocument, keys: set[str]) -> Figures:
    """By account: the balance before, where it is said or can be told, and what was posted."""
    shown = {key for row in document.rows for key in row.cells}
    amount_key, balance_key = next((pair for pair in _LEDGER_COLUMNS if shown & set(pair)), _LEDGER_COLUMNS[-1])
    rows_of: dict[str, list[ReportRow]] = defaultdict(list)
    for row in document.rows:
        if row.type in {RowType.DATA, RowType.OPENING} and row.account_id is not None:
            rows_of[row.account_id].append(row)
    opening: dict[str, Decimal] = {}
    change: dict[str, Decimal] = {}
    for account_id, rows in rows_of.items():
        key = account(account_id)
        before = _opening(rows, amount_key, balance_key) if {amount_key, balance_key} <= keys else None
        if before is not None:
            opening[key] = before
        posted = sum((_number(row, amount_key) for row in rows if row.type is RowType.DATA), _ZERO)
        if posted:
            change[key] = posted
    return Figures(opening=opening, change=change)


def _opening(rows: Sequence[ReportRow], amount_key: str, balance_key: str) -> Decimal | None:
    """The balance before the period: as said, or as the first running balance tells, if the balances do run on."""
    said = [_number(row, balance_key) for row in rows if row.type is RowType.OPENING]
    if said:
        return sum(said, _ZERO)
    before = running = _number(rows[0], balance_key) - _number(rows[0], amount_key)
    for row in rows:
        running += _number(row, amount_key)
        if running != _number(row, balance_key):
            return None
    return before


def _debits(rows: Iterable[ReportRow]) -> dict[str, Decimal]:
    found: dict[str, Decimal] = defaultdict(lambda: _ZERO)
    for row in rows:
        if row.type is RowType.DATA and row.account_id is not None:
            found[account(row.account_id)] += _number(row, "debit") - _number(row, "credit")
    return found


def _amounts(report: Report, document: ReportDocument) -> dict[str, Decimal]:
    """By what the rows are about, and by group, from the column that all others add up to.

    Where there is none, balances stand in the last one, and of what was sold the first is the amount: what it cost and
    what was gained come behind it.
    """
    summed = [column.key for column in document.columns if is_summed(column)]
    key = TOTAL if TOTAL in summed else next(iter(summed if report.adds_up else reversed(summed)), None)
    found: dict[str, Decimal] = defaultdict(lambda: _ZERO)
    if key is None:
        return found
    for row in document.rows:
        subject_id = row.ids.get(document.columns[0].key) or row.account_id or row.name_id
        if row.type is RowType.DATA and subject_id:
            found[f"{report.subject} {subject_id}"] += _number(row, key)
        if row.group and row.group not in STANDING and row.type in {RowType.DATA, RowType.SUMMARY}:
            found[row.group] += _number(row, key)
    told = {row.group for row in document.rows if row.type in {RowType.DATA, RowType.SUMMARY}}
    return {name: amount for name, amount in found.items() if amount or name in told}


def _number(row: ReportRow, key: str) -> Decimal:
    value = row.cells.get(key)
    return value if isinstance(value, Decimal) else _ZERO
