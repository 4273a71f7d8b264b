"""The oracles, one file each. They judge every world, whatever is drawn for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from backfill.rehearsal.oracles.checkpoint_behind_data import CheckpointBehindData
from backfill.rehearsal.oracles.complete import Complete
from backfill.rehearsal.oracles.confirmed_deletes import ConfirmedDeletes
from backfill.rehearsal.oracles.equal_books import EqualBooks
from backfill.rehearsal.oracles.equal_state import EqualState
from backfill.rehearsal.oracles.exactly_once import ExactlyOnce
from backfill.rehearsal.oracles.memory_bounded import MemoryBounded
from backfill.rehearsal.oracles.named_exactly import NamedExactly
from backfill.rehearsal.oracles.never_back import NeverBack
from backfill.rehearsal.oracles.one_owner import OneOwner
from backfill.rehearsal.oracles.oracle import Oracle
from backfill.rehearsal.oracles.own_trouble import OwnTrouble
from backfill.rehearsal.oracles.taken_back import TakenBack
from backfill.rehearsal.oracles.tokens_kept import TokensKept
from backfill.rehearsal.oracles.told_once import ToldOnce
from backfill.rehearsal.oracles.whole_reports import WholeReports
from backfill.rehearsal.oracles.within_limits import WithinLimits

if TYPE_CHECKING:  # the stage is what they look at
    from backfill.rehearsal.stage import Stage

ORACLES: Sequence[Oracle] = (
    WithinLimits(),
    EqualState(),
    NeverBack(),
    CheckpointBehindData(),
    Complete(),
    OwnTrouble(),
    MemoryBounded(),
    TokensKept(),
    OneOwner(),
    ConfirmedDeletes(),
    NamedExactly(),
    ToldOnce(),
    WholeReports(),
    EqualBooks(),
    ExactlyOnce(),
    TakenBack(),
)


def judge(stage: Stage, look: Callable[[Oracle], Iterable[str]]) -> None:
    """Let every oracle look at one moment, and note what it finds wrong."""
    for oracle in ORACLES:
        stage.broken(oracle.name, look(oracle))
