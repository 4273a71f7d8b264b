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
    """The last comparison's verdicts, stored, and how many objects were read again before it. Raises as its parts.

    The realm is done with if they all hold.
    """
    found = await verify_realm(work, landed, options)
    repaired = 0
    while repair and found.wrong:
        before = found
        repaired += await repair_realm(work, landed, before)
        found = await verify_realm(work, landed, options)
        if not before.has_more or found.differing >= before.differing:
            break  # all were read again, or it is no use
    await landed.keep_verdicts(work.lease, work.run_id, found.verdicts)
    if all(map(holds, found.verdicts)):
        await work.store.finish_scan(work.lease, work.run_id, [])
    return found.verdicts, repaired


def holds(verdict: Verdict) -> bool:
    """Whether nothing is left to be done. What could not be read may differ, so it is not done with.

    What nobody could compare, whenever he looks, is said and is no work that is left: of many a company no document
    shows all that is posted.
    """
    return verdict.equal is True or (verdict.equal is None and not verdict.comparable)
