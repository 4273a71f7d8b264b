"""Every mishap by its name. Each can be made without an argument."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from backfill.simulator.injection.batches import ItemFault, ItemsWithoutBid, MissingItems, SlowItems
from backfill.simulator.injection.behaviour import Behaviour
from backfill.simulator.injection.bodies import InvalidBody, TruncatedBody
from backfill.simulator.injection.mishap import Mishap
from backfill.simulator.injection.network import CutReply, Delay, LostReply, LostRequest, SlowReply
from backfill.simulator.injection.refusals import ApiFault, BareText, ErrorPage, GatewayTimeout, NoBody, TooManyRequests
from backfill.simulator.injection.reports import CutReport, WrongAmount
from backfill.simulator.injection.rows import (
    FlaggedDeleted,
    MissingAttributes,
    PoisonedRow,
    UnknownAttribute,
    Unordered,
)
from backfill.simulator.injection.sizes import AddressTooLong, AnswerTooLarge, BodyTooLarge, ListTooLong
from backfill.simulator.injection.tokens import Disconnect, RefreshRace, RefusedGrant
from backfill.simulator.injection.traffic import OtherTraffic

_KINDS: tuple[type[Mishap], ...] = (
    LostRequest, LostReply, CutReply, SlowReply, Delay,
    ApiFault, TooManyRequests, GatewayTimeout, ErrorPage, BareText, NoBody,
    TruncatedBody, InvalidBody, CutReport, WrongAmount,
    ItemFault, MissingItems, ItemsWithoutBid, SlowItems,
    PoisonedRow, FlaggedDeleted, MissingAttributes, UnknownAttribute, Unordered,
    BodyTooLarge, AddressTooLong, ListTooLong, AnswerTooLarge,
    RefusedGrant, RefreshRace, Disconnect,
    OtherTraffic, Behaviour,
)  # fmt: skip

MISHAPS: Mapping[str, type[Mishap]] = MappingProxyType({kind.kind(): kind for kind in _KINDS})
