"""The general ledger is the company's own: posting for posting, each day of it, and to the balance of each account."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import ClassVar

from backfill.model import RealmId
from backfill.rehearsal.jobs.reports import Reports
from backfill.rehearsal.oracles.oracle import Oracle, Proving, ReportCommit
from backfill.rehearsal.stage import Stage
from backfill.report_model import ReportDocument, ReportPart, RowType
from backfill.simulator.books.daybook import START
from backfill.simulator.books.opening import ledger_of
from backfill.simulator.company import Company
from backfill.simulator.documents import decode
from backfill.store.memory_reports import LandedReport

Line = tuple[str, str, str, Decimal]
"""Day, transaction (none: the stock of an item), account, and the amount in the account's own sign."""


class EqualBooks(Oracle):
    """Judges by the daybook alone. What is landed while people change the books is judged when these stood still."""

    name: ClassVar[str] = "equal books"
    law: ClassVar[str] = "a ledger is the company's own, to the cent and to the day"

    def report_landed(self, stage: Stage, commit: ReportCommit) -> Iterable[str]:
        realm_id, part = commit.lease.realm_id, commit.part
        if not _is_ledger(part) or not stage.served.stands(realm_id, commit.document.body) or "columns=" in part.cut:
            return
        if commit.faults:
            return  # nobody takes it for the ledger; what it is replaced by is judged in its turn
        company = stage.simulator.fleet.company(realm_id)
        own, landed = Counter(_own(company, part)), Counter(_landed(company, commit.document))
        for line, many in ((own - landed) + (landed - own)).items():
            yield f"{realm_id} GeneralLedger of {part.dates}: {line} is {many} times on one side only"

    def proved(self, stage: Stage, proving: Proving) -> Iterable[str]:
        realm_id = proving.lease.realm_id
        proof = next((proof for proof in proving.proofs if proof.entity == "GeneralLedger accrual"), None)
        if proof is None or not proof.proven or proof.watermark is None:
            return
        held = [one for one in stage.reports.landed(realm_id) if _is_ledger(one.held.part)]
        company = stage.simulator.fleet.company(realm_id)
        job = stage.world.job
        assert isinstance(job, Reports), "no other job reads a ledger"
        since = job.options(stage.world.seed).first
        begun = date.fromisoformat(min(one.day for one in ledger_of(company).daybook().postings()))
        yield from _days_not_there(realm_id, held, since or begun, proof.watermark.date())
        newest = max(held, key=lambda one: one.held.part.dates, default=None)
        if since is None and newest is not None and stage.served.stands(realm_id, newest.document.body):
            yield from _wrong_balances(company, held, newest.held.part.dates.end)


def _is_ledger(part: ReportPart) -> bool:
    return part.report == "GeneralLedger" and "accounting_method=Accrual" in part.parameters


def _own(company: Company, part: ReportPart) -> Iterator[Line]:
    signs = _signs(company)
    accounts = part.cut.removeprefix("account=").split(",") if part.cut else signs
    dates = part.dates
    for one in ledger_of(company).daybook().postings(start=dates.start.isoformat(), end=dates.end.isoformat()):
        posting = one.posting
        if posting.cents and posting.account in accounts:
            amount = Decimal(signs[posting.account] * posting.cents) / 100
            yield one.day, "" if one.entity == START else one.id, posting.account, amount


def _landed(company: Company, document: ReportDocument) -> Iterator[Line]:
    known = {one.id for one in ledger_of(company).daybook().postings() if one.entity != START}
    for row in document.rows:
        amount = row.cells.get("subt_nat_amount")
        if row.type is RowType.DATA and isinstance(amount, Decimal):
            transaction = row.transaction_id if row.transaction_id in known else ""
            yield str(row.cells["tx_date"]), transaction or "", row.account_id or "", amount


def _signs(company: Company) -> dict[str, int]:
    """Account to 1 where a debit makes it more, or -1."""
    docs = (decode(row.doc) for row in company.table("Account").all())
    return {doc["Id"]: 1 if doc["Classification"] in {"Asset", "Expense"} else -1 for doc in docs}


def _days_not_there(realm_id: RealmId, held: Sequence[LandedReport], first: date, last: date) -> Iterator[str]:
    covered: set[date] = set()
    for one in held:
        dates = one.held.part.dates
        covered.update(dates.start + timedelta(days=number) for number in range(dates.days))
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    missing = [day for day in days if day not in covered]
    if missing:
        yield f"{realm_id} GeneralLedger is proven, and {len(missing)} days of it are not there: {missing[0]} ..."


def _wrong_balances(company: Company, held: Sequence[LandedReport], day: date) -> Iterator[str]:
    """What all periods come to against each account's balance. Where results are kept no transaction says so."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for one in held:
        for _, _, account, amount in _landed(company, one.document):
            sums[account] += amount
    balances, signs = ledger_of(company).daybook().balances(as_of=day.isoformat()), _signs(company)
    for row in company.table("Account").all():
        doc = decode(row.doc)
        if doc["Classification"] in {"Revenue", "Expense"} or doc.get("AccountSubType") == "RetainedEarnings":
            continue
        balance = Decimal(signs[row.id] * balances.get(row.id, 0)) / 100
        if sums[row.id] != balance:
            yield f"{company.realm_id} account {row.id} is {balance}, and its proven ledger comes to {sums[row.id]}"
