"""One realm verified to its end: compared, repaired where that is wanted, compared again, and written down."""

from __future__ import annotations

from collections.abc import Sequence

from backfill.jobs.trial import TRIAL_BALANCE
from backfill.jobs.verify import VerifyOptions, repair_realm, verify_realm
from backfill.jobs.verify_ports import VerificationStore
from backfill.jobs.work import RealmWork
from backfill.verdict_model import Verdict


async def verified_realm(
    work: RealmWork, landed: VerificationStore, options: VerifyOptions, *, repair: bool
) -> tuple[Sequence[Verdict], int]:
    """The last comparison's verdicts, stored, and how many objects were read again before it. Raises as its parts.

    The realm is done with if they all hold.
    """
    verdicts = await verify_realm(work, landed, options)
    repaired = 0
    if repair and any(one.differences for one in verdicts):
        repaired = await repair_realm(work, landed, verdicts)
        verdicts = await verify_realm(work, landed, options)
    await landed.keep_verdicts(work.lease, work.run_id, verdicts)
    if all(map(holds, verdicts)):
        await work.store.finish_scan(work.lease, work.run_id, [])
    return verdicts, repaired


def holds(verdict: Verdict) -> bool:
    """Whether nothing is left to be done. What could not be read may differ, so it is not done with.

    A trial balance that is not compared is ordinary: of many a company no document shows all that is posted.
    """
    return verdict.equal is True or (verdict.equal is None and verdict.entity == TRIAL_BALANCE)
