"""`backfill demo`: a fleet of simulated companies, read into a real Postgres, with nothing to set up."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from backfill.cli import output
from backfill.cli.command import run_command
from backfill.cli.options import ConfigOption, JsonOption
from backfill.cli.output import Exit

if TYPE_CHECKING:
    from backfill.cli.extraction import Extraction
    from backfill.config import Settings

SEED = 2026
ROWS = "200:12000"
"""Small and middling companies, as in most fleets: large enough for many pages, small enough for half a minute."""
CHANGES_PER_MINUTE = 20
"""People go on working in every company while it is read; that nothing is lost all the same is the point."""

QUERIES = (
    """
      SELECT entity, count(*) AS realms, sum(counted) AS counted, sum(landed_live) AS landed, bool_and(proven) AS proven
      FROM backfill.proof GROUP BY entity ORDER BY landed DESC LIMIT 10""",
    """
      SELECT date_trunc('year', (doc->>'TxnDate')::date)::date AS year, count(*) AS invoices,
             sum((doc->>'TotalAmt')::numeric) AS invoiced
      FROM qbo.invoice WHERE deleted_at IS NULL GROUP BY 1 ORDER BY 1""",
    """
      SELECT realm_id, doc->>'DisplayName' AS customer, (doc->>'Balance')::numeric AS balance
      FROM qbo.customer WHERE deleted_at IS NULL ORDER BY balance DESC LIMIT 10""",
)


def demo(
    realms: Annotated[int, typer.Option(min=1, max=200, help="How many companies.")] = 12,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read a fleet of simulated QuickBooks companies into an embedded Postgres, and prove it. Needs no set-up."""

    async def work(settings: Settings) -> Exit:
        data_dir = settings.data_folder / "demo"
        with _alone(data_dir):
            extraction = await _demonstrate(settings, data_dir, realms)
        if as_json:
            output.result(extraction.as_json())
        else:
            output.text(extraction.in_words())
            output.text(_what_to_try(data_dir, extraction))
        return extraction.exit_code

    run_command(work, config=config, as_json=as_json)


async def _demonstrate(settings: Settings, data_dir: Path, realms: int) -> Extraction:
    """Start a simulator, import its realms into an empty database of the demo's own, and extract."""
    import tempfile

    from pydantic import SecretStr

    from backfill.cli.compose import keyring, now, open_store
    from backfill.cli.extraction import run_extraction
    from backfill.cli.realm_file import grants, read_realm_file
    from backfill.cli.simulator_process import fresh_key, simulator
    from backfill.store.realms import Realms
    from backfill.store.tokens import TokenVault

    with tempfile.TemporaryDirectory(prefix="backfill-demo-") as folder:
        credentials = Path(folder) / "realms.jsonl"
        output.say(f"Starting a simulated QuickBooks Online with {realms} companies ...")
        options = {"realms": realms, "seed": SEED, "rows": ROWS, "changes-per-minute": CHANGES_PER_MINUTE}
        async with simulator(credentials, options) as (base_url, _):
            settings = settings.model_copy(
                update={
                    "data_dir": data_dir,
                    "database_url": None,
                    "encryption_key": SecretStr(fresh_key()),
                    "limits_scale": 1.0,
                    "qbo": settings.qbo.model_copy(
                        update={"base_url": base_url, "oauth_token_url": f"{base_url}/oauth2/v1/tokens/bearer"}
                    ),
                }
            )
            output.say("Starting an embedded Postgres ...")
            # Each demo begins empty: its companies are made anew, and older data would be of others.
            async with open_store(settings, empty=True) as database:
                vault = TokenVault(database, await keyring(settings, database))
                await Realms(database).import_grants(grants(read_realm_file(str(credentials))), vault, granted_at=now())
                return await run_extraction(settings, realm_ids=(), entities=(), since=None, wait=True)


@contextmanager
def _alone(data_dir: Path) -> Iterator[None]:
    """One demo at a time, each empties the demo's database. Raises `UsageError` while another runs."""
    from backfill.errors import UnavailableError, UsageError
    from backfill.store.server_files import FileLock

    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = FileLock.taken(data_dir / "demo.lock")
    except OSError as error:
        raise UnavailableError(
            f"The data directory {data_dir} cannot be used: {error.strerror}.",
            action="Set BACKFILL_DATA_DIR to a folder that you may write to.",
        ) from error
    if lock is None:
        raise UsageError("Another demo is running.", action="Wait until it has ended.")
    try:
        yield
    finally:
        lock.close()


def _what_to_try(data_dir: Path, extraction: Extraction) -> str:
    program = Path(sys.argv[0])
    command = str(program) if program.name == "backfill" else f"{sys.executable} -m backfill"
    lines = [
        "",
        f"What was proven: for each of {len(extraction.fleet.proven)} companies and every entity, what is in Postgres",
        "equals the company as it stood at the entity's watermark, although people went on changing it meanwhile.",
        "",
        "Look at it (the database starts for the command and stops after it):",
        "",
        f"  export BACKFILL_DATA_DIR={data_dir}",
    ]
    lines += [f'\n  {command} sql "{query}"' for query in QUERIES]
    lines += ["", f"  {command} sql        # psql, to type in", f"  {command} status"]
    return "\n".join(lines)
