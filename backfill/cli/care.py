"""`backfill care`: what an idle fleet needs, once a day."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backfill.cli import output
from backfill.cli.command import run_command
from backfill.cli.options import ConfigOption, JsonOption, NoWaitOption, RealmOption
from backfill.cli.output import Exit

if TYPE_CHECKING:
    from backfill.config import Settings


def care(
    realm: RealmOption = None,
    no_wait: NoWaitOption = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Keep tokens alive, warn of those that end, and bring up to date what was proven more than 20 hours ago.

    For cron, daily. Exit code 0: all done and proven. 1: something is parked, unproven, or must be connected again.
    2: wrong usage. 3: stopped.
    """

    async def work(settings: Settings) -> Exit:
        from backfill.cli.caring import take_care

        cared = await take_care(settings, realm_ids=realm or [], wait=not no_wait)
        output.show(cared.as_json(), cared.in_words(), as_json=as_json)
        return cared.exit_code

    run_command(work, config=config, as_json=as_json)
