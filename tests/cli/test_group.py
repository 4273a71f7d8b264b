"""A group's help is typer's own to the byte, and a command is made for whoever asks for it alone."""

from __future__ import annotations

import platform
from typing import Any

import pytest
import typer
from typer.core import TyperGroup

from backfill import version
from backfill.cli import app, group
from backfill.cli.group import Command, CommandLine, Group

GROUPS = {"": app, **{name: each for name, each in app.commands.items() if isinstance(each, TyperGroup)}}


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the commands that are made from now on."""
    names: list[str] = []

    def watched(app: typer.Typer) -> Any:
        commands = get_group(app).commands
        names.extend(commands)
        return get_group(app)

    get_group = group.get_group
    monkeypatch.setattr(group, "get_group", watched)
    return names


@pytest.mark.parametrize("columns", ["40", "80", "120"])
@pytest.mark.parametrize("coloured", [False, True], ids=["plain", "coloured"])
@pytest.mark.parametrize("name", GROUPS)
def test_the_help_is_as_typer_draws_it(
    name: str, coloured: bool, columns: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for variable in ("NO_COLOR", "FORCE_COLOR", "PY_COLORS", "GITHUB_ACTIONS", "TTY_COMPATIBLE", "TERMINAL_WIDTH"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("typer.rich_utils.FORCE_TERMINAL", True if coloured else None)
    monkeypatch.setattr("typer.rich_utils.MAX_WIDTH", None)
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("TERM", "xterm-256color")
    if coloured:
        monkeypatch.setenv("FORCE_COLOR", "1")
    asked = GROUPS[name]
    assert isinstance(asked, Group)
    context = asked.make_context(f"backfill {name}".strip(), ["a-command"])
    asked.format_help(context, None)
    ours = capsys.readouterr().out
    TyperGroup.format_help(asked, context, context.make_formatter())
    assert ours == capsys.readouterr().out
    assert ("\x1b[1;36m" in ours) is coloured
    assert all(command in ours for command in asked.commands)


def test_a_help_without_panels_can_be_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(app, "rich_markup_mode", None)  # what typer makes of TYPER_USE_RICH=0
    with pytest.raises(SystemExit, match="0"):
        app(["--help"], prog_name="backfill")
    help_text = capsys.readouterr().out
    assert "─" not in help_text
    assert all(command in help_text for command in app.commands)


@pytest.mark.parametrize("name", GROUPS)
def test_who_asks_nothing_is_shown_the_help_and_told_by_the_exit_code(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = []
    for arguments, code in ((name.split(), "2"), ([*name.split(), "--help"], "0")):
        with pytest.raises(SystemExit, match=code):
            app(arguments, prog_name="backfill")
        printed.append(capsys.readouterr())
    assert printed[0].out.rstrip() == printed[1].out.rstrip()
    assert [each.err for each in printed] == ["", ""]


def test_help_makes_no_command(made: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        app(["--help"], prog_name="backfill")
    assert "Commands" in capsys.readouterr().out
    assert made == []


@pytest.mark.parametrize(
    ("arguments", "makes"), [(["extract", "--help"], "extract"), (["realms", "list", "--help"], "realms")]
)
def test_of_all_commands_the_one_that_is_asked_for_is_made(
    arguments: list[str], makes: str, made: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="0"):
        app(arguments, prog_name="backfill")
    assert f"Usage: backfill {arguments[0]}" in capsys.readouterr().out
    assert made == [makes]


def test_a_name_that_is_none_makes_nothing_and_is_told_the_nearest(
    made: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        app(["statsu"], prog_name="backfill")
    assert "Did you mean 'status'?" in capsys.readouterr().err
    assert made == []


def test_the_help_of_every_command_may_be_cut_short() -> None:
    """Which typer makes a traceback of, or exit code 1: only our own commands print it whole."""
    for name in app.commands:
        command = app.commands[name]
        parts = command.commands.values() if isinstance(command, TyperGroup) else [command]
        assert all(isinstance(part, Command) for part in parts), name


def test_a_command_is_called_with_what_was_given() -> None:
    given = []

    def tell(word: str) -> None:
        """Tell."""
        given.append(word)

    command_line = CommandLine({"tell": tell}, help="Tells.")
    for arguments in (["tell", "one"], ["--", "tell", "two"]):
        with pytest.raises(SystemExit, match="0"):
            command_line(arguments, prog_name="teller")
    assert given == ["one", "two"]


def test_paragraphs_flow_to_the_terminals_width(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of all but the first typer keeps the line breaks, which are those of our source."""
    monkeypatch.setattr("typer.rich_utils.MAX_WIDTH", None)
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit, match="0"):
        app(["keys", "rotate", "--help"], prog_name="backfill")
    assert "put the new one in front of the old, separated by a comma" in capsys.readouterr().out


def test_the_version_is_said_either_way(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["version"], ["--version"]):
        with pytest.raises(SystemExit, match="0"):
            app(arguments, prog_name="backfill")
        assert capsys.readouterr().out == f"backfill {version()} (Python {platform.python_version()})\n"
