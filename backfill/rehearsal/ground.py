"""What outlasts a process: the stores. In memory as a rule; tests stand the same worlds on Postgres, in real time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from backfill.jobs.load.ports import Ledger
from backfill.jobs.ports import Inbox, Store
from backfill.jobs.report_ports import ReportStore
from backfill.jobs.verify_ports import VerificationStore
from backfill.load_model import Imported, LoadId, NewRow
from backfill.pacing.ledger import MemoryPermitLedger, PermitLedger
from backfill.pacing.metering import MemoryMeteredLedger, MeteredLedger
from backfill.qbo.token_keeper import Vault
from backfill.rehearsal.pages_in_hand import PagesInHand
from backfill.rehearsal.witnessed import witnessed
from backfill.rehearsal.witnessed_outage import witnessed_inbox, witnessed_verdicts
from backfill.rehearsal.witnessed_reports import witnessed_reports
from backfill.store.memory_verifications import MemoryVerifications
from backfill.webhooks.intake import Events

if TYPE_CHECKING:  # a stage stands on a ground
    from backfill.rehearsal.stage import Stage


class EventStore(Inbox, Events, Protocol):
    """Events are stored by who takes them in, and settled by who has read what they tell of."""


class UsersLedger(Ledger, Protocol):
    """The write ledger, with what a user does to it between two runs."""

    async def add(self, rows: Sequence[NewRow]) -> Imported:
        """Import rows."""
        ...

    async def retry(self, load_id: LoadId | None) -> int:
        """Let rejected rows wait again, of all loads if it is None. Returns how many."""
        ...


class Ground(Protocol):
    """What a process works with, whatever it is made of. Oracles look at the stage's own store in memory."""

    @property
    def vault(self) -> Vault: ...

    @property
    def permits(self) -> PermitLedger: ...

    @property
    def metered(self) -> MeteredLedger: ...

    @property
    def ledger(self) -> UsersLedger: ...

    def store(self, owner: str, pages: PagesInHand) -> Store:
        """As the process `owner` sees it."""
        ...

    def inbox(self, owner: str) -> EventStore:
        """What webhooks told, likewise."""
        ...

    def verifications(self, owner: str) -> VerificationStore:
        """What `verify` looks at, likewise."""
        ...

    def reports(self, owner: str) -> ReportStore:
        """The reports, likewise."""
        ...

    async def mirror(self) -> None:
        """Bring the stage's store to what is held here."""
        ...


class MemoryGround:
    """The stage's own stores, with the oracles beside every commit."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.vault: Vault = stage.vault
        self.permits: PermitLedger = MemoryPermitLedger(stage.store.epoch)
        self.metered: MeteredLedger = MemoryMeteredLedger()
        self.ledger: UsersLedger = stage.ledger

    def store(self, owner: str, pages: PagesInHand) -> Store:
        return witnessed(self._stage, self._stage.store.seen_by(owner), pages)

    def inbox(self, owner: str) -> EventStore:
        return witnessed_inbox(self._stage, self._stage.inbox.seen_beside(self._stage.store.seen_by(owner)))

    def verifications(self, owner: str) -> VerificationStore:
        return witnessed_verdicts(self._stage, MemoryVerifications(self._stage.store.seen_by(owner)))

    def reports(self, owner: str) -> ReportStore:
        return witnessed_reports(self._stage, self._stage.reports.seen_by(self._stage.store.seen_by(owner)))

    async def mirror(self) -> None:
        """It is the stage's store."""
