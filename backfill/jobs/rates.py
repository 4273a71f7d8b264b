"""Exchange rates: of the company's currencies, which are asked for in the same answer, so that none came in between.

Rates have no COUNT and no promised order. One short answer that is of the very currencies listed beside it is whole;
what is larger is read by offset until a whole pass brings nothing new.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Annotated

import msgspec

from backfill.errors import RequestError, UnprovenError
from backfill.jobs import proofs
from backfill.jobs.offered import answer_or_proof
from backfill.jobs.whole_answer import all_of
from backfill.jobs.work import OF_THE_REALM, RealmWork
from backfill.model import Landed, Proof
from backfill.qbo import query
from backfill.qbo.answers import Page
from backfill.qbo.catalogue import CATALOGUE, Entity
from backfill.qbo.query import PAGE_ROWS_MAX

RATE_PASSES_MAX = 3
"""Rates of the past do not change: a second pass finds nothing new, a third forgives a day that began meanwhile."""

RATE_LOOKS_MAX = 4
"""To learn the currencies, to learn that a day must be named, to look, and once more for a currency that came."""

CURRENCIES_MAX = 90
RATES_MAX = 900
"""Rows of the two that one answer is asked for. It holds 1000 objects; no company has ninety currencies."""

RATES_OF_THE_DAY = "rates of the day"
"""How rates are proven where the server wants a day to be named: those of other days are not asked for."""

CURRENCIES = CATALOGUE["CompanyCurrency"]

EVERY_CURRENCY = all_of(CURRENCIES, None, max_results=CURRENCIES_MAX)
"""The statement that lists them."""


class _Currency(msgspec.Struct):
    Code: Annotated[str, msgspec.Meta(min_length=1)]


_CURRENCY = msgspec.json.Decoder(_Currency)


@dataclass(frozen=True, slots=True)
class RatesLook:
    """What one look told: the proof, or what to do differently the next time."""

    codes: Sequence[str] | None = None
    """The currencies to ask for; None: not known yet, or not to be read."""
    as_of: date | None = None
    """The day to name, where the server refuses to answer for all days."""
    full: bool = False
    """There are more rates than one answer was asked for."""
    proof: Proof | None = None


def codes_of(currencies: Page) -> Sequence[str]:
    """The three-letter codes, sorted. Raises `UnprovenError` if one cannot be read: nobody would miss its rates."""
    if currencies.refusals:
        raise _unknown(currencies.refusals[0].message)
    try:
        return sorted(_CURRENCY.decode(record.doc).Code for record in currencies.records)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _unknown(str(error)) from error


def _unknown(why: str) -> UnprovenError:
    return UnprovenError(
        f"a currency of the company cannot be read ({why}), and so it is not known which rates there are",
        action="Run the same command again; if it stays so, look at the company's currencies in QuickBooks.",
    )


def none_of(entity: Entity, at: datetime) -> Proof:
    """The company has no foreign currency, as of `at`, so it has no rates."""
    return proofs.nothing(entity, "no foreign currency", at)


def after_currencies(entity: Entity, currencies: Page) -> RatesLook:
    """What is known once the currencies are; nothing where one of them cannot be read."""
    try:
        codes = codes_of(currencies)
    except UnprovenError:
        return RatesLook()
    return RatesLook(codes, proof=None if codes else none_of(entity, currencies.server_time))


def statements(entity: Entity, look: RatesLook) -> list[str]:
    """The currencies, and the rates of those known: for one batch, so that both are of one moment."""
    asked = [EVERY_CURRENCY]
    if look.codes:
        asked.append(query.rates(entity, currencies=look.codes, as_of=look.as_of, max_results=RATES_MAX))
    return asked


async def looked(
    work: RealmWork, entity: Entity, before: RatesLook, answers: Sequence[Page | RequestError]
) -> RatesLook:
    """What the answers to `statements` of `before` say; rates that came whole are landed. Raises an item's fault."""
    listed = answers[0]
    if isinstance(listed, RequestError):
        raise listed
    after = after_currencies(entity, listed)
    if after.proof is not None or len(answers) == 1:
        return replace(after, as_of=before.as_of)
    codes = after.codes
    rates = answers[1]
    if isinstance(rates, RequestError):
        if rates.disposition in OF_THE_REALM or before.as_of is not None:
            raise rates
        # Any other may be how the server says that it wants a date, which is not documented.
        return RatesLook(codes, listed.server_time.date())
    if codes != before.codes or rates.server_time != listed.server_time or listed.received >= CURRENCIES_MAX:
        return RatesLook(codes, before.as_of)
    if rates.received >= RATES_MAX:
        return RatesLook(codes, before.as_of, full=True)
    done = await work.land(entity, rates.records, refusals=rates.refusals, as_of=rates.server_time)
    met = {record.id for record in rates.records}  # a rate that is said twice is one rate
    proof = _proof(entity, before, len(met), _by_the_store(done, rates), done.quarantined, rates.server_time)
    return RatesLook(codes, before.as_of, proof=proof)


async def read_rates(work: RealmWork, entity: Entity, look: RatesLook) -> Proof:
    """The exchange rates: all that the server has, or where it wants a date, those of the day. Goes on from `look`."""
    try:
        return await answer_or_proof(work, entity, lambda: _all_rates(work, entity, look))
    except UnprovenError as error:
        return proofs.refused(entity, error.message)


async def _all_rates(work: RealmWork, entity: Entity, look: RatesLook) -> Proof:
    for _ in range(RATE_LOOKS_MAX):
        if look.proof is not None:
            return look.proof
        if look.full:
            break
        work.check_stop()
        async with work.room_for(entity, RATES_MAX):
            look = await _look(work, entity, look)
    if look.proof is not None:
        return look.proof
    if look.codes is None:
        raise _unknown(f"asked for {RATE_LOOKS_MAX} times")
    return await _by_pages(work, entity, look)


async def _look(work: RealmWork, entity: Entity, before: RatesLook) -> RatesLook:
    """A function of its own, so that the answer's rows are gone when their room is."""
    answers = await work.ask.many(statements(entity, before))
    return await looked(work, entity, before, answers.items)


async def _by_pages(work: RealmWork, entity: Entity, look: RatesLook) -> Proof:
    """Page after page, and all of them again until a pass brings nothing new, of currencies that stayed the same."""
    assert look.codes, "without a currency there is nothing to page through"
    codes = look.codes
    if len(codes) >= CURRENCIES_MAX:  # the list beside the rates was cut
        codes = codes_of(await work.ask.page(CURRENCIES, all_of(CURRENCIES, None)))
    met: set[str] = set()
    settled = False
    refused = aside = 0
    watermark: datetime | None = None
    for _ in range(RATE_PASSES_MAX):
        before = len(met)
        start, full = 1, True
        refused = aside = 0
        while full:
            work.check_stop()
            statement = query.rates(entity, currencies=codes, as_of=look.as_of, start_position=start)
            async with work.room_for(entity, PAGE_ROWS_MAX):
                page = await work.ask.page(entity, statement)
                done = await work.land(entity, page.records, refusals=page.refusals, as_of=page.server_time)
            full = page.received >= PAGE_ROWS_MAX
            start += page.received
            met.update(record.id for record in page.records)
            refused += _by_the_store(done, page)
            aside += done.quarantined
            watermark = page.server_time
            del page  # or its rows would be held beside the next page's, which alone has room
        # One short answer is whole by itself; several may have shifted against one another.
        settled = len(met) == before or start <= PAGE_ROWS_MAX
        if settled:
            break
    reason = "" if settled else f"each of {RATE_PASSES_MAX} passes brought rates that the one before had not"
    listed = await work.ask.page(CURRENCIES, all_of(CURRENCIES, None))
    if codes_of(listed) != codes:
        reason = "the company's currencies changed while their rates were read"
    return _proof(entity, look, len(met), refused, aside, watermark, reason=reason)


def _by_the_store(done: Landed, page: Page) -> int:
    """Rates that could be read and were then refused by the database: they are set aside, and are not landed."""
    return done.quarantined - len(page.refusals)


def _proof(
    entity: Entity,
    look: RatesLook,
    met: int,
    refused: int,
    aside: int,
    watermark: datetime | None,
    *,
    reason: str = "",
) -> Proof:
    return Proof(
        entity=entity.name,
        proven=not reason,
        method="rates of all days" if look.as_of is None else RATES_OF_THE_DAY,
        counted=None,
        landed_live=met - refused,
        quarantined=aside,
        watermark=watermark,
        reason=reason,
    )
