"""`backfill keys`: the keys that encrypt tokens at rest, and how an old one is left behind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from backfill.cli import output
from backfill.cli.command import run_command
from backfill.cli.group import Group
from backfill.cli.options import ConfigOption, JsonOption
from backfill.cli.output import Exit, counted

if TYPE_CHECKING:
    from backfill.config import Settings
    from backfill.store.database import Database
    from backfill.store.encryption import Keyring

app = typer.Typer(cls=Group, no_args_is_help=True, help="The keys that encrypt tokens in the database.")

OnlineOption = Annotated[
    bool, typer.Option("--online", help="Though commands are running: they all have the new key already.")
]


@app.command()
def rotate(online: OnlineOption = False, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Encrypt all tokens anew with the first key. May be interrupted at any time, and run again.

    Keys in a file: a new one is made and put in front. Keys in BACKFILL_ENCRYPTION_KEY: put the new one in front of the
    old, separated by a comma, and run this. Both are valid until `keys retire`.
    """

    async def work(settings: Settings) -> Exit:
        import msgspec

        from backfill.cli.compose import keyring, open_store
        from backfill.cli.ending import troubles_in_words
        from backfill.jobs.fleet import Trouble
        from backfill.model import RealmId
        from backfill.store.encryption import add_key
        from backfill.store.tokens import TokenVault, keys_used

        async with open_store(settings) as database:
            # Makes the file of a user who never had one, and says what is wrong with it.
            await keyring(settings, database)
            if not online:
                await _nobody_works(settings, database)
            if settings.encryption_key is None:
                with _alone(settings):
                    made = add_key(settings.key_file)
                if made:
                    output.say(f"Put a new key in front, in {settings.key_file}. Back it up apart from the database.")
            ring = await keyring(settings, database)
            changed, unread = await TokenVault(database, ring).rotate_keys()
            used = await keys_used(database)
        said = [f"The tokens of {counted(changed, 'realm')} were encrypted anew."]
        troubles = [Trouble(RealmId(it.realm_id), "", it.code, it.message, it.action) for it in unread]
        said += troubles_in_words(troubles, more="--json names all")
        errors = [msgspec.to_builtins(trouble) for trouble in troubles]
        _result(ring, used, {"changed": changed, "errors": errors}, "\n".join(said), as_json)
        return Exit.UNPROVEN if unread else Exit.DONE

    run_command(work, config=config, as_json=as_json)


@app.command("list")
def list_(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show the names of the keys given, and how many companies' tokens each encrypts. Never the keys."""

    async def work(settings: Settings) -> Exit:
        from backfill.cli.compose import keyring, open_store
        from backfill.store.tokens import keys_used

        async with open_store(settings) as database:
            ring = await keyring(settings, database)
            used = await keys_used(database)
        _result(ring, used, {}, "", as_json)
        return Exit.DONE if used.keys() <= set(ring.key_ids) else Exit.UNPROVEN

    run_command(work, config=config, as_json=as_json)


@app.command()
def retire(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Take the old keys out of the key file, once nothing is encrypted with them and no command is running."""

    async def work(settings: Settings) -> Exit:
        from backfill.cli.compose import keyring, open_store
        from backfill.errors import UsageError
        from backfill.store.encryption import keep_first_key
        from backfill.store.tokens import keys_used

        if settings.encryption_key is not None:
            raise UsageError(
                "The keys are in BACKFILL_ENCRYPTION_KEY.",
                action="See with `backfill keys list` that the old one is not used any more, then take it out there.",
            )
        async with open_store(settings) as database:
            await _nobody_works(settings, database)
            with _alone(settings):
                ring = await keyring(settings, database)
                used = await keys_used(database)
                if used.keys() & set(ring.key_ids[1:]):
                    raise UsageError("Some tokens are encrypted with an old key.", action="Run: backfill keys rotate")
                retired = keep_first_key(settings.key_file)
            ring = await keyring(settings, database)
        _result(ring, used, {"retired": retired}, f"Old keys taken out: {retired}.", as_json)
        return Exit.DONE

    run_command(work, config=config, as_json=as_json)


async def _nobody_works(settings: Settings, database: Database) -> None:
    """A command that was started with the old key alone could not read new tokens, nor others what it writes.

    A receiver of webhooks, for one, works on no company most of the time, and has the old key all the same.
    """
    from backfill.errors import UnavailableError
    from backfill.store.owners import Owner, owner_in_words
    from backfill.store.runs import Runs

    runs = Runs(database, owner=Owner.current(), silence_s=settings.postgres.lease_s)
    if working := await runs.at_work():
        kind, owner = working[0]
        raise UnavailableError(
            f"{counted(len(working), 'command is', 'commands are')} running: {kind}, by {owner_in_words(owner)}.",
            action="Wait until no command runs. Or give the new key to every command first, behind the old one, in"
            " BACKFILL_ENCRYPTION_KEY, start them anew, then put it in front and run: backfill keys rotate --online",
        )


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """One command at a time changes the key file. Raises `UnavailableError` if another does."""
    from backfill.errors import UnavailableError
    from backfill.store.server_files import FileLock

    lock = FileLock.taken(settings.key_file.with_name(f"{settings.key_file.name}.lock"))
    if lock is None:
        raise UnavailableError("Another command changes the keys just now.", action="Run this again later.")
    try:
        yield
    finally:
        lock.close()


def _result(ring: Keyring, used: dict[str, int], more: dict[str, object], said: str, as_json: bool) -> None:
    keys = {key_id: used.get(key_id, 0) for key_id in (*ring.key_ids, *sorted(used.keys() - set(ring.key_ids)))}
    if as_json:
        given = set(ring.key_ids)
        listed = [{"key_id": name, "realms": realms, "given": name in given} for name, realms in keys.items()]
        output.result({**more, "keys": listed})
        return
    lines = [said] if said else []
    for number, (key_id, realms) in enumerate(keys.items()):
        role = "encrypts" if number == 0 else "only decrypts" if key_id in ring.key_ids else "IS MISSING"
        lines.append(f"key {key_id}: {role}; {counted(realms, 'realm')} encrypted with it")
    output.text("\n".join(lines))
