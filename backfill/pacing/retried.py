"""The transport that tries again, where trying again can help."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from http import HTTPStatus

import anyio
from msgspec import structs

from backfill.errors import Disposition, FaultError, RequestError, UnansweredError
from backfill.events import Observer, Retrying
from backfill.pacing.budget import ignore
from backfill.wire import Lane, Request, Response, Transport


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often, how long, and what may be sent twice."""

    attempts: int = 6
    """Attempts in all that may fail with RETRY. With the waits below, five waits of 31 s at most together: longer
    trouble is an outage, which is the job's matter."""
    first_wait_s: float = 1.0
    """The bound on the first wait; it doubles with each. A wait is drawn evenly from nothing to its bound (full
    jitter), so that what failed together does not come back together. A server that is under maintenance may say how
    long (Retry-After): the wait begins when that is over."""
    longest_wait_s: float = 60.0
    """No wait is above this, whoever asks for it: what is down is asked once a minute, as a throttled service is."""
    throttled_attempts: int = 15
    """Attempts that may be refused. One a minute, this outlasts the ten minutes that tell the quota from a throttle."""
    throttled_s: float = 1200.0
    """How long a request may go on being refused, for the same reason and with the same room."""
    resend: frozenset[Lane] = frozenset({Lane.QUERY, Lane.CDC, Lane.REPORT})
    """Lanes whose requests may be sent again though an earlier attempt may have taken effect: the reading ones. On any
    other lane only a request that was certainly not acted on (never sent, or refused for its token) is sent again."""

    def scaled(self, factor: float) -> RetryPolicy:
        """The same policy with every wait divided by `factor`, for rehearsals."""
        return replace(
            self,
            first_wait_s=self.first_wait_s / factor,
            longest_wait_s=self.longest_wait_s / factor,
            throttled_s=self.throttled_s / factor,
        )


READING = RetryPolicy(resend=frozenset(Lane) - {Lane.WRITE})
"""For jobs that only read: their batches hold queries and may be sent again."""

WRITING = RetryPolicy()
"""For jobs that write: a batch or a write without a good answer has an unknown outcome, which the job looks into."""

Refresh = Callable[[Request, RequestError], Awaitable[None]]
"""Called before a request refused for its token is sent again."""


class Retried:
    """Sends through `inner`, and again as the disposition of its error says:

    - RETRY: after a backoff with full jitter, `policy.attempts` in all.
    - WAIT: again at once. `inner` takes new permits for each attempt and waits out the realm's rest for them; it does
      not use up `attempts`, but is bounded by `policy.throttled_attempts` and `policy.throttled_s`.
    - REFRESH: again at once, one time, after `refresh` if there is one (else `inner` takes a newer token by itself).
    - anything else, and whatever is out of bounds: raised to the caller, the last error as it was.

    `deadline` is for the whole of it: a wait that would pass it is not begun. What one attempt may take is `inner`'s
    matter: the lane's time-out begins when the attempt has its permits.
    """

    __slots__ = ("_inner", "_observe", "_policy", "_refresh", "_rng")

    def __init__(
        self,
        inner: Transport,
        *,
        policy: RetryPolicy,
        rng: random.Random,
        observe: Observer = ignore,
        refresh: Refresh | None = None,
    ) -> None:
        self._inner = inner
        self._policy = policy
        self._rng = rng
        self._observe = observe
        self._refresh = refresh

    def hasty(self) -> Retried:
        """The same way for what is likely to fail: RETRY is raised at once; a refusal and a token are waited for."""
        policy = replace(self._policy, attempts=1)
        return Retried(self._inner, policy=policy, rng=self._rng, observe=self._observe, refresh=self._refresh)

    async def send(self, request: Request, *, deadline: float) -> Response:
        """Raises the last attempt's error, and what is no `RequestError` at once."""
        tries: _Tries | None = None
        while True:
            try:
                return await self._inner.send(request, deadline=deadline)
            except RequestError as error:
                tries = tries or _Tries(self._policy, request.lane, deadline)
                wait_s = tries.wait_s(error, now=anyio.current_time(), rng=self._rng)
                if wait_s is None:
                    raise
                last = error
            self._observe(
                Retrying(
                    realm_id=request.realm_id,
                    path=request.path,
                    attempt=tries.made,
                    wait_s=wait_s,
                    reason=last.code or last.disposition.value,
                )
            )
            request = structs.replace(request, attempt=tries.made + 1)
            if last.disposition is Disposition.REFRESH and self._refresh is not None:
                await self._refresh(request, last)
            if wait_s:
                await anyio.sleep(wait_s)


class _Tries:
    """What has been tried for one request."""

    __slots__ = ("_deadline", "_lane", "_policy", "_refreshed", "_refused", "_refused_since", "_retried", "made")

    def __init__(self, policy: RetryPolicy, lane: Lane, deadline: float) -> None:
        self._policy = policy
        self._lane = lane
        self._deadline = deadline
        self._retried = 0
        self._refused = 0
        self._refused_since = 0.0
        self._refreshed = False
        self.made = 0

    def wait_s(self, error: RequestError, *, now: float, rng: random.Random) -> float | None:
        """Seconds to wait before the next attempt; None: there is none."""
        self.made += 1
        if not self._may_send_again(error):
            return None
        match error.disposition:
            case Disposition.RETRY:
                wait_s = self._backoff_s(error, rng)
            case Disposition.WAIT:
                wait_s = self._refused_s(now)
            case Disposition.REFRESH:
                wait_s = None if self._refreshed else 0.0
                self._refreshed = True
            case _:
                wait_s = None
        return None if wait_s is None or now + wait_s >= self._deadline else wait_s

    def _may_send_again(self, error: RequestError) -> bool:
        if self._lane in self._policy.resend:
            return True
        if error.disposition is Disposition.REFRESH:  # said by a gateway that works (401), it was not passed on
            return (error.status or 0) < HTTPStatus.INTERNAL_SERVER_ERROR
        return isinstance(error, UnansweredError) and not error.sent

    def _backoff_s(self, error: RequestError, rng: random.Random) -> float | None:
        self._retried += 1
        if self._retried >= self._policy.attempts:
            return None
        longest_s = self._policy.longest_wait_s
        asked_s = (error.retry_after_s or 0.0) if isinstance(error, FaultError) else 0.0
        bound_s = self._policy.first_wait_s * 2 ** (self._retried - 1)
        return min(longest_s, asked_s + rng.uniform(0, min(longest_s, bound_s)))

    def _refused_s(self, now: float) -> float | None:
        if self._refused == 0:
            self._refused_since = now
        self._refused += 1
        bounded = (
            self._refused < self._policy.throttled_attempts and now - self._refused_since < self._policy.throttled_s
        )
        return 0.0 if bounded else None
