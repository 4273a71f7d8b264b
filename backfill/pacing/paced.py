"""The transport that waits for its permits."""

from __future__ import annotations

from contextlib import nullcontext

from backfill.errors import Disposition, RequestError, ThrottledError, UnansweredError
from backfill.pacing.budget import Grant, RealmBudget, Resting
from backfill.pacing.metering import MeteredBudget, Spent
from backfill.pacing.patience import Patience
from backfill.wire import Request, Response, Transport

ACCEPTED = range(200, 300)
"""The answers that Intuit bills."""


class Paced:
    """Sends through `inner` when the realm's budget lets it, and gives the permits back by what became of the request.

    One for each realm, around a transport that sends at most once and raises the errors of a refusal
    (`paced(checked(...))`). `metered` is shared by all realms of the app; the wait for permits is
    broken off with `patience`, and `resting` is entered while a request waits out its realm's rest.
    """

    __slots__ = ("_budget", "_inner", "_metered", "_patience", "_resting")

    def __init__(
        self,
        inner: Transport,
        budget: RealmBudget,
        *,
        metered: MeteredBudget | None = None,
        patience: Patience | None = None,
        resting: Resting = nullcontext,
    ) -> None:
        self._inner = inner
        self._budget = budget
        self._metered = metered or MeteredBudget(cap=None)
        self._patience = patience or Patience()
        self._resting = resting

    async def send(self, request: Request, *, deadline: float) -> Response:
        """Wait for permits until `deadline` at most, then send, within the lane's time-out.

        Raises `UnansweredError(sent=False, code="permit")` if no permit came in time, `StoppedError` when the monthly
        cap is reached, the month's quota is spent or the wait was broken off, and what `inner` raises.
        """
        assert request.realm_id == self._budget.realm_id
        # Counted before the permits are taken: to count may take a commit, and with its permits a request goes at once.
        spent = await self._metered.spend(request)
        try:
            grant = await self._take(request, deadline)
        except BaseException:
            self._metered.take_back(spent)
            raise
        return await self._send(request, grant, spent, deadline)

    async def _take(self, request: Request, deadline: float) -> Grant:
        with self._patience.waiting(deadline):
            return await self._budget.take(request.lane, resting=self._resting)
        raise UnansweredError(
            f"realm {request.realm_id}: no permit for {request.method} {request.path} came before the deadline",
            sent=False,
            realm_id=request.realm_id,
            asked=f"{request.method} {request.path}",
            code="permit",
            action="The realm is used to its limits; give the work more time, or wait until other apps use it less.",
        )

    async def _send(self, request: Request, grant: Grant, spent: Spent, deadline: float) -> Response:
        """Every way out gives the grant back without awaiting, so that no cancellation can come between."""
        attempt_deadline = min(deadline, grant.sent_at + self._budget.limits.timeout_s(request.lane))
        try:
            response = await self._inner.send(request, deadline=attempt_deadline)
        except UnansweredError as error:
            if error.sent:
                self._budget.abandoned(grant)
            else:
                self._budget.unsent(grant)
                self._metered.take_back(spent)
            raise
        except RequestError as error:
            if error.disposition is Disposition.WAIT:
                retry_after_s = error.retry_after_s if isinstance(error, ThrottledError) else None
                self._budget.refused(grant, retry_after_s=retry_after_s)
                self._metered.take_back(spent)
            else:
                self._take_in(grant, spent, error.status)
            raise
        except BaseException:  # cancelled, or a bug below us: the request may be on its way
            self._budget.abandoned(grant)
            raise
        self._take_in(grant, spent, response.status)
        return response

    def _take_in(self, grant: Grant, spent: Spent, status: int | None) -> None:
        """An answer that is no refusal. Without a status (a token that could not be had) the call stays counted."""
        self._budget.answered(grant, accepted=status in ACCEPTED)
        if status is not None and status not in ACCEPTED:
            self._metered.take_back(spent)
