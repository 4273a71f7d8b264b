"""Values reach Postgres as parameters only: what is executed is a constant, or made of constants and numbers.

Looked for in the syntax of every module, since a linter's rule for built SQL knows words and not where they come from.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import backfill
from backfill.store.entity_tables import table_of

PACKAGE = Path(backfill.__file__).parent
EXECUTING = {"execute", "executemany", "fetch", "fetchrow", "fetchval", "fetchmany", "cursor", "prepare"}
"""The driver's methods that take a statement first."""

REVIEWED = {
    "jobs/load/packer.py: taken": "no database's: rows that are prepared",
    "store/company_status.py: statement": "constants of the file",
    "store/fleet_status.py: statement": "constants of the file",
    "store/held_rows.py: CREATED_UP_TO.format(table=table_of(entity))": "a table's name",
    "store/held_rows.py: MARKED_IDS.format(table=table_of(entity))": "a table's name",
    "store/held_rows.py: HOLDS_MORE.format(table=table_of(entity))": "a table's name",
    "store/held_rows.py: LIVE_IDS.format(table=table_of(entity))": "a table's name",
    "store/held_rows.py: statement": "a table's name, and bounds that are parameters",
    "store/landing.py: known_statement(self.entity)": "a table's name: `table_of` knows entities only",
    "store/landing.py: land_statement(self.entity)": "the same, and members that a constant names",
    "store/ledger.py: statement": "a constant of the file, and a table's name",
    "store/ledger_import.py: statement": "constants of the file",
    "store/ledger_status.py: statement": "constants of the file",
    "store/metered.py: add": "a constant of the file",
    "store/metered.py: so_far": "a constant of the file",
    "store/migrate.py: migration.sql": "a file of the package",
    "store/views.py: make_schema": "a schema's name, quoted by Postgres",
    "store/views.py: statements()": "a file of the package",
    "store/reading.py: statement": "the user's own, of `load --query`, within a read-only transaction",
    "store/scratch.py: create": "a database's name of our own making, quoted by Postgres",
    "store/scratch.py: drop": "the same",
    "store/removal.py: part.delete": "names of tables and columns that are the file's own",
    "store/removal.py: statement": "the same",
    "store/verifications.py: DOCUMENTS.format(table=table_of(entity))": "a table's name",
    "store/verifications.py: DOCUMENTS_AFTER.format(table=table_of(entity))": "a table's name",
    "store/verifications.py: FORGET_VERSIONS.format(table=table_of(entity))": "a table's name",
    "store/verifications.py: SAMPLE_IDS.format(table=table_of(entity))": "a table's name",
}
"""Statements that are neither constants nor made of them, each with where it comes from."""


def statements(tree: ast.AST) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in EXECUTING:
            yield from node.args[:1]


def is_constant(value: ast.expr) -> bool:
    """A literal, a module's constant, a number, or text made of these."""
    match value:
        case ast.Constant():
            return True
        case ast.Name(name):
            return name.isupper()
        case ast.Attribute(_, name):
            return name.isupper()
        case ast.Call(ast.Name("int")):
            return True
        case ast.JoinedStr(parts):
            return all(is_constant(part.value) for part in parts if isinstance(part, ast.FormattedValue))
        case ast.BinOp(left, ast.Add(), right):
            return is_constant(left) and is_constant(right)
    return False


def built(source: str) -> list[str]:
    return [ast.unparse(statement) for statement in statements(ast.parse(source)) if not is_constant(statement)]


def test_no_statement_is_built_from_values() -> None:
    found: list[str] = []
    executing = 0
    for file in sorted(PACKAGE.rglob("*.py")):
        if file.is_relative_to(PACKAGE / "simulator"):
            continue  # it has no database, and the layers forbid it one
        tree = ast.parse(file.read_text(encoding="utf-8"))
        executing += sum(1 for _ in statements(tree))
        found += [f"{file.relative_to(PACKAGE)}: {line}" for line in built(file.read_text(encoding="utf-8"))]
    assert executing > 60, "it looks where the statements are"
    assert sorted(set(found)) == sorted(REVIEWED)


@pytest.mark.parametrize(
    "source",
    [
        "connection.execute(f'SELECT {name}')",
        "connection.fetch('SELECT ' + name)",
        "connection.fetchval('SELECT %s' % name)",
        "connection.fetchrow('SELECT {}'.format(name))",
        "connection.cursor(statement)",
    ],
)
def test_a_statement_that_is_built_would_be_seen(source: str) -> None:
    assert len(built(source)) == 1


@pytest.mark.parametrize(
    "source", ["connection.execute(FIND, name)", "connection.execute(f'{READ} FOR UPDATE')", "c.fetch('SELECT $1', x)"]
)
def test_a_constant_with_parameters_is_none(source: str) -> None:
    assert built(source) == []


@pytest.mark.parametrize("name", ["customer", "Customer; DROP TABLE x", "", "pg_class"])
def test_what_is_no_entity_becomes_no_table(name: str) -> None:
    with pytest.raises(KeyError):
        table_of(name)
