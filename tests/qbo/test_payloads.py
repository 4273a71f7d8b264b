"""Payloads: what is refused before it costs a call, and numbers that keep their scale."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from msgspec import DecodeError

from backfill.qbo.operations import Operation
from backfill.qbo.payloads import decode, encode, faults_of

LINE = b'{"Amount":10.50,"DetailType":"SalesItemLineDetail","SalesItemLineDetail":{"ItemRef":{"value":"1"},"Qty":1.5}}'
MANY_DIGITS = "Line.0.Amount: a number has at most 20 digits before the point, and 40 after it"
INVOICE = decode(b'{"CustomerRef":{"value":"1"},"DocNumber":"7","TxnDate":"2026-01-31","Line":[%b]}' % LINE)


def faults(payload: dict[str, Any], entity: str = "Invoice", operation: Operation = Operation.CREATE) -> list[str]:
    return [f"{fault.path}: {fault.message}" for fault in faults_of(entity, operation, payload)]


def test_numbers_keep_their_scale() -> None:
    text = b'{"a":639.00,"b":1.10,"c":12345678901234567890.05,"d":7}'
    assert encode(decode(text)) == text


def test_a_number_that_no_decimal_can_be_is_no_json_of_ours() -> None:
    with pytest.raises(DecodeError, match="a number is larger"):
        decode(b'{"a":1e9999999999999999999}')


def test_a_good_payload_has_no_faults() -> None:
    assert faults(INVOICE) == []
    assert faults({"PrivateNote": "x"}, operation=Operation.UPDATE) == []
    assert faults({"Id": "1", "SyncToken": "0"}, operation=Operation.DELETE) == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"CustomerReff": 1}, "CustomerReff: QuickBooks knows no such property (did you mean CustomerRef?)"),
        ({"TxnDate": "31.01.2026"}, "TxnDate: a date is expected, such as 2026-01-31"),
        ({"TxnDate": "2026-02-30"}, "TxnDate: a date is expected, such as 2026-01-31"),
        ({"TxnDate": "2026-W01-1"}, "TxnDate: a date is expected, such as 2026-01-31"),
        ({"CustomerRef": "1"}, 'CustomerRef: an object is expected, such as {"value": "58"}'),
        ({"BillAddr": "Main Street"}, "BillAddr: an object is expected"),
        ({"Line": [1]}, "Line.0: an object is expected"),
        ({"CustomerRef": {"value": ""}}, "CustomerRef.value: String should have at least 1 character"),
        ({"DocNumber": "x" * 22}, "DocNumber: String should have at most 21 characters"),
        ({"DocNumber": 7}, "DocNumber: Input should be a valid string"),
        ({"Line": [{"Amount": "10"}]}, "Line.0.Amount: a number is expected"),
        ({"Line": [{"Amount": True}]}, "Line.0.Amount: a number is expected"),
        ({"Line": [{"Amount": Decimal("1e40")}]}, MANY_DIGITS),
        ({"Line": [{"Amount": Decimal("1e-99999999")}]}, MANY_DIGITS),
        ({"Line": [{"Amount": 10**20}]}, MANY_DIGITS),
        (
            {"Line": [{"SalesItemLineDetail": {"ItemReff": 1}}]},
            "Line.0.SalesItemLineDetail.ItemReff: QuickBooks knows no such property (did you mean ItemRef?)",
        ),
        ({"EmailStatus": "Sent"}, "EmailStatus: Input should be 'NotSet', 'NeedToSend' or 'EmailSent'"),
        ({"ApplyTaxAfterDiscount": "true"}, "ApplyTaxAfterDiscount: Input should be a valid boolean"),
    ],
)
def test_each_fault_names_its_place(change: dict[str, Any], fault: str) -> None:
    assert fault in faults(INVOICE | change)


@pytest.mark.parametrize("start", [1767225600, "1767225600", "2026-01-31", "2026-W05-6T09:00:00Z", "20260131T090000Z"])
def test_a_moment_is_written_as_quickbooks_writes_it(start: object) -> None:
    activity = {"NameOf": "Other", "StartTime": start}
    words = "StartTime: a moment is expected, such as 2026-01-31T09:00:00-08:00"
    assert words in faults(activity, "TimeActivity", Operation.UPDATE)
    for good in ("2026-01-31T09:00:00-08:00", "2026-01-31T17:00:00.000Z"):
        assert faults(activity | {"StartTime": good}, "TimeActivity", Operation.UPDATE) == []


def test_all_faults_are_told_at_once() -> None:
    assert len(faults({"CustomerReff": 1, "TxnDate": "x", "DocNumber": 7})) == 3


def test_what_is_missing_is_missing_of_new_objects_only() -> None:
    assert faults({"Line": []}) == [
        "CustomerRef: a new Invoice needs CustomerRef", "Line: a new Invoice needs Line",
    ]  # fmt: skip
    assert faults({"Name": "Cash"}, "Account") == [
        "AccountType|AccountSubType: a new Account needs AccountType or AccountSubType"
    ]
    assert faults({}, operation=Operation.UPDATE) == [": an update changes at least one property"]
    assert len(faults({}, operation=Operation.FULL_UPDATE)) == 2
    assert faults({"Id": "1", "PrivateNote": "x"}, operation=Operation.VOID) == ["PrivateNote: a void has no content"]


def journal(debit: str, credit: str) -> dict[str, Any]:
    line = b'{"Amount":%b,"DetailType":"JournalEntryLineDetail","JournalEntryLineDetail":{"PostingType":"%b"}}'
    lines = b",".join(line % (amount.encode(), side) for amount, side in ((debit, b"Debit"), (credit, b"Credit")))
    found = decode(b'{"Line":[%b]}' % lines)
    assert isinstance(found, dict)
    return found


def test_journal_entries_balance_to_the_cent() -> None:
    assert faults(journal("0.30", "0.3"), "JournalEntry") == []
    assert faults(journal("100.01", "100.02"), "JournalEntry") == ["Line: debits are 100.01, credits 100.02"]
    assert faults(journal("1e40", "1e40"), "JournalEntry")[0].startswith(MANY_DIGITS)
    assert faults(journal("99999999999999999999", "99999999999999999999.00"), "JournalEntry") == []
    assert faults(INVOICE | {"ExchangeRate": Decimal("1.2345678901234567e-05")}) == [], "as a float is written"
    assert faults({"Line": None}, "JournalEntry") == ["Line: a new JournalEntry needs Line"]


def test_lines_of_a_bundle_are_taken_as_they_are() -> None:
    detail = {"GroupItemRef": {"value": "9"}, "Quantity": 1, "Line": [{"anything": 1}]}
    line = {"DetailType": "GroupLineDetail", "GroupLineDetail": detail}
    assert faults({"CustomerRef": {"value": "1"}, "Line": [line]}) == []
