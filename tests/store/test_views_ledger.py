"""Booked from the views alone, every transaction is what the simulated company's own ledger says, to the cent.

The rules of booking are those of the dbt package, in SQL and by themselves: they have nothing of the simulator's.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from backfill.simulator.books.opening import ledger_of
from backfill.simulator.fleet import Fleet
from backfill.store.database import Database
from backfill.store.entity_tables import table_of
from backfill.store.views import make_views

NOW = datetime(2026, 11, 20, tzinfo=UTC)

HOLD = """
INSERT INTO {table} (realm_id, id, sync_token, created_at, updated_at, doc, run_id, landed_at)
SELECT $1, held.id, 0, now(), now(), held.doc, 1, now() FROM unnest($2::text[], $3::jsonb[]) AS held (id, doc)
"""

POSTED = """
WITH control AS (  -- a company without a receivable of that currency has one of its own
    SELECT
        currency.realm_id,
        currency.currency_id,
        (array_agg(account.id ORDER BY account.currency_id <> currency.currency_id)
            FILTER (WHERE account_type = 'Accounts Receivable'))[1] AS receivable,
        (array_agg(account.id ORDER BY account.currency_id <> currency.currency_id)
            FILTER (WHERE account_type = 'Accounts Payable'))[1] AS payable,
        max(account.id) FILTER (WHERE account_sub_type = 'UndepositedFunds') AS undeposited
    FROM (SELECT realm_id, currency_id FROM customer UNION SELECT realm_id, currency_id FROM vendor) AS currency
    JOIN account ON account.realm_id = currency.realm_id
    GROUP BY currency.realm_id, currency.currency_id
),
traded AS (
    SELECT 'Invoice' AS kind, 1 AS side, realm_id, id, total_amount, exchange_rate, receivable AS account
    FROM invoice JOIN control USING (realm_id, currency_id)
    UNION ALL
    SELECT 'CreditMemo', -1, realm_id, id, total_amount, exchange_rate, receivable
    FROM credit_memo JOIN control USING (realm_id, currency_id)
    UNION ALL
    SELECT 'SalesReceipt', 1, realm_id, id, total_amount, exchange_rate, coalesce(deposit_to_account_id, undeposited)
    FROM sales_receipt JOIN control USING (realm_id, currency_id)
    UNION ALL
    SELECT 'RefundReceipt', -1, realm_id, id, total_amount, exchange_rate, coalesce(deposit_to_account_id, undeposited)
    FROM refund_receipt JOIN control USING (realm_id, currency_id)
    UNION ALL
    SELECT 'Bill', -1, realm_id, id, total_amount, exchange_rate, coalesce(payable_account_id, payable)
    FROM bill JOIN control USING (realm_id, currency_id)
    UNION ALL
    SELECT 'VendorCredit', 1, realm_id, id, total_amount, exchange_rate, coalesce(payable_account_id, payable)
    FROM vendor_credit JOIN control USING (realm_id, currency_id)
    UNION ALL
    SELECT 'Purchase', CASE WHEN credit THEN 1 ELSE -1 END, realm_id, id, total_amount, exchange_rate, account_id
    FROM purchase
),
line AS (
    SELECT 'Invoice' AS kind, realm_id, invoice_id AS id, amount, detail_type, sales_item_item_id AS item_id,
        discount_account_id AS account
    FROM invoice_line
    UNION ALL
    SELECT 'CreditMemo', realm_id, credit_memo_id, amount, detail_type, sales_item_item_id, discount_account_id
    FROM credit_memo_line
    UNION ALL
    SELECT 'SalesReceipt', realm_id, sales_receipt_id, amount, detail_type, sales_item_item_id, discount_account_id
    FROM sales_receipt_line
    UNION ALL
    SELECT 'RefundReceipt', realm_id, refund_id, amount, detail_type, sales_item_item_id, discount_account_id
    FROM refund_receipt_line
    UNION ALL
    SELECT 'Bill', realm_id, bill_id, amount, '', item_expense_item_id, account_expense_account_id
    FROM bill_line
    UNION ALL
    SELECT 'VendorCredit', realm_id, vendor_credit_id, amount, '', item_expense_item_id, account_expense_account_id
    FROM vendor_credit_line
    UNION ALL
    SELECT 'Purchase', realm_id, purchase_id, amount, '', item_expense_item_id, account_expense_account_id
    FROM purchase_line
),
posting AS (
    SELECT kind, realm_id, id, account, side * total_amount AS amount, exchange_rate FROM traded
    UNION ALL
    SELECT
        kind,
        traded.realm_id,
        traded.id,
        coalesce(line.account, CASE WHEN detail_type = '' THEN coalesce(asset_account_id, expense_account_id)
            ELSE income_account_id END),
        CASE detail_type WHEN 'DiscountLineDetail' THEN side ELSE -side END * line.amount,
        exchange_rate
    FROM line
    JOIN traded USING (kind, realm_id, id)
    LEFT JOIN item ON item.realm_id = line.realm_id AND item.id = line.item_id
    WHERE detail_type IN ('', 'SalesItemLineDetail', 'DiscountLineDetail')
    UNION ALL
    SELECT 'JournalEntry', entry.realm_id, entry.id, account_id,
        CASE posting_type WHEN 'Debit' THEN amount ELSE -amount END, exchange_rate
    FROM journal_entry AS entry
    JOIN journal_entry_line AS line ON line.realm_id = entry.realm_id AND line.journal_entry_id = entry.id
    UNION ALL
    SELECT 'Transfer', realm_id, id, unnest(ARRAY[to_account_id, from_account_id]), unnest(ARRAY[amount, -amount]),
        exchange_rate
    FROM transfer
    UNION ALL
    SELECT 'CreditCardPayment', realm_id, id, unnest(ARRAY[credit_card_account_id, bank_account_id]),
        unnest(ARRAY[amount, -amount]), exchange_rate
    FROM credit_card_payment_txn
    UNION ALL
    SELECT 'Deposit', realm_id, id, account_id, total_amount, exchange_rate FROM deposit
    UNION ALL
    SELECT 'Deposit', deposit.realm_id, deposit.id, coalesce(deposit_account_id, undeposited), -amount, exchange_rate
    FROM deposit
    JOIN deposit_line AS line ON line.realm_id = deposit.realm_id AND line.deposit_id = deposit.id
    JOIN control ON control.realm_id = deposit.realm_id AND control.currency_id = deposit.currency_id
    UNION ALL
    SELECT 'Payment', realm_id, id,
        unnest(ARRAY[coalesce(deposit_to_account_id, undeposited), coalesce(receivable_account_id, receivable)]),
        unnest(ARRAY[total_amount, -total_amount]), exchange_rate
    FROM payment JOIN control USING (realm_id, currency_id)
    UNION ALL
    SELECT 'BillPayment', realm_id, id,
        unnest(ARRAY[payable, coalesce(check_bank_account_id, credit_card_account_id)]),
        unnest(ARRAY[total_amount, -total_amount]), exchange_rate
    FROM bill_payment JOIN control USING (realm_id, currency_id)
)
SELECT kind, realm_id, id, account, sum(round(100 * amount * coalesce(exchange_rate, 1)))::bigint AS cents
FROM posting
GROUP BY kind, realm_id, id, account
"""

ELSEWHERE = ("GlobalTaxPayable", "SalesTaxPayable", "Inventory", "SuppliesMaterialsCogs", "OtherCostsOfServiceCos")
"""Kinds of accounts that follow from more than the lines: taxes and what stock costs."""
OTHERS = {"InventoryStart", "InventoryAdjustment", "TaxPayment"}

Booked = dict[tuple[str, str, str, str], int]
"""Kind, realm, transaction and account to cents in debit."""


@pytest.fixture
async def connection(database: Database) -> Iterator[asyncpg.Connection]:
    async with database.control() as connection:
        await make_views(connection, "quickbooks")
        await connection.execute("SET search_path = quickbooks")
        yield connection
        await connection.execute("RESET search_path")


@pytest.mark.parametrize("seed", [3, 4])
async def test_the_views_post_what_the_books_say(connection: asyncpg.Connection, seed: int) -> None:
    fleet = Fleet(realms=3, seed=seed, rows_min=300, rows_max=2000, now=lambda: NOW)
    truth: Booked = {}
    for realm_id in fleet.realm_ids:
        company = fleet.company(realm_id)
        for entity, documents in company.state_at(NOW + timedelta(days=1)).items():
            statement = HOLD.format(table=table_of(entity))
            await connection.execute(statement, realm_id, list(documents), [bytes(one) for one in documents.values()])
        for one in ledger_of(company).daybook().postings():
            key = (one.entity, realm_id, str(one.id), one.posting.account)
            truth[key] = truth.get(key, 0) + one.posting.cents
    held = await connection.fetch("SELECT realm_id, id FROM account WHERE account_sub_type = ANY ($1)", ELSEWHERE)
    elsewhere = {(row["realm_id"], row["id"]) for row in held}
    told = {
        (row["kind"], row["realm_id"], row["id"], row["account"]): row["cents"]
        for row in await connection.fetch(POSTED)
    }

    def compared(books: Booked) -> Booked:
        return {
            key: cents
            for key, cents in books.items()
            if cents and key[0] not in OTHERS and (key[1], key[3]) not in elsewhere
        }

    expected, posted = compared(truth), compared(told)
    assert len(expected) > 2000
    assert {key[0] for key in expected} == {key[0] for key in posted} >= {"Invoice", "Payment", "Bill", "JournalEntry"}
    # A foreign amount is rounded line by line here, and by the books as a whole.
    wrong = {key for key in expected.keys() | posted.keys() if abs(expected.get(key, 0) - posted.get(key, 0)) > 1}
    assert wrong == set()
