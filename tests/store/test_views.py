"""The views: what the dbt package reads is there, rows are what documents say, and nothing in a document fails them."""

from __future__ import annotations

import json
from collections.abc import Iterator

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backfill.errors import UnavailableError
from backfill.store.database import Database
from backfill.store.entity_tables import table_of
from backfill.store.views import make_views, shipped_views, statements
from tests.store.dbt_tables import READ, TYPES

SCHEMA = "quickbooks"
REALM = "123146000000296"


@pytest.fixture
async def connection(database: Database) -> Iterator[asyncpg.Connection]:
    """With the views made."""
    async with database.control() as connection:
        await make_views(connection, SCHEMA)
        yield connection


async def hold(
    connection: asyncpg.Connection, entity: str, object_id: str, document: object, *, deleted: bool = False
) -> None:
    """What landing leaves, of any document."""
    await connection.execute(
        f"INSERT INTO {table_of(entity)}"
        " (realm_id, id, sync_token, created_at, updated_at, deleted_at, doc, run_id, landed_at)"
        " VALUES ($1, $2, 0, now(), now(), CASE WHEN $3 THEN now() END, $4, 1, now())"
        " ON CONFLICT (realm_id, id) DO UPDATE SET doc = excluded.doc",
        REALM,
        object_id,
        deleted,
        json.dumps(document).encode(),
    )


async def rows(connection: asyncpg.Connection, columns: str, view: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in await connection.fetch(f"SELECT {columns} FROM {SCHEMA}.{view} ORDER BY {columns}")]


async def test_the_dbt_package_finds_what_it_reads(connection: asyncpg.Connection) -> None:
    held = await connection.fetch(
        "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = $1", SCHEMA
    )
    there = {(row["table_name"], row["column_name"]): row["data_type"] for row in held}
    read = {
        (view, name): TYPES[kind]
        for view, columns in READ.items()
        for name, _, kind in (column.partition(":") for column in columns.split())
    }
    assert read.items() - there.items() == set()


async def test_every_view_tells_the_company_and_when_it_landed(connection: asyncpg.Connection) -> None:
    lacking = await connection.fetch(
        "SELECT table_name FROM information_schema.columns WHERE table_schema = $1 GROUP BY table_name"
        " HAVING NOT array_agg(column_name::text) @> ARRAY['realm_id', '_dbt_source_relation', '_fivetran_synced']",
        SCHEMA,
    )
    assert [row["table_name"] for row in lacking] == ["home"]
    assert set(shipped_views()) == {*READ, "home", "class"}


async def test_a_sale_with_a_bundle_a_discount_and_tax(connection: asyncpg.Connection) -> None:
    item = {"DetailType": "SalesItemLineDetail", "SalesItemLineDetail": {"ItemRef": {"value": "7"}, "Qty": 2}}
    group = {"GroupItemRef": {"value": "9"}, "Quantity": 3, "Line": [item | {"Amount": 10}, item | {"Amount": 20.5}]}
    sale = {
        "TxnDate": "2024-02-29",
        "TotalAmt": 38.45,
        "ExchangeRate": 1.25,
        "CurrencyRef": {"value": "CAD"},
        "CustomerRef": {"value": "5"},
        "Line": [
            item | {"Amount": 5, "Description": "first"},
            {"Amount": 30.5, "DetailType": "GroupLineDetail", "GroupLineDetail": group},
            {
                "Amount": 1,
                "DetailType": "DiscountLineDetail",
                "DiscountLineDetail": {"DiscountAccountRef": {"value": "8"}},
            },
        ],
        "TxnTaxDetail": {
            "TaxLine": [{"Amount": 3.95, "TaxLineDetail": {"TaxRateRef": {"value": "4"}, "PercentBased": True}}]
        },
    }
    for entity in ("Invoice", "SalesReceipt"):
        await hold(connection, entity, "1", sale)
        await hold(connection, entity, "2", sale, deleted=True)
    told = await rows(
        connection, "id, transaction_date::text, total_amount::text, currency_id, _fivetran_deleted", "invoice"
    )
    assert told == [("1", "2024-02-29", "38.45", "CAD", False), ("2", "2024-02-29", "38.45", "CAD", True)]
    # Lines have no mark of a deletion: those of what is deleted are left out.
    lines = "invoice_id, index, amount::text, sales_item_item_id, bundle_id, discount_account_id"
    assert await rows(connection, lines, "invoice_line") == [
        ("1", 0, "5", "7", None, None),
        ("1", 1, "30.5", None, "9", None),
        ("1", 2, "1", None, None, "8"),
    ]
    assert await rows(
        connection, "invoice_id, invoice_line_index, index, amount::text, item_id", "invoice_line_bundle"
    ) == [
        ("1", 1, 0, "10", "7"),
        ("1", 1, 1, "20.5", "7"),
    ]
    # Of other sales the package has no table of a bundle's parts, so they are lines.
    parts = "sales_receipt_id, index, amount::text, sales_item_item_id, discount_account_id"
    assert await rows(connection, parts, "sales_receipt_line") == [
        ("1", 0, "5", "7", None),
        ("1", 1, "30.5", None, None),
        ("1", 2, "10", "7", None),
        ("1", 3, "20.5", "7", None),
        ("1", 4, "1", None, "8"),
    ]
    taxes = "invoice_id, index, amount::text, tax_rate_id, percent_based"
    assert await rows(connection, taxes, "invoice_tax_line") == [("1", 0, "3.95", "4", True)]


async def test_a_payment_is_one_row_for_each_thing_it_pays(connection: asyncpg.Connection) -> None:
    linked = [{"TxnId": "3", "TxnType": "Invoice"}, {"TxnId": "4", "TxnType": "CreditMemo"}]
    await hold(
        connection,
        "Payment",
        "1",
        {"Line": [{"Amount": 5, "LinkedTxn": linked}, {"Amount": 6, "LinkedTxn": linked[:1]}, {"Amount": 7}]},
    )
    assert await rows(connection, "index, amount::text, invoice_id, credit_memo_id", "payment_line") == [
        (0, "5", "3", None),
        (1, "5", None, "4"),
        (2, "6", "3", None),
    ]
    await hold(connection, "Bill", "1", {"LinkedTxn": [linked[0], {"TxnId": "6", "TxnType": "BillPaymentCheck"}]})
    assert await rows(connection, "bill_id, index, bill_payment_id", "bill_linked_txn") == [("1", 1, "6")]


async def test_who_is_named_is_told_by_kind(connection: asyncpg.Connection) -> None:
    for number, kind in enumerate(("Vendor", "Customer", "Employee"), 1):
        await hold(connection, "Purchase", str(number), {"EntityRef": {"value": "5", "type": kind}})
        entity = {"Type": kind, "EntityRef": {"value": "5"}}
        await hold(connection, "JournalEntry", str(number), {"Line": [{"JournalEntryLineDetail": {"Entity": entity}}]})
    named = [("1", "5", None), ("2", None, "5"), ("3", None, None)]
    assert await rows(connection, "id, vendor_id, customer_id", "purchase") == named
    assert await rows(connection, "journal_entry_id, vendor_id, customer_id", "journal_entry_line") == named


async def test_the_currency_is_the_companys_where_the_document_has_none(connection: asyncpg.Connection) -> None:
    await hold(connection, "Invoice", "1", {})
    await hold(connection, "Account", "1", {})
    assert await rows(connection, "currency_id", "invoice") == [("XXX",)]
    await hold(connection, "Preferences", "1", {"CurrencyPrefs": {"HomeCurrency": {"value": "GBP"}}})
    # The package joins receivables by it, and its accounts by whether they are active and no parts of others.
    assert await rows(connection, "currency_id", "invoice") == [("GBP",)]
    assert await rows(connection, "currency_id, active, sub_account", "account") == [("GBP", True, False)]


async def test_no_view_leaves_the_currency_out(connection: asyncpg.Connection) -> None:
    for entity in ENTITIES:
        await hold(connection, entity, "1", {})
    having = await connection.fetch(
        "SELECT table_name FROM information_schema.columns"
        " WHERE table_schema = $1 AND column_name = 'currency_id' AND table_name <> 'home'",
        SCHEMA,
    )
    assert len(having) == 18
    told = {row["table_name"]: await rows(connection, "currency_id", row["table_name"]) for row in having}
    assert {view: currencies for view, currencies in told.items() if currencies != [("XXX",)]} == {}


async def test_an_address_is_told_once_as_it_was_last_seen(connection: asyncpg.Connection) -> None:
    await hold(connection, "Customer", "1", {"BillAddr": {"Id": "9", "City": "Old"}, "ShipAddr": {"City": "Nameless"}})
    await hold(connection, "Invoice", "1", {"BillAddr": {"Id": "9", "City": "New"}})
    await connection.execute("UPDATE qbo.invoice SET updated_at = now() + interval '1 minute'")
    await hold(connection, "Invoice", "2", {"BillAddr": {"City": "Gone"}}, deleted=True)
    assert await rows(connection, "id, city", "address") == [("9", "New"), ("customer:1:ship", "Nameless")]
    assert await rows(connection, "bill_address_id, shipping_address_id", "customer") == [("9", "customer:1:ship")]
    assert await rows(connection, "id, billing_address_id", "invoice") == [("1", "9"), ("2", "invoice:2:bill")]


DAYS = {
    "2024-02-29": "2024-02-29",
    "2024-05-06-08:00": "2024-05-06",
    "2023-12-31": "2023-12-31",
    **dict.fromkeys(("2023-02-29", "2023-02-30", "2023-04-31", "0000-01-01", "2023-13-01", "2023-01-00", "soon", "")),
}


@pytest.mark.parametrize(("told", "day"), DAYS.items())
async def test_what_is_no_day_is_null(connection: asyncpg.Connection, told: str, day: str | None) -> None:
    await hold(connection, "Invoice", "1", {"TxnDate": told})
    assert await rows(connection, "transaction_date::text", "invoice") == [(day,)]


NUMBERS = {"12.50": "12.50", "-3": "-3", "": None, "1e9": None, "NaN": None, "9" * 40: None, "twelve": None}


@pytest.mark.parametrize(("told", "number"), NUMBERS.items())
async def test_a_number_in_quotes_is_one(connection: asyncpg.Connection, told: str, number: str | None) -> None:
    await hold(connection, "Invoice", "1", {"TotalAmt": told})
    assert await rows(connection, "total_amount::text", "invoice") == [(number,)]


PATHS = sorted(
    {
        path
        for line in statements().splitlines()
        for path in line.split("'{")[1:]
        for path in [path.split("}'")[0]]
        if path
    }
    | {name for line in statements().splitlines() for name in line.split("-> '")[1:] for name in [name.split("'")[0]]}
)
"""The members that the views read, such as `CustomerRef,value`."""

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["", "x", "2023-02-30", "1e400", "-", "\U0001f600"]),
    st.lists(st.sampled_from([None, 1, "x", [], {}, {"Amount": "x"}, {"LinkedTxn": {}}]), max_size=3),
    st.sampled_from([{}, {"value": {}}, {"Line": 5}, {"Line": [[]]}]),
)


def placed(path: str, value: object) -> dict[str, object]:
    """A document with `value` at `path`."""
    for name in reversed(path.split(",")):
        value = {name: value}
    assert isinstance(value, dict)
    return value


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(PATHS), ODD, min_size=1, max_size=25))
async def test_no_document_fails_a_view(connection: asyncpg.Connection, members: dict[str, object]) -> None:
    document: dict[str, object] = {}
    for path, value in members.items():
        document |= placed(path, value)
    document = {"Line": [document, document], "TxnTaxDetail": {"TaxLine": [document]}, "Type": "Group"} | document
    for entity in ENTITIES:
        await hold(connection, entity, "1", document)
    for view in shipped_views():
        await connection.fetch(f"SELECT * FROM {SCHEMA}.{view}")


ENTITIES = (
    *("Account", "Customer", "Item", "Vendor", "Invoice", "Estimate", "SalesReceipt", "CreditMemo", "RefundReceipt"),
    *("Payment", "Bill", "BillPayment", "VendorCredit", "Purchase", "PurchaseOrder", "Transfer", "Deposit"),
    *(
        "CreditCardPayment",
        "JournalEntry",
        "TaxAgency",
        "TaxRate",
        "ExchangeRate",
        "Department",
        "Class",
        "Preferences",
    ),
)


async def test_they_are_made_anew_under_views_of_the_users_own(connection: asyncpg.Connection) -> None:
    await connection.execute(f"CREATE VIEW {SCHEMA}.mine AS SELECT realm_id, total_amount FROM {SCHEMA}.invoice")
    older = str(await connection.fetchval("SELECT pg_get_viewdef($1::text::regclass)", f"{SCHEMA}.vendor")).rstrip(";")
    await connection.execute(f"CREATE OR REPLACE VIEW {SCHEMA}.vendor AS {older} LIMIT 0")
    assert await make_views(connection, SCHEMA) == shipped_views()
    await hold(connection, "Invoice", "1", {"TotalAmt": 5})
    await hold(connection, "Vendor", "1", {"DisplayName": "somebody"})
    assert await rows(connection, "total_amount::text", "mine") == [("5",)]
    assert await rows(connection, "display_name", "vendor") == [("somebody",)]


async def test_another_vendors_schema_is_left_alone(database: Database) -> None:
    async with database.control() as connection:
        await connection.execute(
            "CREATE SCHEMA quickbooks CREATE TABLE invoice (id text) CREATE VIEW bill AS SELECT 1 AS id"
        )
        with pytest.raises(UnavailableError, match=r"has tables or views of others: bill, invoice$") as told:
            await make_views(connection, "quickbooks")
        assert told.value.action == "give another: backfill views --schema NAME"
        assert await connection.fetchval("SELECT id FROM quickbooks.bill") == 1
        assert await make_views(connection, "books") == shipped_views()
        assert await connection.fetchval("SELECT count(*) FROM books.invoice") == 0


async def test_a_schema_that_the_administrator_made_is_enough(connection: asyncpg.Connection) -> None:
    await connection.execute(
        "CREATE ROLE reader; GRANT USAGE ON SCHEMA qbo TO reader; GRANT SELECT ON ALL TABLES IN SCHEMA qbo TO reader;"
        " CREATE SCHEMA given AUTHORIZATION reader; SET ROLE reader"
    )
    try:
        assert await make_views(connection, "given") == shipped_views()
    finally:
        await connection.execute("RESET ROLE; DROP OWNED BY reader CASCADE; DROP ROLE reader")


@pytest.mark.parametrize(
    "older",
    [
        "DROP VIEW quickbooks.transfer; CREATE VIEW quickbooks.transfer AS SELECT realm_id AS one FROM qbo.transfer",
        """DROP SCHEMA quickbooks CASCADE; CREATE SCHEMA quickbooks;
        CREATE FUNCTION quickbooks.truth(told jsonb) RETURNS text LANGUAGE sql AS 'SELECT 1::text'""",
    ],
)
async def test_what_is_ours_and_cannot_take_its_new_form(connection: asyncpg.Connection, older: str) -> None:
    await connection.execute(older)
    with pytest.raises(UnavailableError, match="in the schema quickbooks cannot take its new form: ") as told:
        await make_views(connection, SCHEMA)
    assert "DROP SCHEMA quickbooks CASCADE" in told.value.action
