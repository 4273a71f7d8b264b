"""Intuit says any of its documented faults, of a call or of an item in a batch, whether it fits or not."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from backfill.rehearsal.faults.bad_network import API
from backfill.rehearsal.faults.fault import Fault
from backfill.simulator.documented import DOCUMENTED
from backfill.simulator.injection.batches import ItemFault
from backfill.simulator.injection.injection import Injection
from backfill.simulator.injection.refusals import ApiFault

if TYPE_CHECKING:
    from backfill.rehearsal.stage import Stage

OF_A_ROW = "4002"
"""Said of no row in particular it would be believed, and the row set aside: `poisoned rows` say it."""

OF_AN_ENTITY = frozenset({"500", "2000", "5030"})
"""Whoever hears one of these twice for an entity believes that the company has none of it. So they are said often only
where that is so, and else once."""

EMPTY = ("JournalCode", "TaxPayment")
"""Only companies in France, or none that we simulate, have any. Each is asked for once or twice: so half are struck."""

CODES = tuple(sorted(DOCUMENTED.keys() - {OF_A_ROW}))

CODES_AT_ONCE = 10
"""In a thousand worlds each code is drawn twenty times, and told in some of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultCodes(Fault):
    """Some codes, each in a share of the answers, at random."""

    name: ClassVar[str] = "fault codes"
    chance: ClassVar[float] = 0.8
    jobs: ClassVar[frozenset[str]] = frozenset({"extract"})
    """Which reads again whatever was refused. What a load is refused with stays so until a person has looked at it."""
    refuses: ClassVar[bool] = True
    parks: ClassVar[bool] = True
    """Of some the realm's owner has to see to something: who may connect, what is paid for, which data there are."""
    share: float
    codes: tuple[str, ...]
    within: Literal["call", "good answer", "item"]

    @classmethod
    def drawn(cls, rng: Random, *, realms: int) -> Self:  # noqa: ARG003  # the signature is all faults'
        return cls(
            share=rng.choice((0.02, 0.05)),
            codes=tuple(rng.sample(CODES, k=CODES_AT_ONCE)),
            within=rng.choice(("call", "good answer", "item")),
        )

    def open(self, stage: Stage) -> None:
        for code in self.codes:
            share = 0.5 if code in OF_AN_ENTITY else self.share
            stage.simulator.injections.add(Injection(self._mishap(code), lanes=API, probability=share))
        for code in [code for code in self.codes if code in OF_AN_ENTITY][:1]:
            stage.simulator.injections.add(Injection(self._of_any(code), lanes=API, probability=self.share, times=1))

    def _mishap(self, code: str) -> ApiFault | ItemFault:
        return ItemFault(code=code, share=1.0, item_entities=EMPTY) if code in OF_AN_ENTITY else self._of_any(code)

    def _of_any(self, code: str) -> ApiFault | ItemFault:
        if self.within == "item":
            return ItemFault(code=code)
        return ApiFault(code=code, status=200 if self.within == "good answer" else None)
