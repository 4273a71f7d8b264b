"""References in payloads: what they name, and what stands there in the end."""

from __future__ import annotations

from typing import Any

import pytest

from backfill.errors import UsageError
from backfill.jobs.load.references import needs_of, parsed, substituted, text_of
from backfill.load_model import Need

BY_KEY = {"$ref": "customer/acme/17?x"}
BY_NAME = {"$ref": "Account", "AcctNum": " 6010 "}
PAYLOAD = {"CustomerRef": BY_KEY, "Line": [{"LinkedTxn": [{"TxnId": {"$ref": "Invoice/i1"}}]}, {"AccountRef": BY_NAME}]}


def test_needs_come_in_order_and_once() -> None:
    needs = (Need("Customer", "", "acme/17?x"), Need("Invoice", "", "i1"), Need("Account", "AcctNum", "6010"))
    assert needs_of({**PAYLOAD, "again": BY_KEY}) == needs


@pytest.mark.parametrize("need", needs_of(PAYLOAD))
def test_a_need_is_read_back_from_its_text(need: Need) -> None:
    assert parsed(text_of(need)) == need


def test_where_an_id_is_wanted_it_stands_alone_else_in_a_reference() -> None:
    ids = {"acme/17?x": "5", "i1": "9", "6010": "33"}
    assert substituted(PAYLOAD, lambda need: ids[need.value]) == {
        "CustomerRef": {"value": "5"},
        "Line": [{"LinkedTxn": [{"TxnId": "9"}]}, {"AccountRef": {"value": "33"}}],
    }
    assert substituted({"Id": {"$ref": "Invoice/i1"}}, lambda _: "9") == {"Id": "9"}


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ({"$ref": ""}, "is written"),
        ({"$ref": 5}, "is written"),
        ({"$ref": "Custmer/1"}, "no entity called"),
        ({"$ref": "Customer/"}, "nothing else stands beside it"),
        ({"$ref": "Customer/1", "DisplayName": "x"}, "nothing else stands beside it"),
        ({"$ref": "Customer"}, "one attribute of it: DisplayName"),
        ({"$ref": "Customer", "Notes": "x"}, "one attribute of it: DisplayName"),
        ({"$ref": "Customer", "DisplayName": " "}, "has a text there"),
        ({"$ref": "Payment", "TotalAmt": "5"}, "nothing: name its row by its key"),
    ],
)
def test_what_names_nothing_is_refused(reference: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        needs_of({"CustomerRef": reference})
