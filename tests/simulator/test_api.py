"""The API's paths: reads, singletons, what is refused, and the forms of the answers."""

from __future__ import annotations

import json
from datetime import datetime
from xml.etree import ElementTree as ET

import pytest

from backfill.simulator.api import Api
from backfill.simulator.call import Call
from backfill.wire import Lane

REALM = "9130357000000001"
JSON = {"accept": "application/json"}


@pytest.fixture
def api(simulator_of) -> Api:
    return simulator_of().api


def call(method: str, path: str, *, body: bytes = b"", headers: dict[str, str] | None = None, **params: str) -> Call:
    return Call(REALM, method, path, params, JSON if headers is None else headers, body)


def test_a_query_by_get_and_by_post(api: Api) -> None:
    text = "SELECT * FROM Customer WHERE DisplayName = 'PG&E'"
    by_get = json.loads(api.handle(call("GET", "/query", query=text, minorversion="75")).body)
    by_post = json.loads(api.handle(call("POST", "/query", body=text.encode())).body)
    assert list(by_get) == ["QueryResponse", "time"]
    assert by_get["QueryResponse"] == by_post["QueryResponse"]
    assert by_get["QueryResponse"]["maxResults"] == 1
    assert datetime.fromisoformat(by_get["time"]) < datetime.fromisoformat(by_post["time"]), "every answer its instant"


READS = [
    ("/customer/2", "Customer"),
    ("/customer/4", "Customer"),  # inactive: hidden from queries, there to be read
    ("/invoice/1", "Invoice"),
    ("/taxcode/1", "TaxCode"),
    ("/creditcardpayment/8", "CreditCardPaymentTxn"),
    ("/recurringtransaction/9", "RecurringTransaction"),
    (f"/companyinfo/{REALM}", "CompanyInfo"),
    ("/companyinfo/1", "CompanyInfo"),
    ("/preferences", "Preferences"),
    ("/taxclassification/1", "TaxClassification"),
    ("/taxclassification", "QueryResponse"),
]


@pytest.mark.parametrize(("path", "key"), READS)
def test_reads_of_single_objects(api: Api, path: str, key: str) -> None:
    answer = api.handle(call("GET", path))
    assert answer.status == 200
    assert list(json.loads(answer.body)) == [key, "time"]
    assert answer.rows == 1


def test_exchange_rates_are_as_of_a_day(api: Api) -> None:
    for params, rate in [
        ({"sourcecurrencycode": "EUR"}, 1.2),
        ({"sourcecurrencycode": "eur", "asofdate": "2026-10-01"}, 1.1),
        ({"sourcecurrencycode": "EUR", "asofdate": "2026-12-31"}, 1.2),
    ]:
        assert json.loads(api.handle(call("GET", "/exchangerate", **params)).body)["ExchangeRate"]["Rate"] == rate
    early = api.handle(call("GET", "/exchangerate", sourcecurrencycode="EUR", asofdate="2026-09-30"))
    assert (early.status, early.code) == (400, "610")


REFUSED = [
    ("GET", "/invoice/77", {}, "610"),
    ("GET", "/companyinfo/42", {}, "610"),
    ("GET", "/exchangerate", {}, "2020"),
    ("GET", "/query", {}, "4000"),
    ("GET", "/query", {"query": "SELECT * FROM Custmoer"}, "4001"),
    ("POST", "/invoice", {}, "2010"),
    ("POST", "/invoice", {"operation": "revert"}, "2010"),
    ("POST", "/invoice/1", {}, "500"),
    ("POST", "/taxservice/taxrate", {}, "500"),
    ("GET", "/invoice", {}, "500"),
    ("GET", "/customer/1/pdf", {}, "500"),
    ("GET", "/reports/Nonsense", {}, "5020"),
    ("GET", "/reports/ProfitAndLoss", {"start_date": "tomorrow"}, "2070"),
    ("GET", "/reports", {}, "500"),
    ("GET", "/reports/ProfitAndLoss/1", {}, "500"),
    ("POST", "/reports/ProfitAndLoss", {}, "500"),
    ("DELETE", "/invoice/1", {}, "500"),
    ("GET", "/nonsense", {}, "500"),
    ("GET", "/", {}, "500"),
    ("GET", "/preferences", {"minorversion": "new"}, "10000"),
]


@pytest.mark.parametrize(("method", "path", "params", "code"), REFUSED)
def test_what_is_refused_is_400_with_an_application_fault(
    api: Api, method: str, path: str, params: dict[str, str], code: str
) -> None:
    answer = api.handle(call(method, path, **params))
    body = json.loads(answer.body)
    assert (answer.status, answer.code, answer.content_type) == (400, code, "application/json")
    assert list(body) == ["Fault", "time"]
    (error,) = body["Fault"]["Error"]
    assert error["code"] == code


def test_a_deleted_object_is_not_found(api: Api, small_company) -> None:
    small_company.delete("Invoice", "3")
    fault = json.loads(api.handle(call("GET", "/invoice/3")).body)["Fault"]
    assert fault == {
        "Error": [
            {
                "Message": "Object Not Found",
                "Detail": "Object Not Found : Something you're trying to use has been made inactive. "
                "Check the fields with accounts, customers, items, vendors or employees.",
                "code": "610",
                "element": "",
            }
        ],
        "type": "ValidationFault",
    }


def test_a_statement_that_is_not_utf_8_is_refused(api: Api) -> None:
    assert "Invalid byte" in api.handle(call("POST", "/query", body=b"select \xff")).body.decode()


@pytest.mark.parametrize("headers", [{}, {"accept": "application/xml"}, {"accept": "text/html"}])
def test_without_json_accepted_the_answer_is_xml(api: Api, headers: dict[str, str]) -> None:
    for path, code in (("/invoice/77", "610"), ("/invoice/1", "500")):
        answer = api.handle(call("GET", path, headers=headers))
        root = ET.fromstring(answer.body)
        assert answer.content_type.startswith("application/xml")
        assert root.tag == "{http://schema.intuit.com/finance/v3}IntuitResponse"
        assert root.find(".//{*}Error").attrib["code"] == code


def test_a_write_whose_answer_could_not_be_read_does_nothing(api: Api, small_company) -> None:
    before = small_company.changes
    for path, body in (("/vendor", b'{"DisplayName":"New"}'), ("/taxservice/taxcode", b"{}")):
        answer = api.handle(call("POST", path, body=body, headers={"accept": "application/xml"}))
        assert (answer.status, answer.code) == (400, "500")
    assert small_company.changes == before


@pytest.mark.parametrize("accept", ["application/json", "*/*", "application/pdf, application/json", "Application/*"])
def test_json_where_it_is_accepted(api: Api, accept: str) -> None:
    assert json.loads(api.handle(call("GET", "/invoice/1", headers={"accept": accept})).body)["Invoice"]["Id"] == "1"


def test_the_time_of_an_answer_is_the_state_it_shows(api: Api, small_company) -> None:
    """What was read equals the company at the answer's `time`, whatever changed within the same millisecond."""
    for number in range(20):
        small_company.create("Term", {"Name": f"T{number}", "Active": True})
        body = json.loads(api.handle(call("GET", "/query", query="SELECT * FROM Term MAXRESULTS 1000")).body)
        small_company.create("Term", {"Name": f"U{number}", "Active": True})
        state = small_company.state_at(datetime.fromisoformat(body["time"]))["Term"]
        assert {row["Id"]: row for row in body["QueryResponse"]["Term"]} == {
            object_id: json.loads(doc) for object_id, doc in state.items()
        }


@pytest.mark.parametrize(
    ("method", "path", "lane"),
    [
        ("GET", "/query", Lane.QUERY),
        ("POST", "/query", Lane.QUERY),
        ("GET", "/invoice/1", Lane.QUERY),
        ("POST", "/batch", Lane.BATCH),
        ("GET", "/cdc", Lane.CDC),
        ("GET", "/reports/ProfitAndLoss", Lane.REPORT),
        ("POST", "/invoice", Lane.WRITE),
    ],
)
def test_lanes_follow_from_the_path(method: str, path: str, lane: Lane) -> None:
    assert call(method, path).lane is lane
