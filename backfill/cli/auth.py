"""`backfill auth`: a company's consent, got without a product that asks for it, and given back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from backfill.cli import output
from backfill.cli.command import run_command
from backfill.cli.group import Group
from backfill.cli.options import ConfigOption, JsonOption
from backfill.cli.output import Exit

if TYPE_CHECKING:
    from backfill.config import Settings

app = typer.Typer(cls=Group, no_args_is_help=True, help="Connect a company by hand, or end that.")

REDIRECT_URI = "http://localhost:8767/callback"
"""Of an app's development keys, Intuit takes plain http to this machine; of its production keys, https only."""


@app.callback()
def auth() -> None:
    """Connect a company by hand, or end that."""


@app.command()
def login(
    redirect_uri: Annotated[
        str, typer.Option("--redirect-uri", metavar="URI", help="One that the app's settings at Intuit have.")
    ] = REDIRECT_URI,
    paste: Annotated[
        bool, typer.Option("--paste", help="The browser runs on another machine: paste the address it ends at.")
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask a company's administrator for consent in a browser, and register the company with the tokens that it gives.

    Where the redirect address is not this machine's own (production keys allow none), the answer is pasted.
    """

    async def work(settings: Settings) -> Exit:
        from backfill.cli.connecting import connect

        connected = await connect(settings, redirect_uri=redirect_uri, paste=paste)
        output.show(connected.as_json(), connected.in_words(), as_json=as_json)
        return Exit.DONE

    run_command(work, config=config, as_json=as_json)


@app.command()
def revoke(
    realm: Annotated[
        list[str], typer.Argument(metavar="REALM", help="The companies that are not to be read any more.")
    ],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give companies' consent back to Intuit: their tokens die there, and go here. Their data stay.

    They are parked until they are connected again. To delete their data, too: realms remove.

    Exit code 1: of some, Intuit could not be told, and nothing was changed.
    """

    async def work(settings: Settings) -> Exit:
        from backfill.cli.revoking import revoke_consents

        ended = await revoke_consents(settings, realm)
        output.show(ended.as_json(), ended.in_words(), as_json=as_json)
        return ended.exit_code

    run_command(work, config=config, as_json=as_json)
