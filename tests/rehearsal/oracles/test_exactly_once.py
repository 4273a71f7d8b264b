"""What a row that must be refused may be refused with."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from backfill.load_model import LoadId, NewRow, Outcome, RowState
from backfill.model import RealmId
from backfill.rehearsal.asked_rows import AskedRow
from backfill.rehearsal.books_seen import SeenChange
from backfill.rehearsal.oracles.exactly_once import effects_of
from backfill.simulator.journal import Changed
from backfill.store.memory_ledger import KeptRow

NOW = datetime(2026, 11, 20, tzinfo=UTC)
REALM = RealmId("1")
CUSTOMER = AskedRow(realm_id=REALM, entity="Customer", operation="create", key="c", payload={}, mark="#row 1#")
WRONG = AskedRow(
    realm_id=REALM, entity="Invoice", operation="create", key="wrong", payload={}, names=("c",), fault="2500"
)


def change(id_: str, before: object, after: object, *, by_people: bool) -> SeenChange:
    raw = [None if doc is None else json.dumps(doc).encode() for doc in (before, after)]
    return SeenChange(Changed(NOW, "Customer", id_, raw[0], raw[1], counted=True), by_people)


def refused(code: str) -> KeptRow:
    new = NewRow(1, REALM, "Invoice", "create", "wrong", b"{}", b"", ("Customer/c",), "new Invoice/wrong", "", 5)
    outcome = Outcome(1, RowState.REJECTED, code=code)
    return KeptRow(1, LoadId(1), new, RowState.REJECTED, outcome=outcome)


@pytest.mark.parametrize(
    ("ended", "code", "is_right"),
    [
        ("12", "2500", True),  # refused before they did, and not asked again
        ("12", "610", True),
        ("12", "6000", False),
        ("13", "610", False),  # another customer than the row's: the answer would be another row's
        ("", "610", False),
    ],
)
def test_a_wrong_row_is_refused_for_what_people_made_inactive_first(ended: str, code: str, is_right: bool) -> None:
    """A retry of an invoice with an absent item (2500), whose customer somebody made inactive meanwhile (610)."""
    seen = [
        change("12", None, {"Notes": "#row 1#"}, by_people=False),
        change("12", {"Balance": 2}, {"Balance": 1}, by_people=True),
    ]
    if ended:
        seen.append(change(ended, {"Active": True}, {"Active": False}, by_people=True))
    effects = effects_of(REALM, [CUSTOMER, WRONG], seen)
    assert (not list(effects.wrong(WRONG, refused(code)))) == is_right
