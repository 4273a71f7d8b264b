"""`backfill status`: how far every company is, and what was proven."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from backfill.cli import output
from backfill.cli.command import run_command
from backfill.cli.options import ConfigOption, JsonOption
from backfill.cli.output import Exit, counted

if TYPE_CHECKING:
    from backfill.config import Settings
    from backfill.model import Realm
    from backfill.qbo.expiries import Expiry
    from backfill.store.metered import MeteredRow
    from backfill.store.runs import RunStatus
    from backfill.store.status import ProofRow, QuarantineRow, RealmProgress, RunRow

RUNS_SHOWN = 5
MONTHS_SHOWN = 12
"""A year of one app, or a month of twelve."""
REALMS_SHOWN = 50
"""A screenful; the JSON has them all."""


def status(
    realm: Annotated[
        str | None, typer.Option("--realm", metavar="REALM", help="Every entity of this company, with its proof.")
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the last runs and the companies of the newest that had any; with --realm, its proofs and rows set aside."""

    async def work(settings: Settings) -> Exit:
        from msgspec import to_builtins

        from backfill.cli.chosen_realms import select_realms
        from backfill.cli.compose import now, open_store
        from backfill.qbo.expiries import TokenDates, expiry
        from backfill.store.metered import MeteredCounts
        from backfill.store.realms import Realms
        from backfill.store.status import Status

        async with open_store(settings) as database:
            stored = Status(database)
            if realm is not None:
                (chosen,) = select_realms(await Realms(database).list(), [realm])
                proofs = await stored.proofs(chosen.realm_id)
                quarantine = await stored.quarantine(chosen.realm_id)
                shown: dict[str, object] = {"realm_id": chosen.realm_id, "proofs": proofs, "quarantine": quarantine}
                words = _realm_words(chosen.realm_id, proofs, quarantine)
            else:
                runs = await stored.runs(limit=RUNS_SHOWN, silence_s=settings.postgres.lease_s)
                newest = next((run for run in runs if run.realms), None)
                progress = [] if newest is None else await stored.progress(newest.run_id, of_run=_fares(newest))
                realms = await Realms(database).list()
                months = await MeteredCounts(database).months(limit=MONTHS_SHOWN)
                ends = [expiry(TokenDates(**row), now()) for row in await Realms(database).token_dates()]
                ending = sorted((end for end in ends if end.message), key=lambda end: (end.urgency, end.realm_id))
                shown = {
                    "runs": [_run_fields(run) for run in runs],
                    "realms": progress,
                    "parked": _parked(realms),
                    "metered": months,
                    "tokens_ending": ending,
                }
                words = itertools.chain(
                    _run_words(runs, newest, progress),
                    _parked_words(realms),
                    _metered_words(months, settings),
                    _ending(ending),
                )
        output.show(to_builtins(shown), "\n".join(words), as_json=as_json)
        return Exit.DONE

    run_command(work, config=config, as_json=as_json)


def _fares(run: RunRow) -> RunStatus:
    """How the run's realms fare: others may be at them though its own process is gone."""
    from backfill.store.runs import RunStatus

    return RunStatus.RUNNING if run.helpers else run.status


def _run_fields(run: RunRow) -> dict[str, object]:
    import msgspec

    fields = msgspec.structs.asdict(run)
    return {
        **fields,
        "scope": msgspec.json.decode(run.scope),
        "summary": None if run.summary is None else msgspec.json.decode(run.summary),
    }


def _run_words(runs: Sequence[RunRow], newest: RunRow | None, progress: Sequence[RealmProgress]) -> Iterator[str]:
    if not runs:
        yield "Nothing was run yet. Begin: backfill extract"
        return
    yield "Runs, newest first:"
    for run in runs:
        yield (
            f"  {run.run_id:>5}  {run.kind:<8}  {run.status:<11}  begun {run.started_at:%Y-%m-%d %H:%M} UTC"
            + (f"  {run.realms_done} of {run.realms} realms done" if run.realms else "")
            + (f", {run.realms_parked} parked" if run.realms_parked else "")
            + (f", with {counted(run.helpers, 'worker')}" if run.helpers else "")
        )
    if newest is None:
        return
    troubles = _troubles(newest)
    yield ""
    yield f"Realms of run {newest.run_id}:"
    if "" in troubles:
        yield f"  {troubles['']}"
    # Of thousands those that are shown have to be those that somebody must look at.
    for part in sorted(progress, key=lambda part: _is_well(part, troubles))[:REALMS_SHOWN]:
        read = f"{part.rows_read:,} of {part.counted:,} rows read" if part.counted or part.rows_read else ""
        held = part.rows_held or (part.counted if part.state == "done" else 0)  # done: all that was counted is held
        rows = f"{held:,} rows" if held else read
        proven = f"{part.entities_proven} entities proven" if part.entities_proven else ""
        unproven = f"{part.entities_unproven} unproven" if part.entities_unproven else ""
        aside = f"{part.quarantined} rows quarantined" if part.quarantined else ""
        yield f"  {part.realm_id:<20}  {part.state:<11} " + ", ".join(filter(None, (rows, proven, unproven, aside)))
        if part.parked_message:
            yield f"      {part.parked_message}\n      What to do: {part.parked_action}"
        elif _is_left(part, troubles):
            yield f"      {troubles[part.realm_id]}"
    if len(progress) > REALMS_SHOWN:
        yield f"  and {len(progress) - REALMS_SHOWN} more: backfill status --json"


def _troubles(run: RunRow) -> dict[str, str]:
    """What stopped a realm for the rest of the run, or under an empty realm the run itself, and what to do.

    A run that was gone on with still has what it said when it was stopped before: that is no news.
    """
    import msgspec

    if run.summary is None or run.status not in {"stopped", "incomplete"}:
        return {}
    errors = msgspec.json.decode(run.summary).get("errors", ())
    return {
        trouble["realm_id"]: f"{trouble['message']}\n      What to do: {trouble['action']}"
        for trouble in errors
        if not trouble["entity"]
    }


def _parked(realms: Sequence[Realm]) -> dict[str, int]:
    """For which faults how many companies are parked, whichever run found it."""
    return dict(Counter(realm.parked_code for realm in realms if realm.state == "parked").most_common())


def _parked_words(realms: Sequence[Realm]) -> Iterator[str]:
    parked = _parked(realms)
    if parked:
        yield ""
        of_all = f"Parked, of {counted(len(realms), 'realm')}: {sum(parked.values()):,}"
        yield f"{of_all}. What each waits for: backfill realms list"
        yield from (f"  {code}: {number:,}" for code, number in parked.items())


def _is_well(part: RealmProgress, troubles: Mapping[str, str]) -> bool:
    return not (part.parked_message or part.entities_unproven or part.quarantined or _is_left(part, troubles))


def _is_left(part: RealmProgress, troubles: Mapping[str, str]) -> bool:
    """The run ended without it. Of one that was parked the realm itself says what it waits for, if it still does."""
    return part.realm_id in troubles and part.state != "parked"


def _metered_words(months: Sequence[MeteredRow], settings: Settings) -> Iterator[str]:
    """What the newest month used up, in both readings: Intuit's portal shows which of them it bills."""
    if not months:
        return
    yield ""
    yield f"Metered calls of {months[0].month:%B %Y}:"
    cap = settings.metered.monthly_cap
    for row in months:
        if row.month == months[0].month:
            used = row.items if settings.metered.counted_as == "items" else row.calls
            capped = f"; {used:,} of the cap of {cap:,}" if cap is not None else ""
            yield f"  app {row.app or '(none)'}: {row.calls:,} calls, {row.items:,} with batches as their items{capped}"


def _ending(ending: Sequence[Expiry]) -> Iterator[str]:
    """The companies that will be lost unless somebody does something."""
    if ending:
        yield ""
        yield "Tokens that end soon, or have ended:"
    for end in ending[:REALMS_SHOWN]:
        yield f"  {end.realm_id:<20}  {end.message}\n      What to do: {end.action}"
    if len(ending) > REALMS_SHOWN:
        yield f"  and {len(ending) - REALMS_SHOWN} more: backfill status --json"


def _realm_words(realm_id: str, proofs: Sequence[ProofRow], quarantine: Sequence[QuarantineRow]) -> Iterator[str]:
    if not proofs:
        yield f"Nothing of realm {realm_id} is proven yet. Begin: backfill extract --realm {realm_id}"
        return
    yield f"Realm {realm_id}, as of each entity's watermark:"
    yield f"  {'entity':<22} {'proven':<7} {'counted':>9} {'landed':>9} {'aside':>6}  {'watermark (UTC)':<20} method"
    for row in proofs:
        proof = row.proof
        counted = "" if proof.counted is None else f"{proof.counted:,}"
        watermark = f"{proof.watermark:%Y-%m-%d %H:%M:%S}" if proof.watermark else ""
        yield (
            f"  {proof.entity:<22} {'yes' if proof.proven else 'NO':<7} {counted:>9} {proof.landed_live:>9,}"
            f" {proof.quarantined:>6}  {watermark:<20} {proof.method}"
        )
        if proof.reason:
            yield f"      {proof.reason}"
    for aside in quarantine:
        yield f"  set aside: {aside.entity} {aside.id}: {aside.message} ({aside.code})"
