"""Whether an object is ours: a match that is missed is made twice, a false one is lost."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from backfill.jobs.load.matching import is_applied, is_ours, is_voided, same
from backfill.qbo.operations import WRITINGS

SENT = {
    "CustomerRef": {"value": "5"},
    "DocNumber": "A-1",
    "TxnDate": "2026-01-31",
    "Line": [{"Amount": Decimal("9.50")}],
}
HELD: dict[str, Any] = SENT | {"Id": "77", "CustomerRef": {"value": "5", "name": "Acme"}, "TotalAmt": 9.5}


@pytest.mark.parametrize(
    ("change", "ours"),
    [
        ({}, True),
        ({"DocNumber": "a-1"}, True),
        ({"TotalAmt": 10, "Line": []}, True),  # the server reckons itself
        ({"DocNumber": "A-2"}, False),
        ({"DocNumber": None}, False),
        ({"CustomerRef": {"value": "6"}}, False),
        ({"TxnDate": "2026-02-01"}, False),
    ],
)
def test_by_number_counterparty_and_day(change: dict[str, Any], ours: bool) -> None:
    assert is_ours(WRITINGS["Invoice"], SENT, HELD | change, stamp="") is ours


def test_by_its_stamp_alone_where_it_has_one() -> None:
    payment = WRITINGS["Payment"]
    assert is_ours(payment, {}, {"PrivateNote": "cheque [backfill 1f]"}, stamp="[backfill 1f]")
    assert not is_ours(payment, {"TotalAmt": 5}, {"TotalAmt": 5}, stamp="[backfill 1f]")
    assert not is_ours(payment, {"TotalAmt": 5}, {"TotalAmt": 5}, stamp=""), "neither number nor stamp: nobody's"


def test_names_in_any_case_and_inactive_ones_without_their_ending() -> None:
    customer = WRITINGS["Customer"]
    assert is_ours(customer, {"DisplayName": "Acme"}, {"DisplayName": "ACME (deleted)"}, stamp="")
    below = {"DisplayName": "Acme", "ParentRef": {"value": "1"}}
    assert not is_ours(customer, below, {"DisplayName": "Acme", "ParentRef": {"value": "2"}}, stamp="")


@pytest.mark.parametrize(
    ("sent", "held", "equal"),
    [
        (Decimal("9.50"), 9.5, True),
        (9, Decimal("9.00"), True),
        (None, None, True),
        ("", None, True),
        ("x", "y", False),
        ({"value": "5"}, {"value": 5, "name": "n"}, True),
        ({"a": 1}, {"a": 1, "b": 2}, True),
        ({"a": 1}, None, False),
        ([{"a": 1}, {"a": 2}], [{"a": 1}, {"x": 0}, {"a": 2}], True),
        ([{"a": 2}, {"a": 1}], [{"a": 1}, {"a": 2}], False),
        ([{"a": 1}], None, False),
    ],
)
def test_what_was_sent_stands_in_what_is_held(sent: Any, held: Any, equal: bool) -> None:
    assert same(sent, held) is equal


def test_a_change_is_applied_when_all_of_it_stands() -> None:
    assert is_applied({"Id": "1", "SyncToken": "0", "sparse": True, "Notes": "x"}, {"Id": "1", "Notes": "x"})
    assert not is_applied({"Notes": "x", "Active": False}, {"Notes": "x", "Active": True})


def test_a_void_is_seen_by_its_note_and_its_amount() -> None:
    assert is_voided({"PrivateNote": "Voided - old", "TotalAmt": 0})
    assert not is_voided({"PrivateNote": "Voided", "TotalAmt": 5})
    assert not is_voided({"TotalAmt": 0})
