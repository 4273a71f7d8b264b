"""Groups of commands that start at the cost of the one that is asked for.

At each start typer makes every command with every option of each; and before it draws any help it loads what draws
Markdown and tracebacks, which were four tenths of the time of `backfill --help`.
"""

from __future__ import annotations

import inspect
from collections import UserDict
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption
from typer.main import get_group

from backfill.cli.output import Exit, stdout_bytes

Part = Callable[..., None] | typer.Typer
"""What a command is made of: its function; or, of a group, the commands in it."""


class Command(TyperCommand):
    """A command whose help may be cut short by who reads it."""

    def get_help(self, ctx: Any) -> str:
        """Print the help, and end."""
        return _shown(super().get_help, ctx)


class Group(TyperGroup):
    """A group whose help looks as typer's own, and is there sooner."""

    def lines(self) -> dict[str, str]:
        """What each command is for."""
        return {name: command.help or "" for name, command in self.commands.items()}

    def get_help(self, ctx: Any) -> str:
        """Print the help, and end."""
        return _shown(super().get_help, ctx)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help, and leave `formatter` empty, as typer does."""
        if self.rich_markup_mode is None:  # TYPER_USE_RICH=0 asks for a help without panels
            super().format_help(ctx, formatter)
            return
        from backfill.cli.group_help import print_help

        print_help(self, ctx, self.lines())

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command, its help in paragraphs that flow to the terminal's width: of all but the first typer keeps the
        line breaks, which are those of our source."""
        command = super().get_command(ctx, cmd_name)
        if command is not None and command.help:
            paragraphs = command.help.split("\n\n")
            command.help = "\n\n".join(paragraph.replace("\n", " ") for paragraph in paragraphs)
        return command

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Show the help where nothing is asked for. Typer does it by an error, and loads what draws errors."""
        if not args and not ctx.resilient_parsing:
            _shown(super().get_help, ctx, code=Exit.USAGE)
        return list(super().parse_args(ctx, args))

    def get_help_option(self, ctx: Any) -> TyperOption | None:
        """The option `--help`, which is off where it is not given.

        Typer leaves it None, and has pydantic look whether that is a bool. To load pydantic was a quarter of the time
        of `backfill extract --help`.
        """
        option = super().get_help_option(ctx)
        if option is not None:
            option.default = False
        return option


class CommandLine(Group):
    """The whole command line: each of its commands is made when it is looked up, and help looks none up."""

    def __init__(self, parts: Mapping[str, Part], **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = _MadeLate(parts)
        self._parts = parts

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """`--version` is what people try first."""
        return super().parse_args(ctx, ["version"] if args == ["--version"] else args)

    def lines(self) -> dict[str, str]:
        return {name: _help(part) for name, part in self._parts.items()}


class _MadeLate(UserDict[str, Any]):
    """Commands by their names, held as what they are made of."""

    def __getitem__(self, name: str) -> Any:
        part = self.data[name]
        app = typer.Typer(add_completion=False)
        if isinstance(part, typer.Typer):
            for command in part.registered_commands:
                command.cls = Command
            app.add_typer(part, name=name)
        else:
            app.command(name, cls=Command)(part)
        return get_group(app).commands[name]


def _shown(help_of: Callable[[Any], str], ctx: Any, *, code: Exit = Exit.DONE) -> str:
    """Print the help, which rich draws on stdout itself, and end with `code`.

    Raises `UnavailableError` where stdout takes no more. Rich ends with 1 where the reader has enough, which is well.
    """
    with stdout_bytes() as stdout, suppress(SystemExit):
        stdout.write(f"{help_of(ctx)}\n".encode())
    ctx.exit(code)
    raise AssertionError("the context has ended")


def _help(part: Part) -> str:
    return str(part.info.help) if isinstance(part, typer.Typer) else inspect.getdoc(part) or ""
