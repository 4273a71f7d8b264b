"""`backfill doctor`: whether all that a run needs is there, before it is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backfill.cli import output
from backfill.cli.command import run_command
from backfill.cli.options import ConfigOption, JsonOption
from backfill.cli.output import Exit

if TYPE_CHECKING:
    from backfill.config import Settings


def doctor(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Look at the database, the key, the companies, the app, and the way to Intuit. No company is asked anything.

    Exit code 0: all is well. 1: something is not, and what to do is said. 2: wrong configuration.
    """

    async def work(settings: Settings) -> Exit:
        from backfill.cli.checkup import checkup

        findings = await checkup(settings)
        words = "\n".join(finding.in_words() for finding in findings)
        output.show({"checks": [finding.as_json() for finding in findings]}, words, as_json=as_json)
        return Exit.DONE if all(finding.well for finding in findings) else Exit.UNPROVEN

    run_command(work, config=config, as_json=as_json)
