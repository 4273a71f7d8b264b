"""Values of a body: taken as what they are meant to be, or refused with the code of their kind."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from backfill.simulator.faults import FaultedError
from backfill.simulator.writing.shaping import missing, rounded, shaped


@pytest.mark.parametrize(
    ("entity", "given", "expected"),
    [
        ("Invoice", {"DocNumber": 1001}, {"DocNumber": "1001"}),
        ("Invoice", {"CustomerRef": {"value": 1, "name": None}}, {"CustomerRef": {"value": "1"}}),
        ("Invoice", {"CustomerRef": {}}, {"CustomerRef": None}),
        ("Invoice", {"TxnDate": "2026-1-5"}, {"TxnDate": "2026-01-05"}),
        ("Invoice", {"TxnDate": "2026-01-05-08:00"}, {"TxnDate": "2026-01-05"}),
        ("Invoice", {"TxnDate": "2026-01-05T10:00:00Z"}, {"TxnDate": "2026-01-05"}),
        ("Invoice", {"TotalAmt": 5, "Balance": "x", "MetaData": 1}, {}),
        ("Invoice", {"PrivateNote": "", "DueDate": None}, {"PrivateNote": None, "DueDate": None}),
        ("Invoice", {"Deposit": "10.005"}, {"Deposit": Decimal("10.01")}),
        ("Invoice", {"Deposit": Decimal("10.1")}, {"Deposit": Decimal("10.1")}),
        ("Customer", {"Taxable": "TRUE", "BillWithParent": False}, {"Taxable": True, "BillWithParent": False}),
        ("Customer", {"PrimaryEmailAddr": {"Address": "a@b.co, c@d.co"}},
         {"PrimaryEmailAddr": {"Address": "a@b.co, c@d.co"}}),
        ("TimeActivity", {"Hours": "3"}, {"Hours": 3}),
        ("TimeActivity", {"HourlyRate": "12.3456789"}, {"HourlyRate": Decimal("12.3456789")}),
        ("Invoice", {"Line": [{"Amount": "5", "Description": ""}]}, {"Line": [{"Amount": Decimal(5)}]}),
    ],
)  # fmt: skip
def test_values_are_taken_as_clients_send_them(entity: str, given: dict[str, Any], expected: dict[str, Any]) -> None:
    assert shaped(entity, given) == expected


@pytest.mark.parametrize(
    ("given", "code", "element"),
    [
        ({"DocNumber": {"a": 1}}, "2040", "DocNumber"),
        ({"PrivateNote": "x" * 4001}, "2050", "PrivateNote"),
        ({"TxnDate": 20261120}, "2060", "TxnDate"),
        ({"TxnDate": "2026-13-01"}, "2070", "TxnDate"),
        ({"Deposit": True}, "2140", "Deposit"),
        ({"Deposit": "Infinity"}, "2140", "Deposit"),
        ({"ExchangeRate": "1e999999999"}, "2240", "ExchangeRate"),
        ({"Line": {"Amount": 1}}, "2120", "Line"),
        ({"Line": [1]}, "2120", "Line"),
        ({"BillAddr": "Main St."}, "2120", "BillAddr"),
        ({"BillEmail": {"Address": "a@b@c"}}, "2210", "Address"),
        ({"AllowOnlinePayment": 2}, "2230", "AllowOnlinePayment"),
        ({"EmailStatus": "Lost"}, "2170", "EmailStatus"),
        ({"CustomerRef": {"name": "Amy"}}, "2020", "CustomerRef.value"),
    ],
)
def test_values_of_another_kind_are_refused_by_name(given: dict[str, Any], code: str, element: str) -> None:
    with pytest.raises(FaultedError) as refused:
        shaped("Invoice", given)
    assert (refused.value.fault.code, refused.value.fault.element) == (code, element)


def test_a_length_says_what_is_allowed_and_what_was_sent() -> None:
    with pytest.raises(FaultedError) as refused:
        shaped("Invoice", {"DocNumber": "x" * 22})
    assert refused.value.fault.detail == (
        "String length specified does not match the supported length. Min:0 Max:21 supplied:22"
    )
    assert shaped("Invoice", {"DocNumber": "x" * 21}) == {"DocNumber": "x" * 21}


@pytest.mark.parametrize(
    ("given", "class_name"),
    [
        ({"Line": [{"Amonut": 1}]}, "Line"),
        ({"Line": [{"SalesItemLineDetail": {"Amonut": 1}}]}, "SalesItemLineDetail"),
        ({"BillAddr": {"Amonut": 1}}, "PhysicalAddress"),
        ({"CustomerRef": {"value": "1", "Amonut": 1}}, "ReferenceType"),
    ],
)
def test_an_unknown_property_deep_down_is_said_to_be_of_its_own_class(given: dict[str, Any], class_name: str) -> None:
    with pytest.raises(FaultedError) as refused:
        shaped("Invoice", given)
    opening = f'Unrecognized field "Amonut" (class com.intuit.schema.finance.v3.{class_name})'
    assert opening in refused.value.fault.detail


def test_of_alternatives_one_is_enough() -> None:
    assert missing({"Note": "x"}, ("FileName|Note",)) is None
    fault = missing({"Note": None}, ("FileName|Note",))
    assert fault is not None
    assert fault.element == "FileName"


@pytest.mark.parametrize(
    ("amount", "expected"), [("0.005", "0.01"), ("-0.005", "-0.01"), ("1.004", "1.00"), ("7.10", "7.10"), ("3", "3")]
)
def test_amounts_are_rounded_half_up_and_keep_their_scale(amount: str, expected: str) -> None:
    assert str(rounded(Decimal(amount))) == expected
