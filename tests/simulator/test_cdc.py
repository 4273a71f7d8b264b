"""Change data capture: what it carries, in which order, what it cuts, what it refuses."""

from __future__ import annotations

import json

import pytest

from backfill.simulator.call import Call

REALM = "9130357000000001"


@pytest.fixture
def cdc(simulator_of):
    def asked(entities: str, since: str, **settings: object) -> tuple[int, dict]:
        params = {"entities": entities, "changedSince": since}
        call = Call(REALM, "GET", "/cdc", params, {"accept": "application/json"})
        answer = simulator_of(**settings).api.handle(call)
        return answer.status, json.loads(answer.body)

    return asked


def elements(body: dict) -> list[dict]:
    assert list(body) == ["CDCResponse", "time"]
    (response,) = body["CDCResponse"]
    return response["QueryResponse"]


def test_one_element_per_entity_and_an_empty_one_where_nothing_changed(cdc) -> None:
    status, body = cdc("Customer,bill, Estimate", "2026-11-03T00:00:00Z")
    assert status == 200
    customer, bill, estimate = elements(body)
    assert customer == {}
    assert list(bill) == ["Bill", "startPosition", "maxResults"]
    assert (bill["startPosition"], bill["maxResults"]) == (1, 1)
    assert estimate == {}


def test_live_rows_oldest_change_first_then_stubs(cdc, small_company, clock) -> None:
    clock.forward(hours=1)
    small_company.replace("Invoice", "2", {"TotalAmt": 1})
    clock.forward(hours=1)
    small_company.delete("Invoice", "5")
    clock.forward(hours=1)
    small_company.delete("Invoice", "4")
    (invoices,) = elements(cdc("Invoice", "2026-11-01T00:00:00Z")[1])
    assert [row["Id"] for row in invoices["Invoice"]] == ["1", "3", "6", "2", "5", "4"]
    assert invoices["maxResults"] == 6
    assert invoices["Invoice"][-1] == {
        "domain": "QBO",
        "status": "Deleted",
        "Id": "4",
        "MetaData": {"LastUpdatedTime": "2026-11-20T13:00:00-08:00"},
    }
    (later,) = elements(cdc("Invoice", "2026-11-20T12:00:00-08:00")[1])
    assert [row["Id"] for row in later["Invoice"]] == ["5", "4"], "from the very second on"
    (live,) = elements(cdc("Invoice", "2026-11-20T11:00:00-08:00")[1])
    assert [row["Id"] for row in live["Invoice"]] == ["2", "5", "4"]
    (last,) = elements(cdc("Invoice", "2026-11-20T12:00:01-08:00")[1])
    assert [row["Id"] for row in last["Invoice"]] == ["4"]


def test_rows_made_inactive_come_as_ordinary_rows(cdc, small_company) -> None:
    small_company.replace("Customer", "2", {"DisplayName": "PG&E (deleted)", "Active": False})
    (customers,) = elements(cdc("Customer", "2026-11-19T00:00:00Z")[1])
    assert [(row["Id"], row["Active"]) for row in customers["Customer"]] == [("2", False)]


def test_the_cap_cuts_deleted_stubs_first_and_says_nothing(cdc, small_company) -> None:
    small_company.delete("Invoice", "1")
    everything = cdc("Invoice,Bill", "2026-11-01T00:00:00Z")[1]
    assert [element["maxResults"] for element in elements(everything)] == [6, 1]
    invoices, bills = elements(cdc("Invoice,Bill", "2026-11-01T00:00:00Z", cdc_object_cap=6)[1])
    assert all("status" not in row for row in invoices["Invoice"])
    assert (len(invoices["Invoice"]), len(bills["Bill"])) == (5, 1)
    invoices, bills = elements(cdc("Invoice,Bill", "2026-11-01T00:00:00Z", cdc_object_cap=3)[1])
    assert [row["Id"] for row in invoices["Invoice"]] == ["2", "3", "4"]
    assert bills == {}


LEFT_OUT = ["ExchangeRate", "TaxCode", "TaxRate", "TimeActivity"]


@pytest.mark.parametrize("entity", LEFT_OUT)
def test_what_it_leaves_out_has_never_changed(cdc, small_company, entity: str) -> None:
    small_company.create(entity, {"Name": "new", "SourceCurrencyCode": "XAU", "AsOfDate": "2026-11-20"})
    status, body = cdc(f"Customer,{entity}", "2026-11-10T00:00:00Z")
    assert (status, elements(body)[1]) == (200, {})
    carried = elements(cdc(entity, "2026-11-10T00:00:00Z", cdc_also=(entity,))[1])
    assert list(carried[0]) == [entity, "startPosition", "maxResults"], "unless it is carried after all"


@pytest.mark.parametrize(
    ("entity", "left_out"),
    [(name, "silent") for name in ("JournalCode", "TaxAgency", "RecurringTransaction", "Custmoer")]
    + [(name, "refused") for name in LEFT_OUT],
)
def test_entities_it_does_not_carry_are_refused(cdc, entity: str, left_out: str) -> None:
    status, body = cdc(f"Customer,{entity}", "2026-11-10T00:00:00Z", cdc_left_out=left_out)
    assert (status, body["Fault"]["Error"][0]["code"]) == (400, "2000")
    assert entity in body["Fault"]["Error"][0]["Detail"]


def test_more_than_thirty_days_back_is_refused(cdc, clock) -> None:
    assert cdc("Customer", "2026-10-21T18:00:01Z")[0] == 200
    status, body = cdc("Customer", "2026-10-21T17:59:59Z")
    assert (status, body["Fault"]["Error"][0]["code"]) == (400, "500")
    assert body["Fault"]["Error"][0]["Detail"] == (
        "Operation cdc with changedSince date {2026-10-21T17:59:59Z} which is older than fixed days is not supported."
    )
    assert cdc("Customer", "2026-10-21T17:59:59Z", cdc_max_age_days=31)[0] == 200


@pytest.mark.parametrize(
    ("entities", "since", "code"),
    [("", "2026-11-10T00:00:00Z", "2020"), ("Customer", "", "2020"), ("Customer", "yesterday", "2070")],
)
def test_missing_and_wrong_parameters(cdc, entities: str, since: str, code: str) -> None:
    status, body = cdc(entities, since)
    assert (status, body["Fault"]["Error"][0]["code"]) == (400, code)


def test_a_poisoned_row_fails_the_call_only_when_it_changed(cdc) -> None:
    poisoned = {(REALM, "Invoice"): {"1"}}
    assert cdc("Invoice", "2026-11-01T00:00:00Z", poisoned=poisoned)[1]["Fault"]["Error"][0]["code"] == "4002"
    assert cdc("Invoice", "2026-11-04T00:00:00Z", poisoned=poisoned)[0] == 200
