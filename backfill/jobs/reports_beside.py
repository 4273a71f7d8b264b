"""The reports that an extract reads beside the entities: what keeps them away costs the realm no entity.

Reports are a service of Intuit's by themselves, which may be silent or fail while everything else is answered.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date

from backfill.errors import RequestError
from backfill.jobs.company_facts import CompanyFacts, company_facts
from backfill.jobs.report_options import ReportOptions
from backfill.jobs.report_plan import what_to_ask
from backfill.jobs.report_ports import ReportStore
from backfill.jobs.reports import read_reports
from backfill.jobs.work import EVER, OF_THE_REALM, RealmWork
from backfill.model import Proof, RealmId

_UNKNOWN = CompanyFacts(server_time=EVER, country="", fiscal_month=1, first_date=date.min, accounts={})
"""A company that would not say anything of itself: its reports have the same titles."""


class ReportsBeside:
    """What a run of extract reads of each realm's reports before its entities: nothing where none is named."""

    def __init__(self, reports: ReportStore, options: ReportOptions | None) -> None:
        self._reports = reports
        self._options = options
        self._unread: dict[RealmId, str] = {}  # and why: what took minutes of silence is not tried anew in each turn

    async def read(self, work: RealmWork) -> Sequence[Proof]:
        """Read them and say what is proven; or say of each why it is not.

        Raises as `read_reports` does, but of `RequestError` only what keeps the entities away as well.
        """
        if self._options is None:
            return []
        reason = self._unread.get(work.realm_id)
        if reason is None:
            try:
                return await read_reports(work, self._reports, self._options, await company_facts(work))
            except RequestError as error:
                unread = list(_unread(self._options, error.message))
                if error.disposition in OF_THE_REALM or not unread:
                    raise
                self._unread[work.realm_id] = error.message
                return unread
        return list(_unread(self._options, reason))


def _unread(options: ReportOptions, reason: str) -> Iterator[Proof]:
    """A proof of each report, that it is none. What only some countries have may be none of the company's."""
    everywhere = [report for report in options.reports if not report.countries]
    for asked in what_to_ask(replace(options, reports=everywhere), _UNKNOWN):
        yield Proof(asked.title, False, "not read", None, 0, 0, None, reason)
