"""The jobs that are rehearsed, one file each."""

from __future__ import annotations

from collections.abc import Mapping

from backfill.rehearsal.jobs.care import Care
from backfill.rehearsal.jobs.extract import Extract
from backfill.rehearsal.jobs.job import RehearsedJob
from backfill.rehearsal.jobs.load import Load
from backfill.rehearsal.jobs.reports import Reports
from backfill.rehearsal.jobs.resync import Resync
from backfill.rehearsal.jobs.verify import Verify
from backfill.rehearsal.jobs.webhooks import Webhooks

JOBS: Mapping[str, RehearsedJob] = {
    job.name: job for job in (Extract(), Load(), Reports(), Resync(), Verify(), Webhooks(), Care())
}
