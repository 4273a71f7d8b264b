"""One realm verified to its end: compared, repaired where that is wanted, compared again, and written down."""

from __future__ import annotations

from collections.abc import Sequence

from backfill.jobs.verify import VerifyOptions, repair_realm, verify_realm
from backfill.jobs.verify_ports import VerificationStore
from backfill.jobs.work import RealmWork
from backfill.verdict_model import Verdict


async def verified_realm(
    work: RealmWork, landed: VerificationStore, options: VerifyOptions, *, repair: bool
) -> tuple[Sequence[Verdict], int]:
    """The last comparison's verdicts, stored, and how many objects were read again before it. Raises as its parts."""
    verdicts = await verify_realm(work, landed, options)
    repaired = 0
    if repair and any(one.differences for one in verdicts):
        repaired = await repair_realm(work, landed, verdicts)
        verdicts = await verify_realm(work, landed, options)
    await landed.keep_verdicts(work.lease, work.run_id, verdicts)
    if all(one.equal is not False for one in verdicts):
        await work.store.finish_scan(work.lease, work.run_id, [])
    return verdicts, repaired
