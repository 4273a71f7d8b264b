"""The jobs that are rehearsed, one file each."""

from __future__ import annotations

from collections.abc import Mapping

from backfill.rehearsal.jobs.extract import Extract
from backfill.rehearsal.jobs.job import RehearsedJob
from backfill.rehearsal.jobs.load import Load
from backfill.rehearsal.jobs.reports import Reports

JOBS: Mapping[str, RehearsedJob] = {job.name: job for job in (Extract(), Load(), Reports())}
