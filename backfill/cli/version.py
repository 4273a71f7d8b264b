"""`backfill version`: which program this is, for a report or a script."""

from __future__ import annotations

from backfill.cli import output
from backfill.cli.options import JsonOption


def version(as_json: JsonOption = False) -> None:
    """Say which version this is; also as --version."""
    import platform

    from backfill import version as own_version

    found = {"backfill": own_version(), "python": platform.python_version()}
    output.show(found, f"backfill {found['backfill']} (Python {found['python']})", as_json=as_json)
