"""`backfill calls`: what was asked of Intuit and what it said, to look through and to hand to Intuit's support."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from backfill.cli import output
from backfill.cli.command import run_command
from backfill.cli.options import ConfigOption, JsonOption, RealmOption
from backfill.cli.output import Exit, counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from backfill.config import Settings
    from backfill.store.call_search import Call, Wanted

SHOWN = 50
"""A screenful."""
LIMIT_MAX = 1_000_000_000
"""More than a month's log ever has, and a number that the database can hold."""


def calls(
    realm: RealmOption = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="From this time on: 2026-01-31, or with a time and zone.")
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Before this time.")] = None,
    status: Annotated[
        str | None, typer.Option(metavar="STATUS", help="HTTP status: 429, 5xx, or none where no answer came.")
    ] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Only calls that did not go well.")] = False,
    fault: Annotated[
        str | None, typer.Option(metavar="CODE", help="Intuit's fault code without leading zeros, or a word: timeout.")
    ] = None,
    tid: Annotated[
        str | None, typer.Option(metavar="INTUIT_TID", help="The call of this id, which is Intuit's.")
    ] = None,
    entity: Annotated[
        str | None, typer.Option(metavar="ENTITY", help="Calls about this entity, within batches too.")
    ] = None,
    lane: Annotated[
        str | None, typer.Option(metavar="LANE", help="query, batch, cdc, report, write, or token.")
    ] = None,
    slow: Annotated[
        float | None, typer.Option(metavar="SECONDS", min=0, help="Calls that took at least this long.")
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(min=1, max=LIMIT_MAX, help=f"No more than this, the newest. {SHOWN} unless they are exported."),
    ] = None,
    export: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write them for Intuit's support, bodies included; `-` writes stdout."),
    ] = None,
    form: Annotated[Literal["csv", "jsonl"], typer.Option("--format", help="The form of the exported file.")] = "csv",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the newest calls to Intuit that are as you say, or export them in the form Intuit's support asks for."""

    async def work(settings: Settings) -> Exit:
        from contextlib import aclosing

        from msgspec import to_builtins

        from backfill.cli.call_export import export_calls
        from backfill.cli.compose import open_store
        from backfill.store.call_search import CallSearch

        wanted = wanted_calls(realm, since, until, status, failed, fault, tid, entity, lane, slow)
        async with open_store(settings) as database:
            search = CallSearch(database)
            if export is not None:
                async with aclosing(search.calls(wanted, limit=limit)) as found:
                    count = await export_calls(found, export, form, settings)
                if export == "-":
                    output.say(f"{counted(count, 'call')} written.")
                    return Exit.DONE
                words = f"{counted(count, 'call')} written to {export} (mode 0600: requests and answers are in it)."
                output.show({"exported": count, "file": export}, words, as_json=as_json)
                return Exit.DONE
            async with aclosing(search.calls(wanted, limit=limit or SHOWN)) as found:
                shown = [call async for call in found]
        output.show({"calls": to_builtins(shown)}, "\n".join(_words(shown)), as_json=as_json)
        return Exit.DONE

    run_command(work, config=config, as_json=as_json)


def wanted_calls(
    realm: Sequence[str] | None,
    since: str | None,
    until: str | None,
    status: str | None,
    failed: bool,
    fault: str | None,
    tid: str | None,
    entity: str | None,
    lane: str | None,
    slow: float | None,
) -> Wanted:
    """The options as a question to the store. Raises `UsageError`."""
    from backfill.cli.extract import parse_moment
    from backfill.errors import UsageError
    from backfill.model import RealmId
    from backfill.qbo.catalogue import entity as find_entity
    from backfill.store.call_search import Wanted
    from backfill.wire import Lane

    lanes = [*Lane, "token"]
    if lane is not None and lane not in lanes:
        raise UsageError(f"There is no lane {lane!r}.", action=f"Give one of {', '.join(lanes)}.")
    return Wanted(
        since=parse_moment("--since", since),
        until=parse_moment("--until", until),
        realm_ids=[RealmId(name) for name in realm] if realm else None,
        statuses=None if status in {None, "none"} else _statuses(status),
        unanswered=status == "none",
        failed=failed,
        code=None if fault is None else fault.lstrip("0") or "0",  # without any it would be what went well
        intuit_tid=tid,
        lane=lane,
        entity=None if entity is None else find_entity(entity).name,
        slower_than_s=slow,
    )


def _statuses(text: str | None) -> tuple[int, int]:
    from backfill.errors import UsageError

    text = (text or "").lower()
    if len(text) == 3 and text[0] in "12345" and text[1:] == "xx":
        return int(text[0]) * 100, int(text[0]) * 100 + 99
    if len(text) == 3 and text.isascii() and text.isdigit():
        return int(text), int(text)
    raise UsageError(f"--status {text}: give a status such as 429, a class such as 5xx, or none.")


def _words(shown: Sequence[Call]) -> Iterator[str]:
    if not shown:
        yield "There are no such calls in the log."
        return
    yield f"{'asked (UTC)':<23} {'realm':<20} {'lane':<6} {'status':>6} {'code':<10} {'ms':>7} {'bytes':>9}  intuit_tid"
    for call in shown:
        moment = f"{call.asked_at:%Y-%m-%d %H:%M:%S}.{call.asked_at.microsecond // 1000:03}"
        status = "-" if call.status is None else str(call.status)
        yield (
            f"{moment:<23} {call.realm_id:<20} {call.lane:<6} {status:>6} {call.code:<10}"
            f" {call.duration_s * 1000:>7.0f} {call.response_bytes:>9,}  {call.intuit_tid}"
        )
        again = f" (attempt {call.attempt})" if call.attempt > 1 else ""
        asked = " ".join(filter(None, (call.method, call.path, call.params)))
        yield f"    {asked if len(asked) <= 200 else f'{asked[:200]}...'}{again}"
