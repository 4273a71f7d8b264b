"""One realm with a ledger, the program's own stack on the virtual clock, and the stores in memory."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import anyio

from backfill import events
from backfill.jobs.extract import outcome_of
from backfill.jobs.fleet import FleetOptions, FleetResult, RealmOutcome, work_realms
from backfill.jobs.questions import Questions
from backfill.jobs.report_options import ReportOptions
from backfill.jobs.reports import report_realm
from backfill.jobs.turns import Turn
from backfill.jobs.work import RealmWork
from backfill.model import Lease, Proof, RealmId, RunId
from backfill.pacing.budget import RealmBudget
from backfill.pacing.limits import load_limits
from backfill.pacing.paced import Paced
from backfill.pacing.realm_room import PageMemory, RealmRoom, Roomed
from backfill.pacing.retried import READING, Retried
from backfill.qbo.checked import Checked
from backfill.qbo.reports import Basis, report
from backfill.report_model import RowType
from backfill.store.memory_reports import LandedReport, MemoryReports
from backfill.store.memory_store import MemoryStore
from tests.jobs.ledger_company import SERVER_TIME, LedgerCompany, Transaction

REALM = RealmId("9130350000000000001")


def asking(*names: str, **more: Any) -> ReportOptions:
    """Options for these reports, on one basis unless more is said."""
    options: dict[str, Any] = {"bases": (Basis.ACCRUAL,), **more}
    return ReportOptions(reports=tuple(report(name) for name in names), **options)


def history(first: str, last: str, *, every_days: int = 9, seed: int = 1) -> list[Transaction]:
    """Sales, costs, rents and payments from one day to another, made of a seed."""
    rng = random.Random(seed)
    kinds = (("84", "82"), ("84", "45"), ("35", "84"), ("80", "33"), ("17", "35"), ("33", "35"), ("35", "34"))
    day, end = date.fromisoformat(first), date.fromisoformat(last)
    found = []
    while day <= end:
        debit, credit = kinds[len(found) % len(kinds)]
        value = Decimal(rng.randrange(1, 500_000)) / 100
        found.append(Transaction(str(1000 + len(found)), day, ((debit, value), (credit, -value))))
        day += timedelta(days=rng.randrange(1, 2 * every_days))
    return found


@dataclass
class ReportWorld:
    """Make it inside a virtual test."""

    company: LedgerCompany
    memory_bytes: int = 256 * 1024 * 1024
    events: list[events.Event] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store = MemoryStore([REALM], now=self._now)
        self.reports = MemoryReports(self.store)
        self._budget = RealmBudget(REALM, load_limits(), rng=random.Random(1))

    def _now(self) -> datetime:
        return SERVER_TIME + timedelta(seconds=anyio.current_time())

    @property
    def calls(self) -> list[dict[str, str]]:
        """What was asked of the reports: name and parameters, without the looks at where the books begin."""
        days = [one.day for one in self.company.transactions]
        first = min(days, default=SERVER_TIME.date()).isoformat()
        asked = [
            {"report": request.path.removeprefix("/reports/"), **dict(request.params)}
            for request in self.company.asked
            if request.path.startswith("/reports/")
        ]
        return [call for call in asked if call["report"] != "BalanceSheet" or call["end_date"] >= first]

    async def read(
        self, options: ReportOptions, *, run: int = 1, stopping: Callable[[], bool] = lambda: False
    ) -> FleetResult:
        """One run of reports."""

        async def job(lease: Lease, turn: Turn) -> RealmOutcome:
            self.turns.append(turn)
            scan = await self.store.scan(RunId(run), REALM)
            room = RealmRoom(PageMemory(self.memory_bytes), REALM, weight=1.0, patience=turn.patience)
            paced = Paced(Checked(self.company), self._budget, patience=turn.patience, resting=nullcontext)
            way = Retried(Roomed(paced, room), policy=READING, rng=random.Random(1))
            work = RealmWork(
                lease=lease,
                run_id=RunId(run),
                ask=Questions(way, REALM, call_s=3600, hasty=way.hasty()),
                store=self.store,
                room=room,
                observe=self.events.append,
                stopping=stopping,
                turn=turn,
                now=self._now,
            )
            return outcome_of(REALM, await report_realm(work, self.reports, options, scan))

        return await work_realms(
            [REALM],
            job,
            store=self.store,
            run_id=RunId(run),
            observe=self.events.append,
            options=FleetOptions(),
            stopping=stopping,
        )

    def proof(self, title: str) -> Proof:
        return self.store.proofs(REALM)[title]

    def landed(self, name: str) -> list[LandedReport]:
        return [one for one in self.reports.landed(REALM) if one.held.part.report == name]

    def dates(self, name: str) -> list[str]:
        """The dates of the answers that are held, in order."""
        return [str(one.held.part.dates) for one in self.landed(name)]


def postings(landed: Iterable[LandedReport]) -> set[tuple[str, str, str, Decimal]]:
    """A landed general ledger: day, transaction, account, amount in the account's own sign."""
    return {
        (
            str(row.cells["tx_date"]),
            row.transaction_id or "",
            row.account_id or "",
            Decimal(row.cells["subt_nat_amount"]),
        )
        for one in landed
        for row in one.document.rows
        if row.type is RowType.DATA
    }
