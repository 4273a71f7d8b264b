"""What `verify` needs from a store beside what all jobs need."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from backfill.model import Lease, Proof, RealmId, RunId
from backfill.verdict_model import Verdict


class VerificationStore(Protocol):
    """Landed documents to look at, and a place for what was found."""

    async def proofs(self, realm_id: RealmId) -> Sequence[Proof]:
        """The latest word on the completeness of each entity and report of a realm."""
        ...

    async def documents(self, realm_id: RealmId, entity: str, ids: Sequence[str]) -> Mapping[str, bytes]:
        """The documents of those of the Ids that are held live."""
        ...

    async def sample_ids(
        self, realm_id: RealmId, entity: str, limit: int, *, seed: int, without: Collection[str]
    ) -> Sequence[str]:
        """At most `limit` Ids of live rows, `without` some: with each seed others, with the same the same."""
        ...

    async def documents_after(self, realm_id: RealmId, entity: str, after: str, limit: int) -> Mapping[str, bytes]:
        """The next live documents in order of their Ids, bytewise, beginning after one ("" for the first)."""
        ...

    async def forget_versions(
        self, lease: Lease, entity: str, ids: Sequence[str], *, but_updated_within: tuple[datetime, datetime]
    ) -> None:
        """Drop those of the rows that are marked deleted, and when the others were updated, so that what the company
        says next stands. Not of those that were updated within the two moments, these included.

        Raises `LeaseLostError`, and writes nothing, if fenced off.
        """
        ...

    async def differed(self, realm_id: RealmId) -> Mapping[str, Verdict]:
        """Of each entity, and of the trial balance, the verdict that is kept, where it says that something differs."""
        ...

    async def keep_verdicts(self, lease: Lease, run_id: RunId, verdicts: Sequence[Verdict]) -> None:
        """Store what was found in the place of what was found before. Raises `LeaseLostError` if fenced off.

        Of what could be compared before and cannot now, what differed is kept with its time and run: it is not known to
        be mended, and the note says why it was not looked at since.
        """
        ...
