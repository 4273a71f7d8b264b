"""The checks that need no run: style, types, layers, pins, sizes. They are part of the one test command."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from backfill.cli import app

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("backfill", "tests", "benchmarks", "configs", ".ci", ".github")
LINES_MAX = 400
MACHINE_PATH = re.compile(r"(?<![\w.~])/(?:work|root|home|Users|mnt|private)/[\w.]")

CHECKS = {
    "ruff check": ("ruff", "check", "."),
    "ruff format": ("ruff", "format", "--check", "."),
    "mypy": ("mypy",),
    "import-linter": ("importlinter.cli",),
}


def files(*suffixes: str) -> Iterator[Path]:
    """The repository's own files, generated ones left out."""
    found = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.is_file()]
    found += [path for path in ROOT.iterdir() if path.is_file()]
    for path in sorted(found):
        if "__pycache__" not in path.parts and (not suffixes or path.suffix in suffixes):
            yield path


@pytest.mark.parametrize("command", CHECKS.values(), ids=CHECKS)
def test_checks(command: tuple[str, ...]) -> None:
    program = [sys.executable, "-m", *command]
    if command == CHECKS["import-linter"]:
        program = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as lint; lint()"]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def test_no_file_is_longer_than_a_reader_can_hold() -> None:
    lengths = {path: path.read_text(encoding="utf-8").count("\n") for path in files(".py")}
    assert len(lengths) > 100
    assert {str(path.relative_to(ROOT)): lines for path, lines in lengths.items() if lines > LINES_MAX} == {}


def test_the_repository_names_no_machine() -> None:
    named = []
    for path in files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        named += [f"{path.relative_to(ROOT)}: {match[0]}" for match in MACHINE_PATH.finditer(text)]
    assert named == []


def pins(file: str) -> dict[str, str]:
    """Package to version of a file of requirements; each must have hashes."""
    text = (ROOT / file).read_text(encoding="utf-8")
    assert "://" not in text, "a registry's address is the reader's own matter"
    entries = re.split(r"\n(?=\S)", text.replace("\\\n", " ").strip())
    found = {}
    for entry in entries:
        if entry.startswith("#"):
            continue
        match = re.match(r"([\w.-]+)(?:\[[\w,]+\])?==([^\s;]+)", entry)
        assert match, entry
        assert "--hash=sha256:" in entry, entry
        found[_normal(match[1])] = match[2]
    return found


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _names(requirements: list[str]) -> set[str]:
    return {_normal(re.split(r"[\s<>=!~;\[]", requirement, maxsplit=1)[0]) for requirement in requirements}


def test_the_pins_hold_every_direct_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    direct = _names(project["project"]["dependencies"])
    extras = {name: _names(extra) for name, extra in project["project"]["optional-dependencies"].items()}
    program, tests = pins("requirements.txt"), pins("tests/requirements.txt")
    assert direct | extras["build"] <= program.keys()
    assert direct | extras["build"] | extras["dev"] <= tests.keys()
    assert program.items() <= tests.items(), "the tests try what is shipped"
    assert _names(project["build-system"]["requires"]) <= extras["build"]


def commands(group: object, name: str = "backfill") -> Iterator[tuple[str, object]]:
    for key, command in getattr(group, "commands", {}).items():
        yield f"{name} {key}", command
        yield from commands(command, f"{name} {key}")


def test_every_command_and_option_says_what_it_is_for() -> None:
    found = dict(commands(app))
    assert len(found) >= 9
    silent = [name for name, command in found.items() if not getattr(command, "help", None)]
    for name, command in found.items():
        parameters = getattr(command, "params", [])
        silent += [f"{name}: {parameter.name}" for parameter in parameters if not getattr(parameter, "help", None)]
    assert silent == []


def test_every_command_takes_a_configuration_and_can_answer_in_json() -> None:
    """Part of the contract. `simulate` is told all by its options and never ends; `sql` answers as psql does; and
    `version` has nothing to be configured.
    """
    fewer: dict[str, set[str]] = {"simulate": set(), "sql": {"--config"}, "version": {"--json"}}
    for name, command in commands(app):
        if isinstance(command, typer.core.TyperGroup):
            continue
        options = {option for parameter in getattr(command, "params", []) for option in parameter.opts}
        assert fewer.get(name.removeprefix("backfill "), {"--config", "--json"}) <= options, name
