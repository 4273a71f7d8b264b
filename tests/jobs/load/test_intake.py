"""Records become rows, or all reasons why not."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from backfill.jobs.load.intake import Defaults, row_of
from backfill.load_model import NewRow
from backfill.qbo.payloads import decode

GOOD: dict[str, Any] = {
    "realm_id": "42",
    "entity": "customer",
    "source_key": "acme",
    "payload": {"DisplayName": " Acme "},
}


def row(**change: Any) -> NewRow:
    found = row_of(3, GOOD | change)
    assert isinstance(found, NewRow), found
    return found


def faults(**change: Any) -> list[str]:
    found = row_of(3, GOOD | change)
    assert isinstance(found, list), found
    return [f"{fault.path}: {fault.message}" for fault in found]


def nested(depth: int) -> list[Any]:
    found: list[Any] = []
    for _ in range(depth):
        found = [found]
    return found


def debit(amount: object) -> dict[str, Any]:
    detail = {"PostingType": "Debit", "AccountRef": {"value": "1"}}
    return {"Amount": amount, "DetailType": "JournalEntryLineDetail", "JournalEntryLineDetail": detail}


def test_a_record_becomes_a_row() -> None:
    found = row()
    assert (found.line, found.realm_id, found.entity, found.operation) == (3, "42", "Customer", "create")
    assert (found.needs, found.natural_key) == ((), "DisplayName=acme")
    assert row(realm_id=42, source_key=7).source_key == "7"


def test_the_same_content_has_the_same_hash_and_another_another() -> None:
    assert row().payload_hash == row().payload_hash
    assert row().payload_hash != row(payload={"DisplayName": "Acme2"}).payload_hash


def test_the_order_of_properties_makes_no_other_content() -> None:
    """Another program may have written the file the second time; that of lines does."""
    address = {"City": "Berlin", "Line1": "Hof"}
    content = {"DisplayName": "Acme", "BillAddr": address}
    turned = {"BillAddr": dict(reversed(address.items())), "DisplayName": "Acme"}
    assert row(payload=content).payload_hash == row(payload=turned).payload_hash
    entries = [[debit(1), debit(-1)], [debit(-1), debit(1)]]
    hashes = {row(entity="JournalEntry", payload={"Line": lines, "DocNumber": "1"}).payload_hash for lines in entries}
    assert len(hashes) == 2


def test_a_change_without_an_id_is_of_what_the_row_of_its_key_made() -> None:
    found = row(operation="update", payload={"Notes": "x"})
    assert (found.needs, found.object_key, found.natural_key) == (("Customer/acme",), "Customer/acme", "")
    by_id = row(operation="update", payload={"Id": "9", "Notes": "x"})
    assert (by_id.needs, by_id.object_key) == ((), "Customer#9")
    by_reference = row(operation="update", payload={"Id": {"$ref": "Customer/other"}, "Notes": "x"})
    assert (by_reference.needs, by_reference.object_key) == (("Customer/other",), "Customer/other")
    assert row().object_key != found.object_key, "who makes an object is before those that change it"


def test_ranks_deletions_first_payments_and_deposits_last() -> None:
    def rank(entity: str, operation: str, **payload: Any) -> int:
        return row(entity=entity, operation=operation, payload=payload).rank

    new_payment = {"CustomerRef": {"value": "1"}, "TotalAmt": 5}
    ranks = [
        rank("Payment", "delete", Id="1"),
        rank("Invoice", "delete", Id="1"),
        rank("Customer", "delete", Id="1"),
        row().rank,
        rank("Payment", "create", **new_payment),
    ]
    assert ranks == sorted(set(ranks))


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"realm_id": "x"}, "realm_id: a realm's id has 1 to 32 digits"),
        ({"entity": "Custmer"}, "entity: There is no entity called 'Custmer'"),
        ({"entity": "Preferences"}, "entity: Preferences cannot be written in bulk"),
        ({"operation": "void"}, "operation: Customer has no operation 'void'"),
        ({"source_key": ""}, "source_key: a source key has 1 to 500 characters"),
        ({"colour": "red"}, "colour: Extra inputs are not permitted"),
        ({"corrects": "12"}, "corrects: it stays as load export-rejected wrote it, or is left out"),
        ({"payload": {"DisplayName": "A", "Id": "1"}}, "payload.Id: a new object has none yet"),
        ({"operation": "update", "payload": {"Id": 5, "Notes": "x"}}, "payload.Id: an Id is a text, or a reference"),
        (
            {"operation": "update", "payload": {"Id": "5", "SyncToken": 1, "Notes": "x"}},
            "payload.SyncToken: a SyncToken is a text of digits",
        ),
        (
            {"operation": "update", "payload": {"Id": "5", "SyncToken": "٣", "Notes": "x"}},
            "payload.SyncToken: a SyncToken is a text of digits",
        ),
        ({"operation": "delete", "payload": {"Id": {"value": "5"}}}, "payload.Id: an Id is a text, or a reference"),
        (
            {"operation": "update", "payload": {"Id": {"$ref": "Invoice/5"}, "Notes": "x"}},
            "payload.Id: it refers to a Invoice, and the row is to change a Customer",
        ),
        ({"payload": {"DisplayName": nested(600)}}, "payload: more than 40 objects and lists are nested"),
        (
            {"payload": {"DisplayName": "A", "Balance": Decimal("1E+200000")}},
            "payload.Balance: a number has at most 20",
        ),
        ({"payload": {"DisplayName": "A", "Balance": Decimal("1E-41")}}, "payload.Balance: a number has at most 20"),
        ({"payload": {"DisplayName": "A", "Balance": 10**20}}, "payload.Balance: a number has at most 20 digits"),
        ({"entity": "JournalEntry", "payload": {"Line": None}}, "payload.Line: a new JournalEntry needs Line"),
        (
            {"entity": "JournalEntry", "payload": {"Line": [debit(Decimal("1E+30"))]}},
            "payload.Line.0.Amount: a number has at most 20 digits",
        ),
        ({"payload": {"DisplayName": "A", "Notes": "a\0b"}}, "payload: it has a zero character"),
        ({"payload": {"ParentRef": {"$ref": "Nothing/1"}}}, "payload: There is no entity called 'Nothing'"),
    ],
)
def test_each_fault_names_its_place(change: dict[str, Any], fault: str) -> None:
    assert any(said.startswith(fault) for said in faults(**change)), faults(**change)


def test_a_note_leaves_room_for_a_stamp_where_one_is_needed() -> None:
    payload = {"CustomerRef": {"value": "1"}, "TotalAmt": 5, "PrivateNote": "x" * 3990}
    assert "leaves no room" in faults(entity="Payment", payload=payload)[0]
    line = {"Amount": 5, "DetailType": "DescriptionOnly"}
    numbered = {"CustomerRef": {"value": "1"}, "DocNumber": "1", "Line": [line], "PrivateNote": "x" * 4000}
    assert row(entity="Invoice", payload=numbered)


def test_a_payload_that_fits_no_batch_is_refused() -> None:
    lines = [{"Description": "x" * 3000, "DetailType": "DescriptionOnly"}] * 150
    payload = {"CustomerRef": {"value": "1"}, "DocNumber": "1", "Line": lines}
    assert "400,000 are sent at most" in faults(entity="Invoice", payload=payload)[0]


def test_amounts_keep_their_scale() -> None:
    payload = decode(b'{"CustomerRef":{"value":"1"},"TotalAmt":5.10}')
    assert b'"TotalAmt":5.10' in row(entity="Payment", payload=payload).payload


def test_defaults_stand_where_the_record_says_nothing() -> None:
    defaults = Defaults(realm_id="1", entity="Vendor", operation="update")
    assert defaults.over({"entity": "Customer"}) == {"realm_id": "1", "entity": "Customer", "operation": "update"}
    assert defaults.over({"realm_id": None, "payload": None})["realm_id"] == "1", "an empty cell is made null"


def test_long_numbers_are_taken() -> None:
    for number in (10**20 - 1, Decimal("0.12345678901234567890"), Decimal("1.5E+3")):
        assert row(payload={"DisplayName": "A", "Balance": number}).payload
