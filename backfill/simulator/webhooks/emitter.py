"""Tells of changes: gathers them, signs, sends, and sends again by Intuit's ladder until it is answered 200."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush
from http import HTTPStatus
from itertools import count
from random import Random
from urllib.parse import urlsplit

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream

from backfill.errors import UsageError
from backfill.simulator.journal import Changed
from backfill.simulator.settings import WebhookSettings
from backfill.simulator.webhooks.notices import Notice, notice_of
from backfill.simulator.webhooks.payloads import FORMS, Form, signature

Post = Callable[[str, Mapping[str, str], bytes], Awaitable[int | None]]
"""Sends to an address, with headers and a body. The answer's status; None if none came within three seconds."""

FORGED = "forged-"
"""What the Ids of made-up events begin with, so that nobody has to guess whether one was believed."""

_SENDERS = 8
"""Deliveries in flight, unless each waits for the one before."""


@dataclass(slots=True)
class EmitterCounts:
    """What was told so far."""

    events: int = 0
    deliveries: int = 0
    """Bodies with events, each sent at least once."""
    acknowledged: int = 0
    repeated: int = 0
    """Sent again although acknowledged, as may happen."""
    attempts: int = 0
    refused: int = 0
    """Attempts that were not answered 200, forged ones left out."""
    forged: int = 0
    forged_accepted: int = 0
    """Forged ones that were answered 200: none, if the receiver is any good."""
    dropped: int = 0
    """Changes that found no room, and deliveries that were given up."""


@dataclass(slots=True)
class _Delivery:
    headers: Mapping[str, str]
    body: bytes
    attempts: int = 0
    forged: bool = False
    repeats: int = 0


@dataclass(slots=True)
class _Queue:
    """Deliveries by the loop time at which each is due."""

    heap: list[tuple[float, int, _Delivery]] = field(default_factory=list)
    numbers: count[int] = field(default_factory=count)

    def put(self, due_at: float, delivery: _Delivery) -> None:
        heappush(self.heap, (due_at, next(self.numbers), delivery))

    def take(self, now: float) -> _Delivery | None:
        return heappop(self.heap)[-1] if self.next_at <= now else None

    @property
    def next_at(self) -> float:
        return self.heap[0][0] if self.heap else float("inf")


class Emitter:
    """Silent until it has an address. `told` may be called at any time; `run` sends."""

    def __init__(self, settings: WebhookSettings, *, limits_scale: float, rng: Random) -> None:
        self.counts = EmitterCounts()
        self._settings = settings
        self._scale = limits_scale
        self._rng = rng
        self._url = ""
        self._changed = anyio.Event()
        self._notices: deque[tuple[float, Notice]] = deque()
        self._queue = _Queue()
        self._sending = 0
        if settings.url:
            self.tell(settings.url)

    @property
    def url(self) -> str:
        return self._url

    @property
    def waiting(self) -> int:
        """Events that are not sent yet, and deliveries that are not acknowledged."""
        return len(self._notices) + len(self._queue.heap) + self._sending

    def tell(self, url: str) -> None:
        """Tell this address from now on; an empty one: nobody. Raises `UsageError` for one that is not loopback."""
        self._url = loopback_address(url) if url else ""
        self._changed.set()

    def told(self, realm_id: str, change: Changed) -> None:
        """A company was changed."""
        if not self._url or (not change.counted and not self._settings.own_changes):
            return
        notice = notice_of(realm_id, change)
        if notice is None:
            return
        if len(self._notices) >= self._settings.held:
            self.counts.dropped += 1
            return
        self.counts.events += 1
        self._notices.append((anyio.current_time() + self._settings.delay_s / self._scale, notice))
        self._changed.set()

    async def run(self, post: Post) -> None:
        """Send until cancelled."""
        give, take = anyio.create_memory_object_stream[_Delivery](0)
        async with give, take, anyio.create_task_group() as group:
            for number in range(1 if self._settings.hold_back else _SENDERS):
                group.start_soon(self._send, take, post, name=f"sender {number} of webhooks")
            while True:
                self._changed = anyio.Event()
                now = anyio.current_time()
                if self._url and self._gathered_at() <= now:
                    self._gather(now)
                delivery = self._queue.take(now) if self._url else None
                if delivery is not None:
                    self._sending += 1
                    await give.send(delivery)
                    continue
                next_at = min(self._queue.next_at, self._gathered_at()) if self._url else float("inf")
                with anyio.CancelScope(deadline=next_at):
                    await self._changed.wait()

    def _gathered_at(self) -> float:
        """When those that are told together are complete."""
        return self._notices[0][0] + self._settings.gather_s if self._notices else float("inf")

    def _gather(self, now: float) -> None:
        """Make deliveries of what is due to be told."""
        due: list[Notice] = []
        while self._notices and self._notices[0][0] <= now:
            due.append(self._notices.popleft()[1])
        size = self._settings.events_per_delivery
        for start in range(0, len(due), size):
            for form in FORMS[self._settings.format]:
                self._put(now, form, due[start : start + size])

    def _put(self, now: float, form: Form, notices: Sequence[Notice]) -> None:
        settings, rng = self._settings, self._rng
        if len(self._queue.heap) >= settings.held:
            self.counts.dropped += 1
            return
        self.counts.deliveries += 1
        content_type, body = form(notices, rng)
        signed = signature(settings.verifier_token, body)
        late = rng.random() < settings.reordered
        due_at = now + (self._late_s() if late else 0.0)
        repeats = int(rng.random() < settings.duplicates)
        self._queue.put(due_at, _Delivery(_headers(content_type, signed), body, repeats=repeats))
        if rng.random() < settings.forged:
            made_up = [replace(notice, object_id=f"{FORGED}{notice.object_id}") for notice in notices]
            _, forgery = form(made_up, rng)
            # Signed with another token, with a true signature of other bytes, with none, with nonsense.
            signed = rng.choice((signature("another token", forgery), signed, "", "not base64!", "AAAA"))
            self._queue.put(due_at, _Delivery(_headers(content_type, signed), forgery, forged=True))

    def _late_s(self) -> float:
        return self._rng.uniform(0, self._settings.late_s / self._scale)

    async def _send(self, deliveries: MemoryObjectReceiveStream[_Delivery], post: Post) -> None:
        async for delivery in deliveries:
            try:
                await self._attempt(post, delivery)
            finally:
                self._sending -= 1
                self._changed.set()

    async def _attempt(self, post: Post, delivery: _Delivery) -> None:
        """Once. Not answered 200, it is due again by the ladder; held back, before anything else is sent."""
        while True:
            status = await post(self._url, delivery.headers, delivery.body)
            self.counts.attempts += 1
            if delivery.forged and status is not None:
                self.counts.forged += 1
                self.counts.forged_accepted += status == HTTPStatus.OK
                return
            if status == HTTPStatus.OK:
                if not delivery.repeats:
                    self.counts.acknowledged += 1
                    return
                delivery.repeats -= 1
                self.counts.repeated += 1
                self._queue.put(anyio.current_time() + self._late_s(), delivery)
                return
            self.counts.refused += 1
            wait_s = self._wait_s(delivery.attempts)
            delivery.attempts += 1
            if wait_s is None:
                self.counts.dropped += 1
                return
            if not self._settings.hold_back:
                self._queue.put(anyio.current_time() + wait_s, delivery)
                return
            await anyio.sleep(wait_s)

    def _wait_s(self, attempts: int) -> float | None:
        """Until the next attempt after so many failed ones before this; None: it is given up."""
        ladder = self._settings.retry_s
        if attempts < len(ladder):
            return ladder[attempts] / self._scale
        then_s = self._settings.retry_then_s
        return None if then_s is None else then_s / self._scale


def loopback_address(url: str) -> str:
    """The same address. Raises `UsageError` for any other than http on this machine."""
    try:
        parts = urlsplit(url)
        local = parts.scheme == "http" and parts.hostname in {"127.0.0.1", "localhost", "::1"}
    except ValueError:
        local = False
    if not local:
        raise UsageError(
            f"The simulator tells nobody at {url} of its changes.",
            action="Give an address on this machine: http://127.0.0.1:8766/webhooks",
        )
    return url


def _headers(content_type: str, signed: str) -> Mapping[str, str]:
    return {"content-type": content_type, **({"intuit-signature": signed} if signed else {})}


def counted(emitter: Emitter) -> Sequence[tuple[str, object]]:
    """What a rehearsal looks at."""
    counts = emitter.counts
    return [
        ("url", emitter.url),
        ("waiting", emitter.waiting),
        *((name, getattr(counts, name)) for name in counts.__slots__),
    ]
