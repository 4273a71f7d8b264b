"""The trial balance beside the landed ledger: what the landed documents post, beside what QuickBooks reports.

Companies with stock, with payroll or with several currencies have postings that no document shows. Of these only the
report itself is looked at, whether its debits equal its credits, and the verdict says so.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from backfill.errors import Disposition, RequestError
from backfill.jobs.company_facts import CompanyFacts, company_facts
from backfill.jobs.differences import NAMED_MAX
from backfill.jobs.postings import NOTHING, POSTING, Chart, Doc, UnpostableError, part, parts, postings
from backfill.jobs.proofs import is_not_offered
from backfill.jobs.quoted import quoted
from backfill.jobs.report_periods import fiscal_year_start
from backfill.jobs.verify_ports import VerificationStore
from backfill.jobs.work import OF_THE_REALM, RealmWork
from backfill.qbo import query
from backfill.qbo.answers import Page
from backfill.qbo.catalogue import CATALOGUE
from backfill.qbo.report_calls import parameters
from backfill.qbo.reports import REPORTS, Basis
from backfill.report_model import Period, ReportDocument, RowType
from backfill.verdict_model import Difference, DifferenceKind, Verdict

TRIAL_BALANCE = "TrialBalance"

ADDED_UP = frozenset({*POSTING, "Account", "CompanyInfo", "Item", "Preferences"})
"""The entities that the landed ledger is made of. Without one of them there is nothing to compare."""

_PAGE_DOCUMENTS = 1_000
"""Documents held at once while the ledger is added up."""


@dataclass(slots=True)
class _Ledger:
    """What the landed documents come to."""

    before: dict[str, Decimal] = field(default_factory=lambda: defaultdict(lambda: NOTHING))
    """Account to its balance before the fiscal year."""
    within: dict[str, Decimal] = field(default_factory=lambda: defaultdict(lambda: NOTHING))
    documents: int = 0


async def compare_trial_balance(work: RealmWork, landed: VerificationStore, *, moved: bool) -> Verdict:
    """The verdict on the trial balance of today. `moved`: the company has changed since it was read.

    Raises `RequestError` for what concerns the whole realm. By then all else is compared, so what any other question
    comes to is said here, and does not take that away.
    """
    try:
        return await _compared(work, landed, moved=moved)
    except RequestError as fault:
        if fault.disposition in OF_THE_REALM | {Disposition.STOP}:
            raise
        return _not_compared(f"QuickBooks did not give what it takes: {fault.message}")


async def _compared(work: RealmWork, landed: VerificationStore, *, moved: bool) -> Verdict:
    facts = await company_facts(work)
    today = facts.server_time.date()
    report = REPORTS[TRIAL_BALANCE]
    period = Period(min(facts.first_date, today), today)
    said = await work.ask.report(report, period, parameters(report, basis=Basis.ACCRUAL))
    sides = [sum((_cell(row.cells, side) for row in said.rows if _is_own(row.type)), NOTHING) for side in _SIDES]
    if sides[0] != sides[1]:
        detail = f"debits {sides[0]}, credits {sides[1]}"
        return Verdict(TRIAL_BALANCE, False, None, 0, 0, [Difference("", DifferenceKind.ALTERED, "the report", detail)])
    try:
        if hidden := await _hidden_postings(work, landed, facts):
            return _beyond(f"{hidden}; the report's debits equal its credits, {sides[0]:,}")
        ledger = await _ledger(work, landed, facts, today)
    except UnpostableError as error:
        return _beyond(f"the landed documents do not say where all is posted: {quoted(str(error))}")
    differences = _differences(expected(ledger.before, ledger.within, facts), said, facts)
    if differences and not facts.accounts_whole:
        return _not_compared("an account of the company cannot be read")
    if differences and (moved or await _has_moved(work)):
        return _not_compared(
            "the company has changed since it was read: run backfill resync --since TIME, then verify again"
        )
    named, accounts = differences[:NAMED_MAX], len(facts.accounts)
    unnamed = len(differences) - len(named)
    return Verdict(TRIAL_BALANCE, not differences, accounts, accounts, ledger.documents, named, unnamed=unnamed)


async def _has_moved(work: RealmWork) -> bool:
    """Whether anything that posts has changed since it was proven: a sample of the documents need not show it.

    Raises `RequestError` where it would not be counted.
    """
    asked = [CATALOGUE[name] for name in sorted(ADDED_UP) if name in work.proven_at and CATALOGUE[name].countable]
    if not asked:
        return False
    # Of the watermark's own second nobody can tell what came before it.
    since = [work.proven_at[entity.name].replace(microsecond=0) for entity in asked]
    statements = [query.count(entity, updated_since=at) for entity, at in zip(asked, since, strict=True)]
    for item in (await work.ask.many(statements)).items:
        if isinstance(item, Page):
            if item.total_count:
                return True
        elif not is_not_offered(item):
            raise item
    return False


_SIDES = ("debit", "credit")


def _not_compared(why: str) -> Verdict:
    """For a reason that passes: the next look may tell."""
    return Verdict(TRIAL_BALANCE, None, None, 0, 0, note=why)


def _beyond(why: str) -> Verdict:
    """For a reason that lies in the company, so that no look will tell."""
    return Verdict(TRIAL_BALANCE, None, None, 0, 0, note=why, comparable=False)


async def _hidden_postings(work: RealmWork, landed: VerificationStore, facts: CompanyFacts) -> str:
    """Why the landed documents cannot be all that the ledger is made of; empty if they can."""
    # The company may have refused to show its preferences just now; what is landed of them says the same.
    landed_of_it = [part(doc, "CurrencyPrefs") async for doc in _documents(work, landed, "Preferences")]
    if facts.multicurrency or any(one.get("MultiCurrencyEnabled") is True for one in landed_of_it):
        return "the company has several currencies, so exchange gains are posted that no document shows"
    async for doc in _documents(work, landed, "CompanyInfo"):
        payroll = [one.get("Value") for one in parts(doc, "NameValue") if one.get("Name") == "PayrollFeature"]
        if any(str(value).lower() == "true" for value in payroll):
            return "the company has payroll, whose postings no document shows"
    async for doc in _documents(work, landed, "Item"):
        if doc.get("Type") == "Inventory":
            return "the company keeps stock, whose cost no document shows"
    return ""


async def _ledger(work: RealmWork, landed: VerificationStore, facts: CompanyFacts, today: date) -> _Ledger:
    chart = Chart()
    async for doc in _documents(work, landed, "Account"):
        chart.learn_account(doc)
    async for doc in _documents(work, landed, "Item"):
        chart.learn_item(doc)
    year = fiscal_year_start(today, facts.fiscal_month).isoformat()
    ledger = _Ledger()
    for entity in POSTING:
        async for doc in _documents(work, landed, entity):
            day = str(doc.get("TxnDate") or doc.get("PaymentDate") or "")
            if day > today.isoformat():
                continue
            ledger.documents += 1
            sums = ledger.before if day < year else ledger.within
            for account, value in postings(entity, doc, chart):
                sums[account] += value
    return ledger


async def _documents(work: RealmWork, landed: VerificationStore, entity: str) -> AsyncIterator[Doc]:
    """The landed documents, each with the Id that it is filed under. Raises `UnpostableError` if one is no object."""
    after = ""
    while True:
        page = await landed.documents_after(work.realm_id, entity, after, _PAGE_DOCUMENTS)
        for id_, document in page.items():
            after = id_
            try:
                doc = json.loads(
                    document, parse_float=Decimal, parse_int=Decimal
                )  # of an int, Python bounds the digits
            except RecursionError:
                doc = None
            if not isinstance(doc, dict):  # somebody wrote it who is neither Intuit nor us
                raise UnpostableError(f"{entity} {id_}: what is landed is no object that can be read")
            doc["Id"] = id_
            yield doc
        if len(page) < _PAGE_DOCUMENTS:
            return


def expected(
    before: Mapping[str, Decimal], within: Mapping[str, Decimal], facts: CompanyFacts
) -> Mapping[str, Decimal]:
    """Account to its balance as a trial balance has it: results of earlier years are retained earnings. Pure."""
    found: dict[str, Decimal] = defaultdict(lambda: NOTHING)
    retained = next((account.id for account in facts.accounts.values() if account.retained), "")
    for account, value in before.items():
        known = facts.accounts.get(account)
        found[retained if known is not None and known.is_of_result else account] += value
    for account, value in within.items():
        found[account] += value
    return {account: value for account, value in found.items() if value}


def _differences(ours: Mapping[str, Decimal], said: ReportDocument, facts: CompanyFacts) -> list[Difference]:
    retained = next((account.id for account in facts.accounts.values() if account.retained), "")
    theirs: dict[str, Decimal] = defaultdict(lambda: NOTHING)
    labels: dict[str, str] = {}
    for row in said.rows:
        if _is_own(row.type):
            account = row.account_id or retained
            theirs[account] += _cell(row.cells, "debit") - _cell(row.cells, "credit")
            labels[account] = quoted(row.label)
    return [
        Difference(
            quoted(account),
            DifferenceKind.ALTERED,
            labels.get(account, "an account that the report has not"),
            f"{ours.get(account, NOTHING)} by the landed documents, {theirs.get(account, NOTHING)} reported",
        )
        for account in sorted(ours.keys() | theirs.keys())
        if ours.get(account, NOTHING) != theirs.get(account, NOTHING)
    ]


def _is_own(kind: RowType) -> bool:
    """An account's own amounts; its head's, too, where it has others below."""
    return kind in {RowType.DATA, RowType.SECTION}


def _cell(cells: Mapping[str, Decimal | str], key: str) -> Decimal:
    value = cells.get(key, NOTHING)
    return value if isinstance(value, Decimal) else NOTHING
