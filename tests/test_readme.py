"""The README, and what the program says of itself, name only what there is; and what there is, the README names."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backfill.cli import app
from backfill.config import ENVIRONMENT

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def _commands(command: Any, *name: str) -> Iterator[tuple[str, Any]]:
    below = getattr(command, "commands", None)
    if below is None:
        yield " ".join(name), command
    for part, each in (below or {}).items():
        yield from _commands(each, *name, part)


COMMANDS = dict(_commands(app))
OPTIONS = {name for command in COMMANDS.values() for option in command.params for name in option.opts}
GROUPS = {name.split()[0] for name in COMMANDS if " " in name}


def _named(text: str) -> Iterator[str]:
    """The commands that a text tells its reader to give."""
    for first, second in re.findall(r"(?:: |`|\n|bin/)backfill ([a-z]+)(?: ([a-z][a-z-]+)(?![\w/.]))?", text):
        yield f"{first} {second}" if first in GROUPS and second else first


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_is_in_the_readme(name: str) -> None:
    group, _, own = name.partition(" ")
    written = "load FILE" if name == "load file" else name
    row = next(line for line in README.splitlines() if line.startswith(f"| `backfill {group}"))
    assert f"`backfill {written}" in README or f"`{written}`" in README or f"`{own}`" in row


def test_what_the_readme_tells_to_give_there_is() -> None:
    assert {name for name in _named(README) if name not in COMMANDS and name not in GROUPS} == set()


def test_every_option_of_ours_in_the_readme_there_is() -> None:
    lines = [line for line in README.splitlines() if "backfill " in line and not line.lstrip().startswith("python3 -m")]
    named = {option for line in lines for option in re.findall(r"(?<![\w-])--[a-z][a-z-]+", line)}
    others = {"--long", "--quiet", "--require-hashes", "--no-deps", "--numprocesses"}  # of pip and pytest
    assert named - others - OPTIONS == set()


def test_a_message_names_only_commands_that_there_are() -> None:
    wrong = {
        (str(file.relative_to(ROOT)), name)
        for file in (ROOT / "backfill").rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for name in _named(node.value)
        if name not in COMMANDS and name not in GROUPS
    }
    assert wrong == set()


def test_every_place_that_the_readme_names_there_is() -> None:
    places = re.findall(r"`((?:backfill|tests|benchmarks|configs)/[\w./]*)", README)
    assert [place for place in places if not (ROOT / place).exists()] == []
    assert [name for name in re.findall(r"python -m (benchmarks\.\w+)", README) if not _module(name).exists()] == []


def test_every_link_within_the_readme_leads_somewhere() -> None:
    headings = re.findall(r"^#+ (.+)$", README, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#([^)]+)\)", README)) - anchors == set()


def test_every_benchmark_is_in_the_readme() -> None:
    benchmarks = [path.stem for kind in ("bench", "show") for path in (ROOT / "benchmarks").glob(f"{kind}_*.py")]
    assert [name for name in sorted(benchmarks) if f"benchmarks.{name}`" not in README] == []


def test_the_environment_is_the_readmes() -> None:
    assert set(re.findall(r"`(BACKFILL_\w+)`", README)) == ENVIRONMENT.keys()


def _module(name: str) -> Path:
    return (ROOT / name.replace(".", "/")).with_suffix(".py")
