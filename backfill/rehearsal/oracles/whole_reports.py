"""Reports land whole: nothing that was cut inside a good answer is taken for all, and nothing wrong is said proven."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import ClassVar

from backfill.rehearsal.oracles.oracle import Oracle, Proving, ReportCommit
from backfill.rehearsal.served_reports import amounts, count_lines
from backfill.rehearsal.stage import Stage
from backfill.report_model import ReportPart


class WholeReports(Oracle):
    """Holds each answer that landed against the whole report, made once more from the books as they stood."""

    name: ClassVar[str] = "whole reports"
    law: ClassVar[str] = "no report lands half, and none that is wrong is proven"

    def report_landed(self, stage: Stage, commit: ReportCommit) -> Iterable[str]:
        realm_id, body, rows = commit.lease.realm_id, commit.document.body, commit.document.rows
        where = f"{realm_id} {commit.part.report} of {commit.part.dates}"
        if len(rows) != count_lines(body):
            yield f"{where}: {len(rows)} rows landed of {count_lines(body)}"
        truth = stage.served.truth(realm_id, body)
        if truth is not None and (lacking := (truth.lines - Counter(amounts(body))).total()):
            extra = (Counter(amounts(body)) - truth.lines).total()
            if lacking > extra:  # an amount that is wrong is one of each: that is for the proof to say
                yield f"{where}: {lacking - extra} rows are missing, and it was taken for whole"

    def proved(self, stage: Stage, proving: Proving) -> Iterable[str]:
        realm_id = proving.lease.realm_id
        proven = {proof.entity for proof in proving.proofs if proof.proven}
        for one in stage.reports.landed(realm_id):
            truth = stage.served.truth(realm_id, one.document.body)
            if truth is None or title(one.held.part) not in proven:
                continue
            if Counter(amounts(one.document.body)) != truth.lines:
                yield f"{realm_id} {title(one.held.part)} of {one.held.part.dates} is proven, and is not what it was"


def title(part: ReportPart) -> str:
    """What the proof of the report is called."""
    asked = dict(word.split("=", 1) for word in part.parameters.split("&") if word)
    return " ".join([part.report, *([asked["accounting_method"].lower()] if "accounting_method" in asked else [])])
