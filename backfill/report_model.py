"""The words of reports as types. Nothing here does anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

import msgspec

from backfill.model import RunId


class Period(msgspec.Struct, frozen=True, order=True):
    """Dates from `start` to `end`, both included."""

    start: date
    end: date

    @property
    def days(self) -> int:
        return (self.end - self.start).days + 1

    def __str__(self) -> str:
        return str(self.end) if self.start == self.end else f"{self.start}..{self.end}"


ALWAYS = Period(date.min, date.max)
"""The period of a report that has none: a list as it stands today."""


class ReportPart(msgspec.Struct, frozen=True):
    """One answer's place: which part of which planned period of which report it is.

    A period that was too much for one answer has several, for `dates` that follow one another. Dates that were too much
    have several again, by `number`, each with its `cut` (some accounts, types of accounts, or columns); the last one
    `closes`. Of a period that is not over, and of balances, `dates` end where they were asked for.
    """

    report: str
    parameters: str
    """What was asked beside the period, as in a query string, by name; empty for nothing."""
    period: Period
    dates: Period
    number: int = 0
    cut: str = ""
    closes: bool = True


class ReportColumn(msgspec.Struct, frozen=True):
    """A column by its key, never by its title. `starts` and `ends` are set where it is a column of a period."""

    key: str
    type: str
    """Intuit's ColType: Money, Account, ...; in a detail report the key itself."""
    starts: date | None = None
    ends: date | None = None


class RowType(StrEnum):
    """What a row of a report is."""

    SECTION = "section"
    """The head of a section."""
    DATA = "data"
    OPENING = "opening"
    """The balance that an account had before the period, in a report with running balances."""
    SUMMARY = "summary"
    """A section's total, or one that stands alone, such as NetIncome."""


class ReportRow(msgspec.Struct, frozen=True, gc=False):
    """A row of a report as an ordered document: its place, what it is about, and a typed value for each column.

    `path` is made of groups and Ids, never of titles, which are translated and change. `cells` has numbers as Decimal
    and texts as str; what is empty or zero is left out, since one of Intuit's two services says the one for the other.
    """

    path: str
    depth: int
    type: RowType
    group: str
    label: str
    """As shown, for people: never a key."""
    account_id: str | None
    name_id: str | None
    """Of the customer, vendor or employee: they share one sequence of Ids."""
    transaction_id: str | None
    cells: Mapping[str, Decimal | str]
    ids: Mapping[str, str]
    """Column key to the Id behind its cell."""


class ReportDocument(msgspec.Struct, frozen=True):
    """A report as Intuit sent it (`body`), and what it says."""

    header: bytes
    """The report's own Header, as JSON."""
    columns: Sequence[ReportColumn]
    rows: Sequence[ReportRow]
    cells: int
    """Rows times columns, as Intuit counts towards its cap."""
    basis: str
    currency: str
    server_time: datetime | None
    intuit_tid: str
    body: bytes


class Figures(msgspec.Struct, frozen=True):
    """The sums of one report that others are compared with: key (`account 35`, `NetIncome`) to amount.

    An account that has nothing is left out; a group that is shown is there, though it be nothing.

    `opening` and `closing` are balances before and after, `change` what happened between. A report has those it shows.
    """

    opening: Mapping[str, Decimal] = {}
    change: Mapping[str, Decimal] = {}
    closing: Mapping[str, Decimal] = {}


class HeldReport(msgspec.Struct, frozen=True):
    """A part that is landed: when and how large, what it sums up to, and what in it does not add up."""

    part: ReportPart
    run_id: RunId
    cells: int
    body_bytes: int
    figures: Figures = Figures()
    faults: Sequence[str] = ()
