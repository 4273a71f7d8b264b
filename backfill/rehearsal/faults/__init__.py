"""The faults, one file each. A world has each of them with its own chance."""

from __future__ import annotations

from collections.abc import Sequence

from backfill.rehearsal.faults.bad_answers import BadAnswers
from backfill.rehearsal.faults.bad_network import BadNetwork
from backfill.rehearsal.faults.bad_reports import BadReports
from backfill.rehearsal.faults.clock_jumps import ClockJumps
from backfill.rehearsal.faults.crash import Crash
from backfill.rehearsal.faults.editors import Editors
from backfill.rehearsal.faults.fault import Fault
from backfill.rehearsal.faults.fault_codes import FaultCodes
from backfill.rehearsal.faults.flagged_deletes import FlaggedDeletes
from backfill.rehearsal.faults.helpers import Helpers
from backfill.rehearsal.faults.lapsed import Lapsed
from backfill.rehearsal.faults.late_commits import LateCommits
from backfill.rehearsal.faults.other_apps import OtherApps
from backfill.rehearsal.faults.pause import Pause
from backfill.rehearsal.faults.poisoned_rows import PoisonedRows
from backfill.rehearsal.faults.refusals import Refusals
from backfill.rehearsal.faults.request_ids import RequestIds
from backfill.rehearsal.faults.revoked import Revoked
from backfill.rehearsal.faults.second_process import SecondProcess
from backfill.rehearsal.faults.short_tokens import ShortTokens
from backfill.rehearsal.faults.spent_quota import SpentQuota
from backfill.rehearsal.faults.token_trouble import TokenTrouble

FAULTS: Sequence[type[Fault]] = (
    Crash,
    Pause,
    SecondProcess,
    Helpers,
    ClockJumps,
    BadNetwork,
    BadAnswers,
    FaultCodes,
    Refusals,
    SpentQuota,
    ShortTokens,
    TokenTrouble,
    OtherApps,
    Revoked,
    Lapsed,
    PoisonedRows,
    BadReports,
    FlaggedDeletes,
    LateCommits,
    RequestIds,
    Editors,
)
