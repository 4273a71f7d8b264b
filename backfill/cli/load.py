"""`backfill load`: write rows into realms, see how that went, try again, take it back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backfill.cli import output
from backfill.cli.command import run_command
from backfill.cli.group import Group
from backfill.cli.options import ConfigOption, JsonOption, NoWaitOption
from backfill.cli.output import Exit

if TYPE_CHECKING:
    from backfill.cli.loading import Loading
    from backfill.config import Settings
    from backfill.jobs.load.options import Mode
    from backfill.load_model import LoadId
    from backfill.store.database import Database
    from backfill.store.ledger_status import LedgerStatus


class FileOrCommand(Group):
    """`load FILE` beside `load status`: what is no command's name is a file (a file of such a name: `./status`)."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in {"-h", "--help"}:
            args = ["file", *args]
        return list(super().parse_args(ctx, args))


app = typer.Typer(
    cls=FileOrCommand,
    no_args_is_help=True,
    help="Write rows into realms, each exactly once: `load FILE` (see `load file --help`), or one of the commands.",
)

ModeOption = Annotated[
    str | None, typer.Option("--mode", metavar="MODE", help="fastest, free (single writes, not billed) or batch.")
]
LoadArgument = Annotated[int | None, typer.Argument(metavar="[LOAD]", help="A load's number; none: all loads.")]


@app.command("file")
def file_(
    file: Annotated[str, typer.Argument(metavar="FILE", help="JSONL, or CSV with --mapping; `-` reads stdin.")] = "",
    query: Annotated[str, typer.Option("--query", metavar="SQL", help="Rows of a SELECT on the same database.")] = "",
    mapping: Annotated[
        Path | None, typer.Option("--mapping", metavar="FILE", help="TOML: how CSV columns become objects.")
    ] = None,
    realm: Annotated[str, typer.Option("--realm", metavar="REALM", help="For rows that name none.")] = "",
    entity: Annotated[str, typer.Option("--entity", metavar="ENTITY", help="For rows that name none.")] = "",
    operation: Annotated[str, typer.Option("--operation", metavar="OPERATION", help="For rows that name none.")] = "",
    mode: ModeOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything, and say what it would cost.")] = False,
    allow_duplicate_numbers: Annotated[
        bool, typer.Option("--allow-duplicate-numbers", help="Let QuickBooks take document numbers twice.")
    ] = False,
    no_wait: NoWaitOption = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Import rows into the ledger, and write what is not written yet. Give it again to go on where it stopped.

    Exit code 0: all written. 1: something is rejected, parked or unfinished. 2: wrong usage or file. 3: stopped.
    """

    async def work(settings: Settings) -> Exit:
        from backfill.cli.compose import open_store
        from backfill.cli.load_import import Source, import_rows, rehearse_import
        from backfill.cli.load_mapping import read_mapping
        from backfill.cli.loading import run_load
        from backfill.errors import UsageError
        from backfill.jobs.load.intake import Defaults

        if bool(file) == bool(query):
            raise UsageError("Give a FILE, or a query with --query, and not both.")
        source = Source(
            file=file,
            query=query,
            mapping=None if mapping is None else read_mapping(mapping),
            defaults=Defaults(realm_id=realm, entity=entity, operation=operation),
        )
        how = _mode(settings, mode)
        async with open_store(settings) as database:
            if dry_run:
                found = (await rehearse_import(database, source)).as_json(settings, how)
                _show(found, as_json=as_json)
                return Exit.UNPROVEN if found["missing_references"] else Exit.DONE
            imported = await import_rows(database, source)
            loading = await run_load(
                settings,
                database,
                loads=imported.loads,
                imported=imported,
                mode=how,
                allow_duplicate_numbers=allow_duplicate_numbers or settings.load.allow_duplicate_numbers,
                wait=not no_wait,
            )
        return _told(loading, as_json=as_json)

    run_command(work, config=config, as_json=as_json)


@app.command()
def status(load: LoadArgument = None, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show the loads, why rows were rejected, and what could not be excluded."""

    async def work(database: Database, _settings: Settings) -> Exit:
        from backfill.store.ledger_status import LedgerStatus

        ledger = LedgerStatus(database)
        chosen = None if load is None else await _chosen(ledger, load)
        found = {
            "loads": await ledger.loads(chosen, limit=50),
            "by_entity": [] if chosen is None else await ledger.detail(chosen),
            "reasons": await ledger.reasons(chosen),
            "audit": await ledger.audit(chosen),
        }
        if not found["loads"] and not as_json:
            output.text("Nothing was loaded yet. Begin: backfill load FILE")
            return Exit.DONE
        _show(found, as_json=as_json)
        return Exit.DONE

    _run(work, config=config, as_json=as_json)


@app.command()
def retry(
    load: LoadArgument = None,
    mode: ModeOption = None,
    no_wait: NoWaitOption = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send rejected rows again, and go on with what waits."""

    async def work(database: Database, settings: Settings) -> Exit:
        from backfill.cli.loading import required_loads, run_load
        from backfill.store.ledger_status import LedgerStatus

        ledger = LedgerStatus(database)
        chosen = None if load is None else await _chosen(ledger, load)
        again = await ledger.retry(chosen)
        loads = required_loads(await ledger.open_loads(chosen), "send again")
        output.say(f"{again:,} rejected rows are sent again.")
        loading = await run_load(
            settings,
            database,
            loads=loads,
            imported=None,
            mode=_mode(settings, mode),
            allow_duplicate_numbers=settings.load.allow_duplicate_numbers,
            wait=not no_wait,
        )
        return _told(loading, as_json=as_json)

    _run(work, config=config, as_json=as_json)


@app.command("export-rejected")
def export_rejected(
    file: Annotated[str, typer.Argument(metavar="FILE", help="JSON lines, as load reads them; `-` writes stdout.")],
    load: Annotated[int | None, typer.Option("--load", metavar="LOAD", help="Only of this load.")] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write rejected rows to FILE, to be corrected and loaded again; their faults go beside it, to FILE.faults."""

    async def work(database: Database, _settings: Settings) -> Exit:
        from backfill.cli.load_export import write_rejected
        from backfill.store.ledger_status import LedgerStatus

        ledger = LedgerStatus(database)
        chosen = None if load is None else await _chosen(ledger, load)
        count = await write_rejected(ledger.rejected(chosen), file)
        if as_json and file != "-":
            output.result({"rejected": count})
        else:
            output.say(f"{count:,} rejected rows.")
        return Exit.DONE

    _run(work, config=config, as_json=as_json)


@app.command()
def undo(
    load: Annotated[int, typer.Argument(metavar="LOAD", help="The number of the load.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what would be done, newest first.")] = False,
    mode: ModeOption = None,
    no_wait: NoWaitOption = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take back everything that a load did, the newest first: delete what it made, restore what it changed."""

    async def work(database: Database, settings: Settings) -> Exit:
        from backfill.cli.load_undo import list_reversals, undo_load
        from backfill.store.ledger_status import LedgerStatus

        chosen = await _chosen(LedgerStatus(database), load)
        if dry_run:
            _show({"undo": load, "reversals": await list_reversals(database, chosen)}, as_json=as_json)
            return Exit.DONE
        loading = await undo_load(settings, database, chosen, mode=_mode(settings, mode), wait=not no_wait)
        return _told(loading, as_json=as_json)

    _run(work, config=config, as_json=as_json)


def _run(work: Callable[[Database, Settings], Awaitable[Exit]], *, config: Path | None, as_json: bool) -> None:
    async def with_store(settings: Settings) -> Exit:
        from backfill.cli.compose import open_store

        async with open_store(settings) as database:
            return await work(database, settings)

    run_command(with_store, config=config, as_json=as_json)


async def _chosen(ledger: LedgerStatus, load: int) -> LoadId:
    """Raises `UsageError` for a load that is none."""
    from backfill.load_model import LoadId

    chosen = LoadId(load)
    await ledger.require(chosen)
    return chosen


def _mode(settings: Settings, mode: str | None) -> Mode:
    from backfill.errors import UsageError
    from backfill.jobs.load.options import Mode

    if mode is None:
        return settings.load.mode
    try:
        return Mode(mode)
    except ValueError:
        raise UsageError(f"There is no mode {mode!r}.", action=f"Give {', '.join(Mode)}.") from None


def _told(loading: Loading, *, as_json: bool) -> Exit:
    output.show(loading.as_json(), loading.in_words(), as_json=as_json)
    return loading.exit_code


def _show(found: object, *, as_json: bool) -> None:
    from backfill.cli.load_words import plain, words

    output.show(plain(found), words(found), as_json=as_json)
