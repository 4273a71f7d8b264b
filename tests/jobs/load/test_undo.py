"""What takes a row back."""

from __future__ import annotations

import json
from typing import Any

from backfill.jobs.load.undo import Reversal, reversal_of
from backfill.model import RealmId
from backfill.qbo.operations import Operation

BEFORE = (
    b'{"Id":"9","SyncToken":"4","MetaData":{},"domain":"QBO","Notes":"old","Balance":1.50,'
    b'"Line":[{"Id":"1","Amount":2}]}'
)


def reversed_(entity: str, operation: Operation, *, before: bytes | None = None, **more: Any) -> Reversal:
    return reversal_of(3, RealmId("42"), entity, operation, "9", before, line=1, made=more.get("made", ()))


def payload(found: Reversal) -> Any:
    assert found.row is not None
    return json.loads(found.row.payload)


def test_what_was_made_is_deleted_or_made_inactive() -> None:
    found = reversed_("Invoice", Operation.CREATE)
    assert found.row is not None
    assert (found.row.operation, payload(found), found.row.undoes, found.caveat) == ("delete", {"Id": "9"}, 3, "")
    assert found.row.source_key == "undo:3"
    name = reversed_("Customer", Operation.CREATE)
    assert name.words == "make inactive Customer 9"
    assert name.caveat


def test_what_was_changed_is_made_what_it_was() -> None:
    found = reversed_("Customer", Operation.UPDATE, before=BEFORE)
    assert found.row is not None
    assert found.row.operation == "full_update"
    assert b'"Balance":1.50' in found.row.payload
    assert payload(found) == {"Id": "9", "Notes": "old", "Balance": 1.5, "Line": [{"Id": "1", "Amount": 2}]}


def test_what_was_deleted_is_made_again_and_what_was_made_inactive_is_made_active() -> None:
    found = reversed_("Invoice", Operation.DELETE, before=BEFORE)
    assert found.row is not None
    assert (found.row.operation, "Id" in payload(found)) == ("create", False)
    assert found.caveat == "under another Id, and without its links"
    assert reversed_("Customer", Operation.DELETE, before=BEFORE).words == "make Customer 9 what it was"


def test_changes_of_what_goes_altogether_need_no_reversal() -> None:
    made = {("42", "Invoice", "9")}
    assert reversed_("Invoice", Operation.UPDATE, before=BEFORE, made=made).row is None
    assert reversed_("Invoice", Operation.CREATE, made=made).row is not None


def test_what_cannot_be_taken_back_says_so() -> None:
    assert reversed_("TaxAgency", Operation.CREATE) == Reversal(
        None, "TaxAgency 9 stays", "QuickBooks has no way to take it away"
    )
    assert "not known" in reversed_("Invoice", Operation.UPDATE).caveat
    assert "void" in reversed_("Invoice", Operation.VOID, before=BEFORE).caveat
