"""Which postings a report is about: the filters of its parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import NamedTuple, TypeVar

from backfill.simulator.books.ordered import Posted
from backfill.simulator.clock import PacificZone
from backfill.simulator.reports.asked import Asked, plain
from backfill.simulator.reports.chart import Chart
from backfill.simulator.reports.papers import Paper, Papers

Filter = Callable[[Posted], bool]


class Sight(NamedTuple):
    """What the filters look at beside a posting. `first_account`: the account that its transaction begins with."""

    chart: Chart
    papers: Papers
    first_account: Callable[[Posted], str]
    zone: PacificZone

    def paper(self, posted: Posted) -> Paper:
        return self.papers.paper(posted.entity, posted.id)


Value = TypeVar("Value")
Test = Callable[[Sight, Posted, Value], bool]
Ids = frozenset[str]
Days = tuple[str, str]


def _party(kind: str, _sight: Sight, posted: Posted, wanted: Ids) -> bool:
    return posted.posting.party.kind == kind and posted.posting.party.id in wanted


_BY_IDS: Mapping[str, Test[Ids]] = {
    "customer": lambda sight, posted, wanted: (
        posted.posting.customer in wanted or _party("Customer", sight, posted, wanted)
    ),
    "vendor": partial(_party, "Vendor"),
    "employee": partial(_party, "Employee"),
    "item": lambda _, posted, wanted: posted.posting.item in wanted,
    "class": lambda _, posted, wanted: posted.posting.klass in wanted,
    "department": lambda _, posted, wanted: posted.posting.department in wanted,
    "account": lambda _, posted, wanted: posted.posting.account in wanted,
    "source_account": lambda sight, posted, wanted: sight.first_account(posted) in wanted,
    "payment_method": lambda sight, posted, wanted: sight.paper(posted).method in wanted,
    "term": lambda sight, posted, wanted: sight.paper(posted).term in wanted,
}
_OF_ACCOUNTS = frozenset({"account", "source_account"})
"""Filters that mean all accounts below as well."""


def _kind(key: str, sight: Sight) -> str:
    return plain(sight.chart.account(key).kind)


_BY_WORDS: Mapping[str, Test[Ids]] = {
    "account_type": lambda sight, posted, wanted: _kind(posted.posting.account, sight) in wanted,
    "source_account_type": lambda sight, posted, wanted: _kind(sight.first_account(posted), sight) in wanted,
    "transaction_type": lambda sight, posted, wanted: (
        plain(posted.entity) in wanted
        or plain(sight.paper(posted).kind) in wanted
        or ("post" in wanted and bool(posted.posting.account))
    ),
}


def _name(sight: Sight, posted: Posted) -> str:
    party = posted.posting.party
    return sight.papers.name(party.kind, party.id).full_name if party.id else ""


_BY_TEXTS: Mapping[str, Test[str]] = {
    "docnum": lambda sight, posted, text: text in sight.paper(posted).number.casefold(),
    "name": lambda sight, posted, text: text in _name(sight, posted).casefold(),
    "memo": lambda sight, posted, text: text in memo_of(posted, sight.paper(posted)).casefold(),
}


def _paid(entities: frozenset[str], sight: Sight, posted: Posted, choice: str) -> bool:
    return choice == "All" or (posted.entity in entities and (not sight.paper(posted).open) == (choice == "Paid"))


_BY_CHOICES: Mapping[str, Test[str]] = {
    "cleared": lambda _sight, _posted, choice: choice == "Uncleared",  # nobody reconciles in these companies
    "printed": lambda sight, posted, choice: sight.paper(posted).to_print == (choice == "To_be_printed"),
    "arpaid": partial(_paid, frozenset({"Invoice", "CreditMemo"})),
    "appaid": partial(_paid, frozenset({"Bill", "VendorCredit"})),
}


def _within(day: str, days: Days) -> bool:
    start, end = days
    return (not start or start <= day) and (not end or day <= end)


_BY_DATES: Mapping[str, Test[Days]] = {
    "moddate": lambda sight, posted, days: _within(sight.zone.date_text(sight.paper(posted).updated), days),
    "createdate": lambda sight, posted, days: _within(sight.zone.date_text(sight.paper(posted).created), days),
    "duedate": lambda sight, posted, days: _within(sight.paper(posted).due or posted.day, days),
    # None of these companies tells the day of service from the transaction's own.
    "svcdate": lambda _, posted, days: _within(posted.day, days),
}


def filter_of(asked: Asked, sight: Sight) -> Filter:
    """All filters in one."""
    tests = list(_tests(asked, sight))
    return lambda posted: all(test(posted) for test in tests)


def _tests(asked: Asked, sight: Sight) -> Iterator[Filter]:
    for name, ids in asked.ids.items():
        yield _bound(_BY_IDS[name], sight, sight.chart.below(ids) if name in _OF_ACCOUNTS else ids)
    for name, words in asked.words.items():
        yield _bound(_BY_WORDS[name], sight, words)
    for name, text in asked.texts.items():
        yield _bound(_BY_TEXTS[name], sight, text)
    for name, choice in asked.choices.items():
        if name in _BY_CHOICES:
            yield _bound(_BY_CHOICES[name], sight, choice)
    for name, days in asked.dates.items():
        yield _bound(_BY_DATES[name], sight, days)
    if asked.amount is not None:
        cents = asked.amount
        yield lambda posted: abs(posted.posting.cents) == cents


def _bound(test: Test[Value], sight: Sight, value: Value) -> Filter:
    return lambda posted: test(sight, posted, value)


def memo_of(posted: Posted, paper: Paper) -> str:
    """A line's own description, or the memo of the whole."""
    line = posted.posting.line
    if line < 0:
        return paper.memo
    return paper.lines[line].description if line < len(paper.lines) else ""
