"""Options that every command takes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ConfigOption = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="Settings in TOML; the environment overrides them.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="The result as one JSON object on stdout.")]
RealmOption = Annotated[
    list[str] | None, typer.Option("--realm", metavar="REALM", help="Only this realm; may be repeated.")
]
EntityOption = Annotated[
    list[str] | None, typer.Option("--entity", metavar="ENTITY", help="Only this entity; may be repeated.")
]
NoWaitOption = Annotated[
    bool, typer.Option("--no-wait", help="Leave out realms that another process works on, instead of waiting.")
]
