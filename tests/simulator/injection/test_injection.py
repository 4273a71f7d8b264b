"""Who an injection befalls: each choice alone, and all together."""

from __future__ import annotations

import json

import pytest

from backfill.errors import UsageError
from backfill.simulator.call import Call
from backfill.simulator.injection.injection import Injection
from backfill.simulator.injection.network import LostReply
from backfill.simulator.injection.subject import Subject


def subject(method: str = "GET", path: str = "/query", body: bytes = b"", **params: str) -> Subject:
    return Subject(Call("7", method, path, params, {}, body), realm_id="7", app="payroll")


QUERY = subject(query="select * from Invoice where Id = '1'")
POSTED = subject("POST", body=b"SELECT COUNT(*) FROM TaxRate")
CDC = subject(path="/cdc", entities="Bill, Invoice", changedSince="2026-11-01")
READ = subject(path="/creditmemo/5")
PDF = subject(path="/invoice/5/pdf")
SEND = subject("POST", "/invoice/5/send")
REPORT = subject(path="/reports/ProfitAndLoss")
CREATE = subject("POST", "/invoice", b'{"Line":[]}')
UPDATE = subject("POST", "/invoice", b'{"Id":"1","SyncToken":"0"}')
DELETE = subject("POST", "/invoice", b'{"Id":"1","SyncToken":"0"}', operation="delete")
VOID = subject("POST", "/payment", b'{"Id":"1","SyncToken":"0"}', operation="update", include="void")
ITEMS = [
    {"bId": "1", "operation": "create", "Vendor": {"DisplayName": "x"}},
    {"bId": "2", "operation": "update", "optionsData": "void", "Payment": {"Id": "7"}},
    {"bId": "3", "Query": "SELECT * FROM Term"},
    {"bId": "4", "CDCQuery": {"Entities": "Class,Item", "ChangedSince": "2026-11-01"}},
]
BATCH = subject("POST", "/batch", json.dumps({"BatchItemRequest": ITEMS}).encode())
NO_BATCH = subject("POST", "/batch", b"<no/>")
TOKEN = Subject(Call("", "POST", "/oauth2/v1/tokens/bearer"), realm_id="7", app="payroll")
CONSENT = Subject(Call("", "GET", "/connect/oauth2"), realm_id="", app="")


@pytest.mark.parametrize(
    ("about", "lane", "entities", "operations"),
    [
        (QUERY, "query", {"invoice"}, {"query"}),
        (POSTED, "query", {"taxrate"}, {"query"}),
        (CDC, "cdc", {"bill", "invoice"}, {"cdc"}),
        (READ, "query", {"creditmemo"}, {"read"}),
        (PDF, "query", {"invoice"}, {"pdf"}),
        (SEND, "write", {"invoice"}, {"send"}),
        (REPORT, "report", {"profitandloss"}, {"reports"}),
        (CREATE, "write", {"invoice"}, {"create"}),
        (UPDATE, "write", {"invoice"}, {"update"}),
        (DELETE, "write", {"invoice"}, {"delete"}),
        (VOID, "write", {"payment"}, {"void"}),
        (
            BATCH, "batch", {"vendor", "payment", "term", "class", "item"},
            {"batch", "create", "void", "query", "cdc"},
        ),
        (NO_BATCH, "batch", set(), {"batch"}),
        (TOKEN, "token", set(), set()),
        (CONSENT, "front", set(), set()),
    ],
)  # fmt: skip
def test_what_a_call_is_about(about: Subject, lane: str, entities: set[str], operations: set[str]) -> None:
    assert (about.lane, about.entities, about.operations) == (lane, entities, operations)


CHOICES = {
    "realms": ("7", "8"),
    "apps": ("payroll", "hr"),
    "methods": ("GET", "POST"),
    "paths": ("/qu*y", "/batch"),
    "lanes": ("query", "batch"),
    "entities": ("INVOICE", "bill"),
    "operations": ("query", "create"),
}


@pytest.mark.parametrize("choice", CHOICES)
def test_each_choice_takes_one_of_its_names_and_nothing_else(choice: str) -> None:
    right, wrong = CHOICES[choice]
    assert Injection(LostReply(), **{choice: (wrong, right)}).matches(QUERY)
    assert not Injection(LostReply(), **{choice: (wrong,)}).matches(QUERY)


def test_every_choice_must_hold() -> None:
    right = {choice: (names[0],) for choice, names in CHOICES.items()}
    assert Injection(LostReply(), **right, containing="Id = '1'").matches(QUERY)
    for choice, names in CHOICES.items():
        assert not Injection(LostReply(), **(right | {choice: (names[1],)})).matches(QUERY)
    assert not Injection(LostReply(), **right, containing="Id = '2'").matches(QUERY)


def test_a_text_is_looked_for_in_path_parameters_and_body() -> None:
    for text, about in (("creditmemo/5", READ), ("changedSince=2026", CDC), ("DisplayName", BATCH)):
        assert Injection(LostReply(), containing=text).matches(about)
        assert not Injection(LostReply(), containing=text).matches(QUERY)


@pytest.mark.parametrize(
    "nonsense",
    [
        {"from_s": -1}, {"from_s": 5, "until_s": 5}, {"after": -1}, {"times": 0}, {"every": 0}, {"probability": 0},
        {"probability": 1.1}, {"apart": "app"},
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_by_name(nonsense: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=f"lost_reply.*{list(nonsense)[-1]}"):
        Injection(LostReply(), **nonsense)
