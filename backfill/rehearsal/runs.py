"""The numbers of a rehearsal's runs."""

from __future__ import annotations

from backfill.model import RunId

FIRST_RUN = RunId(1)
"""Of the command that is rehearsed, given again whenever it was killed or could not go on."""

RIVALS_RUN = RunId(2)
"""Of another process with the same command."""

AGAIN_RUN = RunId(3)
"""Of the same command, given once more when all is done."""

EARLIER_RUN = RunId(4)
"""Of what was read before the world began."""
