"""An injection: one mishap, and whom it befalls, when and how often."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from math import inf
from typing import Literal, get_args

from backfill.simulator.injection.mishap import Mishap
from backfill.simulator.injection.subject import FRONT_LANE, TOKEN_LANE, Subject
from backfill.simulator.settings import require
from backfill.wire import Lane

Apart = Literal["", "realm", "request"]
"""What calls are counted by: all together, each realm's apart, or each request's (the same path, parameters, body)."""

LANES = (*(lane.value for lane in Lane), TOKEN_LANE, FRONT_LANE)


@dataclass(frozen=True, slots=True)
class Injection:
    """One mishap let loose. Left at its defaults it befalls every call. Raises `UsageError` for what makes no sense.

    *Who*: a call matches where every choice that is made holds; of several names one is enough. *When*: `from_s` and
    `until_s` are seconds since the first call after it was added. *How often*: matching calls are numbered from 1;
    the first `after` are spared, of the others every `every`-th may be struck, each with `probability`, and `times`
    in all. `apart` numbers each realm's, or each request's, on their own.
    """

    mishap: Mishap
    realms: tuple[str, ...] = ()
    apps: tuple[str, ...] = ()
    """Client ids."""
    methods: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    """Below `/v3/company/{realm}`, or whole where the address is another; `*` stands for anything."""
    lanes: tuple[str, ...] = ()
    """query, batch, cdc, report, write; token for the token endpoint, front for all else outside the API."""
    entities: tuple[str, ...] = ()
    """Also those of a batch's items; a report's name."""
    operations: tuple[str, ...] = ()
    """create, update, delete, void, read, query, batch, cdc, reports, pdf, send, upload ...; a batch's items', too."""
    containing: str = ""
    """A text in the path, the parameters (decoded) or the body."""
    from_s: float = 0.0
    until_s: float | None = None
    after: int = 0
    times: int | None = None
    every: int = 1
    probability: float = 1.0
    apart: Apart = ""
    gateway: bool = False
    """Let it happen before the doors: also to calls that are refused, and what it answers itself counts nowhere."""

    def __post_init__(self) -> None:
        require(
            f"the injection of {self.mishap.kind()}",
            (
                ("from_s is at least 0", 0 <= self.from_s < inf),
                ("until_s is later than from_s", self.until_s is None or self.until_s > self.from_s),
                ("after is at least 0", self.after >= 0),
                ("times is at least 1", self.times is None or self.times >= 1),
                ("every is at least 1", self.every >= 1),
                ("probability is above 0 and at most 1", 0 < self.probability <= 1),
                (f"lanes are among {', '.join(LANES)}", set(self.lanes) <= set(LANES)),
                (f"apart is one of {', '.join(map(repr, get_args(Apart)))}", self.apart in get_args(Apart)),
            ),
        )

    @property
    def at_gateway(self) -> bool:
        return self.gateway or self.mishap.at_gateway

    def matches(self, subject: Subject) -> bool:
        """Whether it is about this call at all, whenever it comes."""
        call = subject.call
        return (
            (not self.realms or subject.realm_id in self.realms)
            and (not self.apps or subject.app in self.apps)
            and (not self.methods or call.method in self.methods)
            and (not self.lanes or subject.lane in self.lanes)
            and (not self.paths or any(fnmatchcase(call.path, pattern) for pattern in self.paths))
            and (not self.entities or not subject.entities.isdisjoint(map(str.lower, self.entities)))
            and (not self.operations or not subject.operations.isdisjoint(map(str.lower, self.operations)))
            and (not self.containing or self.containing.encode() in subject.text)
        )
