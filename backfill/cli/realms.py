"""`backfill realms`: which companies there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from backfill.cli import output
from backfill.cli.command import run_command
from backfill.cli.group import Group
from backfill.cli.options import ConfigOption, JsonOption, NoWaitOption
from backfill.cli.output import Exit, counted

if TYPE_CHECKING:
    from backfill.config import Settings

app = typer.Typer(cls=Group, no_args_is_help=True, help="Register companies and see which there are.")


@app.command("import")
def import_(
    file: Annotated[str, typer.Argument(metavar="FILE", help="CSV or JSONL; `-` reads stdin.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Register companies from FILE: realm_id, refresh_token, and optionally access_token, name, weight.

    A company that is known gets the new tokens and is no longer parked; its data stay. A token that was imported before
    has been replaced by Intuit since, so it is not taken again: a file may be imported anew whenever companies come.
    """
    from backfill.cli.realm_file import grants, read_realm_file

    async def work(settings: Settings) -> Exit:
        rows = read_realm_file(file)
        from backfill.cli.compose import keyring, now, open_store
        from backfill.store.realms import Realms
        from backfill.store.tokens import TokenVault

        async with open_store(settings) as database:
            vault = TokenVault(database, await keyring(settings, database))
            imported = await Realms(database).import_grants(grants(rows), vault, granted_at=now())
        found: dict[str, object] = {
            "total": len(rows),
            "added": imported.added,
            "updated": imported.updated,
            "kept": imported.kept,
        }
        words = f"{counted(imported.added, 'realm')} added, {imported.updated} updated."
        if imported.kept:
            words += f" Tokens that were imported before, and are kept as they are by now: {imported.kept}."
        if imported.ended:
            found["ended"] = list(imported.ended)
            words += (
                f"\nThe consent of {counted(len(imported.ended), 'realm')} was revoked since (realm {imported.ended[0]}"
                f"{', ...' if len(imported.ended) > 1 else ''}): it takes a new token, connected again."
            )
        if imported.unreadable:
            found["unreadable"] = list(imported.unreadable)
            words += (
                f"\nOf these the keys given cannot decrypt {len(imported.unreadable)} (realm {imported.unreadable[0]}"
                f"{', ...' if len(imported.unreadable) > 1 else ''}). Give the key that encrypted them, or import new"
                " tokens of these companies, connected again. See which keys there are: backfill keys list"
            )
        output.show({"realms": found}, words, as_json=as_json)
        return Exit.UNPROVEN if imported.unreadable else Exit.DONE

    run_command(work, config=config, as_json=as_json)


@app.command()
def arm(
    realm: Annotated[str, typer.Argument(metavar="REALM", help="The realm that may be written into.")],
    disarm: Annotated[bool, typer.Option("--disarm", help="Forbid it again.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Allow writing into a production company. Without this, load refuses."""

    async def work(settings: Settings) -> Exit:
        from backfill.cli.compose import open_store
        from backfill.model import RealmId
        from backfill.store.realms import Realms

        async with open_store(settings) as database:
            await Realms(database).arm(RealmId(realm), armed=not disarm)
        words = f"Realm {realm} {'may not be written into any more' if disarm else 'may be written into'}."
        output.show({"realm_id": realm, "armed": not disarm}, words, as_json=as_json)
        return Exit.DONE

    run_command(work, config=config, as_json=as_json)


@app.command()
def unpark(
    realm: Annotated[list[str] | None, typer.Argument(metavar="REALM", help="The realms; none with --fault.")] = None,
    fault: Annotated[
        str | None, typer.Option(metavar="CODE", help="All that were parked for this fault, or only those of REALM.")
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take companies back that are parked, with the tokens they have, once what they waited for was done.

    One that must be connected again needs its new token instead: realms import.
    """

    async def work(settings: Settings) -> Exit:
        from backfill.cli.chosen_realms import select_realms
        from backfill.cli.compose import open_store
        from backfill.errors import UsageError
        from backfill.store.realms import Realms

        if not realm and fault is None:
            raise UsageError("Which realms?", action="Give their ids, or --fault CODE for all that it parked.")
        async with open_store(settings) as database:
            stored = Realms(database)
            chosen = [each.realm_id for each in select_realms(await stored.list(), realm or [])]
            back = await stored.unpark(chosen, code=fault)
        words = f"{counted(len(back), 'realm')} {'is' if len(back) == 1 else 'are'} not parked any more."
        if not back:
            words = f"No such realm is parked{'' if fault is None else f' for {fault}'}: backfill realms list"
        output.show({"unparked": list(back)}, words, as_json=as_json)
        return Exit.DONE

    run_command(work, config=config, as_json=as_json)


@app.command()
def remove(
    realm: Annotated[list[str], typer.Argument(metavar="REALM", help="The companies that leave.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say how many rows of what would go.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for each company's id to be typed.")] = False,
    keep_consent: Annotated[
        bool, typer.Option("--keep-consent", help="Do not tell Intuit: the customer ends the consent in QuickBooks.")
    ] = False,
    no_wait: NoWaitOption = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Forget companies: end their consent at Intuit, and delete all that the database has of them.

    What stays is the month's count of metered calls, which is the app's, and the run that says that they were removed.

    Exit code 1: some could not be removed, and why. 3: stopped. The same command goes on from there.
    """

    async def work(settings: Settings) -> Exit:
        from backfill.cli.removing import count_rows, remove_realms

        if dry_run:
            counted_rows = await count_rows(settings, realm)
            output.show(counted_rows.as_json(), counted_rows.in_words(), as_json=as_json)
            return Exit.DONE
        removed = await remove_realms(settings, realm, yes=yes, keep_consent=keep_consent, wait=not no_wait)
        output.show(removed.as_json(), removed.in_words(), as_json=as_json)
        return removed.exit_code

    run_command(work, config=config, as_json=as_json)


@app.command("list")
def list_(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show the registered companies, when their tokens end, and what each that is parked waits for."""

    async def work(settings: Settings) -> Exit:
        from msgspec import to_builtins

        from backfill.cli.compose import now, open_store
        from backfill.qbo.expiries import TokenDates, expiry
        from backfill.store.realms import Realms

        async with open_store(settings) as database:
            realms = await Realms(database).list()
            dates = [TokenDates(**row) for row in await Realms(database).token_dates()]
        ends = {each.realm_id: expiry(each, now()) for each in dates}
        if as_json:
            tokens = {realm_id: to_builtins(end) for realm_id, end in ends.items()}
            output.result(
                {"realms": [{**to_builtins(realm), "tokens": tokens.get(realm.realm_id)} for realm in realms]}
            )
        elif not realms:
            output.text("No realms are registered. Import some: backfill realms import FILE")
        else:
            output.text(f"{'realm':<22} {'state':<8} {'unused':<10} {'consent':<10}  name (tokens last until, at most)")
            for realm in realms:
                end = ends.get(realm.realm_id)
                until = "no tokens" if end is None else f"{end.unused_until:%Y-%m-%d} {end.consent_until:%Y-%m-%d}"
                output.text(f"{realm.realm_id:<22} {realm.state:<8} {until:<21}  {realm.name}")
                if end is not None and end.message:
                    output.text(f"    Its tokens: {end.message}.\n    What to do: {end.action}")
                if realm.parked_reason:
                    output.text(f"    {realm.parked_reason}\n    What to do: {realm.parked_action}")
        return Exit.DONE

    run_command(work, config=config, as_json=as_json)
