"""What goes wrong with single items of a batch, within an answer whose status is 200.

Done to items in JSON: a batch in XML is left alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import msgspec

from backfill.simulator.batch import Item
from backfill.simulator.documents import Doc, encode
from backfill.simulator.envelopes import Answer, fault_object, time_text
from backfill.simulator.injection.mishap import Mishap, Proceed, Strike
from backfill.simulator.injection.refusals import GatewayTimeout, fault_of, fault_rules
from backfill.simulator.injection.rows import answer_of, changed
from backfill.simulator.injection.subject import Subject, item_entities, item_operation
from backfill.simulator.settings import require


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemMishap(Mishap):
    """Something that befalls a share of a batch's items, drawn anew each time, and at least one."""

    share: float = 0.5
    item_entities: tuple[str, ...] = ()
    """Only items of these; empty: of any."""
    item_operations: tuple[str, ...] = ()
    """Only items that do this: create, update, delete, void, query, cdc; empty: any."""

    def __post_init__(self) -> None:
        require(f"the {self.kind()}", [("share is above 0 and at most 1", 0 < self.share <= 1)])

    def chosen(self, strike: Strike) -> list[int]:
        """The places of the items that it befalls; the same draw for the same call and source."""
        places = [place for place, item in enumerate(strike.subject.items) if self._concerns(item)]
        if not places:
            return []
        return sorted(strike.rng.sample(places, max(1, round(self.share * len(places)))))

    async def outcomes(
        self, strike: Strike, proceed: Proceed, places: list[int], *, after_commit: bool
    ) -> tuple[Answer, list[Any]]:
        """The answer, and what each item of the request was answered: None for the chosen ones that were not done."""
        items = strike.subject.items
        asked = items if after_commit else [item for place, item in enumerate(items) if place not in places]
        if not asked:
            body = {"BatchItemResponse": [], "time": time_text(strike.now())}
            return Answer(200, encode(body)), [None] * len(items)
        call = replace(strike.call, body=encode({"BatchItemRequest": asked}))
        # Whatever else befalls the call is to know of these items only, or it would have the others done.
        subject = Subject(call, realm_id=strike.subject.realm_id, app=strike.subject.app)
        answer = await proceed(replace(strike, call=call, subject=subject))
        answered = list(answer_of(answer).get("BatchItemResponse", ()))
        if after_commit or not answered:
            return answer, answered
        for place in places:  # ascending, so that each finds its own
            answered.insert(place, None)
        return answer, answered

    def _concerns(self, item: Item) -> bool:
        entities = {name.lower() for name in item_entities(item)}
        wanted = {name.lower() for name in self.item_entities}
        return (not wanted or not wanted.isdisjoint(entities)) and (
            not self.item_operations or item_operation(item) in self.item_operations
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemFault(ItemMishap):
    """Items are refused by any documented fault: throttled ones (3001), to begin with."""

    after_commit: bool = False
    """Whether the service does what the items ask all the same."""
    code: str = "3001"
    message: str = ""
    detail: str = ""

    def __post_init__(self) -> None:
        super(ItemFault, self).__post_init__()
        require(f"the fault {self.code}", fault_rules(self.code, self.message))

    async def befall(self, strike: Strike, proceed: Proceed) -> Answer:
        places = self.chosen(strike)
        if not places:
            strike.spare()
            return await proceed(strike)
        fault = msgspec.json.decode(fault_object(fault_of(self.code, message=self.message, detail=self.detail)))
        answer, answered = await self.outcomes(strike, proceed, places, after_commit=self.after_commit)
        if not answered:  # the batch was refused as a whole
            strike.spare()
            return answer
        marks = [strike.subject.items[place].get("bId") for place in places]
        refused = iter([{"Fault": fault} | ({} if mark is None else {"bId": mark}) for mark in marks])
        if self.after_commit:
            answered = [next(refused) if item.get("bId") in marks else item for item in answered]
        else:
            answered = [next(refused) if item is None else item for item in answered]
        return _answered(answer, answered, strike)


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingItems(ItemMishap):
    """Items of which the answer does not say a word, whether they were done or not."""

    after_commit: bool = True

    async def befall(self, strike: Strike, proceed: Proceed) -> Answer:
        places = self.chosen(strike)
        if not places:
            strike.spare()
            return await proceed(strike)
        answer, answered = await self.outcomes(strike, proceed, places, after_commit=self.after_commit)
        marks = {str(strike.subject.items[place].get("bId")) for place in places}
        kept = [item for item in answered if item is not None and str(item.get("bId")) not in marks]
        return _answered(answer, kept, strike)


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemsWithoutBid(ItemMishap):
    """Items that are answered without their bId, so that nobody can tell whose the answer is."""

    async def befall(self, strike: Strike, proceed: Proceed) -> Answer:
        places = self.chosen(strike)
        if not places:
            strike.spare()
            return await proceed(strike)
        answer, answered = await self.outcomes(strike, proceed, places, after_commit=True)
        marks = {strike.subject.items[place].get("bId") for place in places}
        nameless = [{key: item[key] for key in item if key != "bId" or item["bId"] not in marks} for item in answered]
        if nameless == answered:
            strike.spare()
            return answer
        return _answered(answer, nameless, strike)


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowItems(GatewayTimeout):
    """Each item of a batch takes its time, one after the other: what is not done in two minutes ends with 504, 6002."""

    item_s: float = 5.0

    def __post_init__(self) -> None:
        require("the slow items", [("no duration is below 0", min(self.item_s, self.hold_s) >= 0)])

    async def befall(self, strike: Strike, proceed: Proceed) -> Answer:
        took_s = len(strike.subject.items) * self.item_s
        if took_s > self.hold_s:
            return await GatewayTimeout.befall(self, strike, proceed)
        if not took_s:
            strike.spare()
        await strike.wait(took_s)
        return await proceed(strike)


def _answered(answer: Answer, items: list[Doc], strike: Strike) -> Answer:
    body = answer_of(answer)
    if "BatchItemResponse" not in body:  # refused as a whole
        strike.spare()
        return answer
    return changed(answer, {**body, "BatchItemResponse": items}, strike, by=1)
