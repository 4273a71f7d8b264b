"""How a group's help looks: as typer draws it, of rich's own parts.

To draw any help typer loads Markdown, tracebacks and the colours of source code as well, which takes longer than all
that draws. A test holds the two against each other to the byte.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.highlighter import RegexHighlighter
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text
from rich.theme import Theme
from typer.core import TyperGroup, TyperOption

THEME = Theme({"option": "bold cyan", "switch": "bold green", "types": "bold yellow", "usage": "yellow"})
COLOURED_BY = ("GITHUB_ACTIONS", "FORCE_COLOR", "PY_COLORS")
"""Variables that ask for colours where there is no terminal: typer's, for the help of a command is drawn by it."""


class Words(RegexHighlighter):
    """What stands out in any text."""

    highlights = (
        r"(^|\W)(?P<switch>\-\w+)(?![a-zA-Z0-9])",
        r"(^|\W)(?P<option>\-\-[\w\-]+)(?![a-zA-Z0-9])",
        r"(?P<types>\<[^\>]+\>)",
        r"(?P<usage>Usage: )",
    )


highlighted = Words()


def print_help(group: TyperGroup, ctx: Any, commands: Mapping[str, str]) -> None:
    """Print how to use the group, what it is for (one paragraph), its one option, and what each command is for."""
    width = os.environ.get("TERMINAL_WIDTH")
    console = Console(
        theme=THEME,
        width=int(width) if width else None,
        force_terminal=any(map(os.environ.get, COLOURED_BY)) or None,
    )
    console.print(Padding(highlighted(group.get_usage(ctx)), 1), style="bold")
    console.print(Padding(highlighted(group.help or ""), (0, 1, 1, 1)))
    option = group.get_help_option(ctx)
    if option is not None:
        console.print(_panel("Options", _option(option, option.display_type(ctx))))
    console.print(_panel("Commands", _commands(commands)))


def _option(option: TyperOption, type_name: str) -> Table:
    table = _table()
    long = [name for name in option.opts if name.startswith("--")]
    short = [name for name in option.opts if name not in long]
    shown_type = Text.assemble(("<", "dim"), type_name[1:-1], (">", "dim"), style="bold yellow")
    # The two empty columns are those of options that can be turned off.
    table.add_row(highlighted(",".join(long)), highlighted(",".join(short)), "", "", shown_type, option.help or "")
    table.columns[-1].ratio = 1
    return table


def _commands(commands: Mapping[str, str]) -> Table:
    table = _table()
    table.add_column(style="bold cyan", no_wrap=True, width=max(map(len, commands)))
    table.add_column(ratio=1)
    for name, about in commands.items():
        table.add_row(name, highlighted(about.partition("\n\n")[0]))
    return table


def _table() -> Table:
    return Table(box=None, show_header=False, pad_edge=False, expand=True)


def _panel(title: str, table: Table) -> Panel:
    return Panel(table, title=Text(title), title_align="left", border_style="dim")
