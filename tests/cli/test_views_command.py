"""`backfill views`: typed views of what was landed."""

from __future__ import annotations

import pytest

from tests.processes import Backfill


def test_the_views_are_made_and_can_be_read_as_said(user: Backfill) -> None:
    made = user.run("views")
    assert made.code == 0
    assert made.stdout.startswith("55 views are in the schema quickbooks, of all companies; nothing was copied.\n")
    said = made.stdout.splitlines()[1].removeprefix('Look at one: backfill sql "').removesuffix('"')
    assert user.run("sql", said).code == 0
    again = user.run("views", "--schema", "user", "--json").json()
    assert again["schema"] == "user"
    assert {"invoice", "invoice_line", "customer"} < set(again["views"])
    assert user.run("sql", 'SELECT count(*) FROM "user".invoice_line').code == 0


@pytest.mark.parametrize("name", ["qbo", "backfill", "pg_books", "a b", 'a"b', "Books", "", "x" * 64])
def test_a_name_that_is_none(user: Backfill, name: str) -> None:
    refused = user.run("views", "--schema", name)
    assert refused.code == 2
    assert f"--schema {name}: that cannot be the views' schema." in refused.stderr
    assert "Give a name of small letters, digits and underscores, other than backfill and qbo." in refused.stderr


def test_another_vendors_schema(user: Backfill) -> None:
    assert user.run("sql", "CREATE SCHEMA quickbooks; CREATE TABLE quickbooks.vendor (id text)").code == 0
    refused = user.run("views", "--json")
    assert refused.code == 3
    assert "the schema quickbooks has tables or views of others: vendor" in refused.stderr
    assert "backfill views --schema NAME" in refused.stderr
