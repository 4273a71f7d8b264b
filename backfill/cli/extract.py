"""`backfill extract`: read companies whole into Postgres, and prove it."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from backfill.cli import output
from backfill.cli.command import run_command
from backfill.cli.options import ConfigOption, EntityOption, JsonOption, NoWaitOption, RealmOption
from backfill.cli.output import Exit

if TYPE_CHECKING:
    from backfill.config import Settings


def extract(
    realm: RealmOption = None,
    entity: EntityOption = None,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="DATE", help="Only objects created or updated since: 2026-01-31, or with a time and zone."
        ),
    ] = None,
    plan: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A plan, of `backfill plan --json`, whose metered calls may not be passed."),
    ] = None,
    no_wait: NoWaitOption = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read every registered company whole into Postgres. Run it again to go on where it stopped.

    Exit code 0: all done and proven. 1: something is parked, quarantined or unproven. 2: wrong usage. 3: stopped.
    """

    async def work(settings: Settings) -> Exit:
        from backfill.cli.compose import now
        from backfill.cli.extraction import run_extraction
        from backfill.errors import UsageError

        begin = parse_moment("--since", since)
        if begin is not None and begin > now():
            raise UsageError(f"--since {since}: that is yet to come, and nothing can be new since.")
        extraction = await run_extraction(
            settings,
            realm_ids=realm or [],
            entities=entity or [],
            since=begin,
            wait=not no_wait,
            plan=plan,
        )
        output.show(extraction.as_json(), extraction.in_words(), as_json=as_json)
        return extraction.exit_code

    run_command(work, config=config, as_json=as_json)


def parse_moment(option: str, text: str | None) -> datetime | None:
    """A date (midnight UTC) or an ISO time with its zone; a clock's first moment for whatever is before it, when there
    was nothing to ask for, and from which one can still reckon back. Raises `UsageError`, which names the option."""
    from backfill.errors import UsageError

    if text is None:
        return None
    beginning = datetime.fromtimestamp(0, UTC)
    try:
        if len(text) == len("2026-01-31"):
            return max(datetime.combine(date.fromisoformat(text), time(), tzinfo=UTC), beginning)
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return max(moment.astimezone(UTC), beginning)
    except (ValueError, OverflowError):
        pass  # said below, as for a time without a zone
    raise UsageError(f"{option} {text}: give a date such as 2026-01-31, or a time such as 2026-01-31T08:00:00Z.")
