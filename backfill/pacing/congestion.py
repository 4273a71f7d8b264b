"""What refusals do to a realm's speed: rest, ask once, come back at half speed, climb. Pure: time is an argument."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum

from backfill.pacing.limits import Limits

SPEED_CUT = 0.5
"""A refusal for the minute halves the speed: other apps, which we do not see, use the same limit (AIMD)."""

SPEED_STEP = 0.1
"""Each quiet window adds this share of full speed: five windows after one refusal all of it is back."""

STRETCH_FACTOR = 1.25
"""A refusal for the second spaces the starts this much wider: the uplink spread was set too small."""

STRETCH_STEP = 0.05
"""Each quiet window takes this much off the stretch: one refusal is forgotten after five windows."""

STRETCH_MAX = 2.0
"""Twice the gap covers an uplink spread of 1.4 s; wider spacing would not help an uplink worse than that."""


class Reason(Enum):
    """Which limit a refusal is taken to be for; Intuit's answer does not say."""

    MINUTE = "minute"
    SECOND = "second"


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a refusal led to: the realm rests for `freeze_s` more, and has given nothing else for `lasting_s`."""

    reason: Reason
    freeze_s: float
    lasting_s: float


class Congestion:
    """How one realm stands after its refusals.

    **Which limit?** A refusal can be for the *second* only if `starts_per_second` other requests of ours can have
    arrived in the second before it; such a request was answered no earlier than one second before the refused one was
    sent, or is not answered yet. With fewer of them it is for the minute, and the realm rests as Intuit asks. With as
    many it may be either: the realm rests a second and asks once. Answered, it was the second (a minute's window would
    still be full), and the starts are spaced wider for a while; refused again, it is the minute.

    **The rest.** After every rest one request goes alone while the others wait for its answer. So a realm that goes on
    refusing is asked once a rest, and the ten minutes after which the month's quota is suspected are counted so.
    """

    __slots__ = (
        "_answers",
        "_limits",
        "_opened_at",
        "_reason",
        "_refused_since",
        "_speed",
        "_stretch",
        "episode",
        "frozen_until",
        "resting",
    )

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        # Times of the last answers: as many as make a second full, and the refused request's own.
        self._answers: deque[float] = deque(maxlen=limits.starts_per_second + 1)
        self._speed = 1.0  # both as of `_opened_at`
        self._stretch = 1.0
        self._opened_at = 0.0
        self._reason = Reason.MINUTE
        self._refused_since = 0.0
        self.resting = False
        """From a refusal until a request sent after the rest is answered. Nothing but that request may go."""
        self.frozen_until = 0.0
        """Loop time at which the rest ends and one request may ask."""
        self.episode = 0
        """Number of rests begun: the answer to a request sent before a rest says nothing about its end."""

    def restore(self, now: float, *, frozen_until: float) -> None:
        """An earlier process was refused, and was to rest until then: as after a refusal for the minute.

        For how long it has given nothing but refusals counts from `now` on: what other realms were answered meanwhile,
        by which the month's quota is told from a throttle, is not known here.
        """
        self._speed, self._refused_since = SPEED_CUT, now
        self.resting, self.frozen_until = True, frozen_until
        self.episode += 1

    def speed(self, now: float) -> float:
        """Share of every window that we use: above 0, at most 1."""
        return min(1.0, self._speed + SPEED_STEP * self._quiet_windows(now))

    def stretch(self, now: float) -> float:
        """Factor on the gap between starts: 1 to `STRETCH_MAX`."""
        return max(1.0, self._stretch - STRETCH_STEP * self._quiet_windows(now))

    def answered(self, now: float, *, episode: int) -> None:
        """Any answer but a refusal came to a request that was sent in `episode`."""
        self._answers.append(now)
        if not self.resting or episode != self.episode:
            return
        if self._reason is Reason.SECOND:
            self._stretch = min(STRETCH_MAX, self._stretch * STRETCH_FACTOR)
        self.resting = False
        self._opened_at = now

    def refused(
        self, now: float, *, sent_at: float, episode: int, unanswered: int, retry_after_s: float | None, jitter_s: float
    ) -> Refusal:
        """A request sent at `sent_at` in `episode` was refused, while `unanswered` others were out."""
        self._answers.append(now)
        if episode == self.episode:
            self._begin_rest(now, sent_at, unanswered, retry_after_s, jitter_s)
        elif retry_after_s is not None and self.resting:
            self.frozen_until = max(self.frozen_until, now + self._bounded(retry_after_s))
        return Refusal(self._reason, max(0.0, self.frozen_until - now), now - self._refused_since)

    def _begin_rest(
        self, now: float, sent_at: float, unanswered: int, retry_after_s: float | None, jitter_s: float
    ) -> None:
        again = self.resting  # the one request that asked after the rest was refused as well
        if not again:
            self._speed, self._stretch, self._refused_since = self.speed(now), self.stretch(now), now
        before, self._reason = self._reason, self._guess(sent_at, unanswered, retry_after_s, again=again)
        is_known = again and before is Reason.MINUTE
        if self._reason is Reason.MINUTE and not is_known:  # once for each refusal in earnest
            self._speed = max(1 / self._limits.request_permits, self._speed * SPEED_CUT)
        rest_s = self._limits.second_s if self._reason is Reason.SECOND else self._limits.freeze_s + jitter_s
        if retry_after_s is not None:
            # The server's word counts, once: if it refuses after the rest it asked for, the longer rest holds.
            rest_s = max(self._bounded(retry_after_s), rest_s if again else 0.0)
        self.resting, self.frozen_until = True, now + rest_s
        self.episode += 1

    def _guess(self, sent_at: float, unanswered: int, retry_after_s: float | None, *, again: bool) -> Reason:
        if again or (retry_after_s is not None and retry_after_s > self._limits.second_s):
            return Reason.MINUTE
        since = sent_at - self._limits.second_s
        # The refused request's own answer is among the answers and does not count.
        others = unanswered + sum(answered_at >= since for answered_at in self._answers) - 1
        return Reason.SECOND if others >= self._limits.starts_per_second else Reason.MINUTE

    def _bounded(self, retry_after_s: float) -> float:
        """What the server asks for, within a second and the time after which we suspect the month's quota."""
        return min(max(retry_after_s, self._limits.second_s), self._limits.quota_s)

    def _quiet_windows(self, now: float) -> int:
        return 0 if self.resting else int((now - self._opened_at) / self._limits.window_s)
