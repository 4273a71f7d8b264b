"""What statements answer over a small company: rows and their order, or the exact fault."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backfill.simulator.company import Company
from backfill.simulator.faults import FaultedError
from backfill.simulator.query.answer import answer_query
from backfill.simulator.settings import SimulatorSettings

Ask = Callable[..., dict]


@pytest.fixture
def ask(small_company: Company) -> Ask:
    """The decoded `QueryResponse` of a statement; keyword arguments are settings."""

    def answered(text: str, **options: object) -> dict:
        found = answer_query(text, small_company, SimulatorSettings(**options), small_company.stamp())
        return json.loads(found.body, parse_float=Decimal)

    return answered


def ids(response: dict) -> str:
    """The Ids of the only array in a response, blank-separated."""
    (rows,) = (value for value in response.values() if isinstance(value, list))
    return " ".join(row["Id"] for row in rows)


ROWS = [
    # Inactive rows of lists are hidden unless Active is named; lists come by name, byte by byte.
    ("Customer", "2 3 1 5"),
    ("customer WHERE Active IN (true, false)", "4 2 3 1 5"),
    ("Customer WHERE Active = false", "4"),
    ("Customer WHERE Active = true AND Active = false", ""),
    ("Customer WHERE Id = '4'", ""),
    ("Customer WHERE Id IN ('4', '5', '77') AND Active IN (true, false)", "4 5"),
    ("Customer WHERE Id = '2' AND Id = '3'", ""),
    # Values are compared without case, LIKE has % only.
    ("Customer WHERE DisplayName = 'pg&e'", "2"),
    ("Customer WHERE DisplayName LIKE 'p%'", "2 3"),
    ("Customer WHERE DisplayName LIKE '%S_itz'", ""),
    ("Customer WHERE DisplayName LIKE '%SEITZ'", "3"),
    ("Customer WHERE DisplayName LIKE '%q%d\\'%'", "5"),
    ("Customer WHERE DisplayName = 'zoë\\'s cafe'", "1"),
    ("Customer WHERE DisplayName = 'back\\\\slash \\'quoted\\' 😀'", "5"),
    # Numbers compare as numbers, however they are written.
    ("Customer WHERE Balance > 22.5", "2"),
    ("Customer WHERE Balance >= '22.50'", "2 3"),
    ("Customer WHERE Balance < '0'", "5"),
    ("Customer WHERE Balance IN ('639', '22.5')", "2 3"),
    ("Customer WHERE Balance = 'much'", ""),
    ("Customer WHERE Job = true", "5"),
    # Nested attributes; a blank asks for the absent.
    ("Customer WHERE BillAddr.City = 'bayshore'", "1"),
    ("Customer WHERE BillAddr.City = ' '", "2 5"),
    # References compare by value; transactions come by the last change, newest first.
    ("Invoice WHERE CustomerRef = '1'", "6 3"),
    ("Invoice WHERE customerref.VALUE IN ('2')", "4 1"),
    ("Invoice WHERE TxnDate < '2026-10-03' ORDERBY TxnDate", "1 2"),
    ("Invoice WHERE TxnDate = '2026-10-03T10:00:00-07:00'", "3"),
    ("Invoice WHERE TxnDate > CURRENT_DATE", ""),
    ("Invoice WHERE TxnDate <= CURRENT_DATE AND TotalAmt >= '300.50' ORDERBY TotalAmt", "3 4 5 6"),
    ("Invoice ORDERBY TotalAmt DESC MAXRESULTS 2", "6 5"),
    ("Invoice ORDERBY TotalAmt DESC MAXRESULTS 2 STARTPOSITION 3", "4 3"),
    ("Invoice ORDER BY DocNumber STARTPOSITION 6", "6"),
    ("Invoice ORDERBY DocNumber STARTPOSITION 7", ""),
    ("Invoice ORDERBY CustomerRef, TotalAmt DESC", "6 3 4 1 5 2"),
    ("Customer ORDERBY Balance DESC, DisplayName", "2 3 1 5"),
    # An element of a list is enough.
    ("Attachable WHERE AttachableRef.EntityRef.Type = 'purchase' AND AttachableRef.EntityRef.value = '611'",
     "5000000000000503624"),
    ("Attachable WHERE AttachableRef.EntityRef.value = '612'", ""),
    # Odd ones
    ("CreditCardPayment", "8"),
    ("TaxCode", "1"),
    ("Preferences", "1"),
    ("CompanyInfo", "1"),
]  # fmt: skip


@pytest.mark.parametrize(("rest", "expected"), ROWS)
def test_statements_select_these_rows_in_this_order(ask: Ask, rest: str, expected: str) -> None:
    response = ask(f"SELECT * FROM {rest}")
    assert (ids(response) if response else "") == expected


@pytest.mark.parametrize(("rest", "expected"), ROWS)
def test_count_agrees_with_the_rows(ask: Ask, rest: str, expected: str) -> None:
    bare = re.split(" ORDER| STARTPOSITION", rest)[0]
    whole = ask(f"SELECT * FROM {bare} MAXRESULTS 1000")
    # Of CompanyInfo, the sandbox gave a public client's tests no number.
    counted = {"totalCount": whole.get("maxResults", 0)} if bare != "CompanyInfo" else {}
    assert ask(f"SELECT COUNT(*) FROM {bare}") == counted


@pytest.mark.parametrize("entity", ["CustomerType", "ExchangeRate"])
def test_what_cannot_be_counted(ask: Ask, entity: str) -> None:
    with pytest.raises(FaultedError) as raised:
        ask(f"SELECT COUNT(*) FROM {entity} WHERE SourceCurrencyCode = 'EUR'")
    assert (raised.value.fault.code, raised.value.fault.type) == ("4002", "Service")
    ask(f"SELECT COUNT(*) FROM {entity}", uncounted=())


def test_a_sku_that_is_not_named_is_answered_or_left_out(ask: Ask, small_company: Company) -> None:
    small_company.create("Item", {"Name": "Shells", "Active": True, "Sku": "S-1", "Type": "Service"})
    asked = ("SELECT * FROM Item", "SELECT *, sku FROM Item", "SELECT Name FROM Item")
    found = {
        setting: [row.get("Sku") for text in asked for row in ask(text, unnamed_sku=setting)["Item"]]
        for setting in ("answered", "left_out")
    }
    assert found == {"answered": ["S-1", "S-1", None], "left_out": [None, "S-1", None]}
    (row,) = ask("SELECT * FROM Item", unnamed_sku="left_out")["Item"]
    assert (row["Name"], row["sparse"], row["SyncToken"]) == ("Shells", False, "0")


def test_what_no_query_reaches(ask: Ask) -> None:
    for what in ("*", "COUNT(*)"):
        with pytest.raises(FaultedError, match="Metadata not found for Entity: Bill"):
            ask(f"SELECT {what} FROM Bill", unqueried=("Bill",))


def test_exchange_rates_are_answered_without_a_filter_or_refused(ask: Ask) -> None:
    assert ask("SELECT * FROM ExchangeRate")["maxResults"] > 1
    with pytest.raises(FaultedError, match="'SourceCurrencyCode' is required"):
        ask("SELECT * FROM ExchangeRate", bare_rates="refused")
    assert ask("SELECT * FROM ExchangeRate WHERE AsOfDate = '2026-10-02'", bare_rates="refused")["maxResults"]


TIMES = [
    ("MetaData.CreateTime >= '{day3}'", "3 4 5 6"),
    ("Metadata.createtime > '{day3}'", "4 5 6"),
    ("MetaData.CreateTime <= '{day3}'", "1 2 3"),
    ("MetaData.CreateTime < '{day3}'", "1 2"),
    ("MetaData.CreateTime = '{day3}'", "3"),
    ("MetaData.CreateTime IN ('{day3}', '{day1}')", "1 3"),
    ("MetaData.CreateTime >= '{day2}' AND MetaData.CreateTime < '{day4}'", "2 3"),
    ("MetaData.CreateTime >= '{day4}' AND MetaData.CreateTime < '{day2}'", ""),
    ("MetaData.LastUpdatedTime >= '{day4}' AND MetaData.CreateTime < '{day5}'", "4"),
    ("MetaData.CreateTime >= '{day2}' AND TotalAmt < 300", "2"),
    ("MetaData.CreateTime >= '{day2}' AND Id IN ('1', '2')", "2"),
]


@pytest.mark.parametrize(("condition", "expected"), TIMES)
@pytest.mark.parametrize("column", ["MetaData.CreateTime", "MetaData.LastUpdatedTime"])
@pytest.mark.parametrize("zone", ["-08:00", "+00:00", "Z", "+05:30", ""])
def test_times_compare_as_instants_and_without_an_offset_are_pacific(
    ask: Ask, small_company: Company, condition: str, expected: str, column: str, zone: str
) -> None:
    shift = {"-08:00": -8, "+00:00": 0, "Z": 0, "+05:30": 5.5, "": -8}[zone]
    days: dict[str, str] = {}
    for number in range(1, 6):
        row = small_company.table("Invoice").get(str(number))
        assert row is not None
        # All of these invoices are of November, when Pacific time is eight hours behind.
        local = datetime.fromtimestamp(row.created, UTC)
        days[f"day{number}"] = (local + timedelta(hours=shift)).strftime("%Y-%m-%dT%H:%M:%S") + zone
    response = ask(f"SELECT * FROM Invoice WHERE {condition.format(**days)} ORDERBY {column}")
    assert sorted(ids(response).split() if response else []) == expected.split()


FAULTS = [
    ("SELECT * FROM Custmoer", "invalid context declaration: Custmoer"),
    ("SELECT * FROM TaxClassification", "Metadata not found for Entity: TaxClassification"),
    ("SELECT * FROM Customer WHERE Id = 'five'", "value five is not a valid number for property Id"),
    ("SELECT * FROM Customer WHERE Id IN ('5', '1.5')", "value 1.5 is not a valid number for property Id"),
    ("SELECT * FROM CompanyInfo WHERE DocNumber = '1'", "Property DocNumber not found for Entity CompanyInfo"),
    ("SELECT Colour FROM Customer", "Property Colour not found for Entity Customer"),
    ("SELECT * FROM Invoice WHERE Active = true", "Property Active not found for Entity Invoice"),
    ("SELECT * FROM Customer WHERE BillAddr.Planet = 'x'", "Property BillAddr.Planet not found for Entity Customer"),
    ("SELECT * FROM Customer ORDERBY Colour", "Property Colour not found for Entity Customer"),
    ("SELECT * FROM Invoice WHERE Line = '1'", "property 'Line' is not queryable"),
    ("SELECT * FROM Customer WHERE CustomerTypeRef = '1'", "property 'CustomerTypeRef' is not queryable"),
    # Met by public clients, each of one entity or of all.
    ("SELECT * FROM Account WHERE AcctNum = '6010'", "property 'AcctNum' is not queryable"),
    ("SELECT * FROM Vendor WHERE PrimaryEmailAddr = 'a@b.example'", "property 'PrimaryEmailAddr' is not queryable"),
    ("SELECT * FROM Invoice WHERE PrivateNote LIKE '%x%'", "property 'PrivateNote' is not queryable"),
    ("SELECT * FROM Account ORDERBY AcctNum", "property 'AcctNum' is not queryable"),
    ("SELECT * FROM Customer WHERE Id > '1'", "operator > is not supported for property Id"),
    ("SELECT * FROM Customer WHERE Id LIKE '1%'", "operator like is not supported for property Id"),
    ("SELECT * FROM Customer WHERE Active = 'maybe'", "value maybe is not a boolean"),
    (
        "SELECT * FROM Invoice WHERE MetaData.CreateTime > 'soon'",
        "value soon is not a date for property MetaData.CreateTime",
    ),
    # A plus that was not URL-encoded.
    (
        "SELECT * FROM Invoice WHERE MetaData.CreateTime > '2026-01-01T00:00:00 00:00'",
        "value 2026-01-01T00:00:00 00:00 is not a date for property MetaData.CreateTime",
    ),
]


@pytest.mark.parametrize(("text", "detail"), FAULTS)
def test_what_the_entity_does_not_have_is_4001(ask: Ask, text: str, detail: str) -> None:
    with pytest.raises(FaultedError) as raised:
        ask(text)
    assert (raised.value.fault.code, raised.value.fault.message) == ("4001", "Invalid query")
    assert raised.value.fault.detail == f"QueryValidationError: {detail}"


WORDS = """SELECT * COUNT ( ) , FROM Customer Invoice Preferences WHERE AND OR IN = < >= LIKE ORDERBY ORDER BY DESC
STARTPOSITION MAXRESULTS 1 0 1000 -5 1.5 99999999999999999999 true CURRENT_DATE ' '' '1' '%' '\\\\' \\ % 'NaN'
Id Active Balance TxnDate MetaData.CreateTime CustomerRef BillAddr.City Line '0001-01-01T00:00:00+14:00'
'9999-12-31T23:59:59-14:00' '1e999999'"""
STARTS = ["", "SELECT * FROM Customer WHERE ", "SELECT * FROM Invoice ORDERBY ", "SELECT * FROM Item WHERE Name = "]


@given(st.lists(st.sampled_from(WORDS.split()), max_size=12), st.sampled_from(STARTS))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_statement_whatever_does_more_than_fault(ask: Ask, words: list[str], start: str) -> None:
    with suppress(FaultedError):
        ask(start + " ".join(words))


def test_response_shapes(ask: Ask) -> None:
    found = ask("SELECT * FROM Customer STARTPOSITION 2 MAXRESULTS 2")
    assert list(found) == ["Customer", "startPosition", "maxResults"]
    assert (found["startPosition"], found["maxResults"]) == (2, 2)
    assert ask("SELECT * FROM Estimate") == {}
    assert ask("SELECT COUNT(*) FROM Estimate") == {"totalCount": 0}
    assert list(ask("SELECT * FROM CreditCardPayment")) == ["CreditCardPaymentTxn", "startPosition", "maxResults"]
    (wrapper,) = ask("SELECT * FROM RecurringTransaction")["RecurringTransaction"]
    assert list(wrapper) == ["Invoice"]
    assert ask("SELECT * FROM RecurringTransaction WHERE RecurringInfo.Name = 'monthly'")["maxResults"] == 1
    assert ask("SELECT * FROM exchangerate WHERE sourcecurrencycode IN ('EUR') AND asofdate='2026-10-02'") == {
        "ExchangeRate": [row for row in ask("SELECT * FROM ExchangeRate WHERE SourceCurrencyCode='EUR'")["ExchangeRate"]
                         if row["AsOfDate"] == "2026-10-02"],
        "startPosition": 1,
        "maxResults": 1,
    }  # fmt: skip


def test_rows_are_the_stored_bytes(small_company: Company) -> None:
    found = answer_query(
        "SELECT * FROM Customer WHERE Id = '2'", small_company, SimulatorSettings(), small_company.stamp()
    )
    row = small_company.table("Customer").get("2")
    assert row is not None
    assert b'"Balance":639.00' in row.doc
    assert found.body == b'{"Customer":[%b],"startPosition":1,"maxResults":1}' % row.doc


def test_projections_are_sparse_and_keep_the_scale_of_numbers(small_company: Company) -> None:
    found = answer_query(
        "SELECT displayname, Balance, BillAddr.City, MetaData.CreateTime FROM Customer WHERE Id IN ('2', '3')",
        small_company,
        SimulatorSettings(),
        small_company.stamp(),
    ).body
    assert b'"Balance":639.00' in found
    two, three = json.loads(found)["Customer"]
    assert list(two) == ["domain", "sparse", "Id", "DisplayName", "Balance", "MetaData"]
    assert two["sparse"] is True
    assert list(two["MetaData"]) == ["CreateTime"]
    assert three["BillAddr"] == {"City": "El Paso"}


def test_one_hundred_rows_unless_asked_for_more(small_company: Company, ask: Ask) -> None:
    for number in range(130):
        small_company.create("Term", {"Name": f"T{number}", "Active": True})
    assert ask("SELECT * FROM Term")["maxResults"] == 100
    assert ask("SELECT * FROM Term MAXRESULTS 1000")["maxResults"] == 130
    assert ask("SELECT * FROM Term MAXRESULTS 100", limit_plus_one=True)["maxResults"] == 101


def test_id_order_is_ignored_refused_or_honoured(ask: Ask) -> None:
    assert ids(ask("SELECT * FROM Customer ORDERBY Id")) == ids(ask("SELECT * FROM Customer"))
    assert ids(ask("SELECT * FROM Customer ORDERBY Id DESC", id_sort="honoured")) == "5 3 2 1"
    with pytest.raises(FaultedError, match="not sortable"):
        ask("SELECT * FROM Customer ORDERBY Id", id_sort="error")


def test_not_equal_unless_the_setting_says_otherwise(ask: Ask) -> None:
    with pytest.raises(FaultedError, match="Lexical error"):
        ask("SELECT * FROM Invoice WHERE DocNumber != '101'", not_equal=False)
    found = ask("SELECT * FROM Invoice WHERE DocNumber != '101' ORDERBY DocNumber")
    assert ids(found) == "2 3 4 5 6"


def test_tax_codes_that_are_words_stand_on_the_first_page_beyond_its_size(small_company: Company) -> None:
    at = small_company.stamp()
    for word in ("TAX", "NON"):
        doc = {"Name": word, "Active": True}
        small_company.load("TaxCode", small_company.sealed("TaxCode", word, doc, created=0, updated=0))
    small_company.create("TaxCode", {"Name": "California", "Active": True})

    def page(text: str, **settings: object) -> str:
        return ids(json.loads(answer_query(text, small_company, SimulatorSettings(**settings), at).body))

    assert page("SELECT * FROM TaxCode MAXRESULTS 1") == "TAX NON 2"
    assert page("SELECT * FROM TaxCode STARTPOSITION 2 MAXRESULTS 1") == "1"
    assert page("SELECT * FROM TaxCode WHERE Id = 'NON'") == "NON"
    assert page("SELECT * FROM TaxCode ORDERBY Name MAXRESULTS 1") == "2", "an order that is asked for is kept"
    assert page("SELECT * FROM TaxCode MAXRESULTS 1", word_tax_codes=False) == "2"


def test_jobs_come_after_their_customer(small_company: Company) -> None:
    """As recorded: a list is ordered by the fully qualified name, not by the name that is shown."""
    for name, qualified in (("A job", "Pam Seitz:A job"), ("Pam Z", "Pam Z")):
        small_company.create("Customer", {"DisplayName": name, "FullyQualifiedName": qualified, "Active": True})
    found = answer_query(
        "SELECT * FROM Customer WHERE DisplayName IN ('A job', 'Pam Z', 'Pam Seitz')",
        small_company, SimulatorSettings(), small_company.stamp(),
    )  # fmt: skip
    assert ids(json.loads(found.body)) == "3 6 7"


def test_tax_agencies_take_an_order_and_ignore_it(ask: Ask) -> None:
    plain = ids(ask("SELECT * FROM TaxAgency"))
    assert ids(ask("SELECT * FROM TaxAgency ORDERBY DisplayName")) == plain
    assert ids(ask("SELECT * FROM TaxAgency ORDERBY DisplayName DESC")) == plain


def test_poisoned_rows_fail_every_page_they_are_on_and_no_count(ask: Ask, small_company: Company) -> None:
    poisoned = {(small_company.realm_id, "Invoice"): {"4"}}
    for code, kind in (("4002", "Service"), ("10000", "SystemFault")):
        with pytest.raises(FaultedError) as raised:
            ask("SELECT * FROM Invoice", poisoned=poisoned, poison_code=code)
        assert (raised.value.fault.code, raised.value.fault.type) == (code, kind)
    assert ids(ask("SELECT * FROM Invoice ORDERBY DocNumber MAXRESULTS 3", poisoned=poisoned)) == "1 2 3"
    assert ask("SELECT COUNT(*) FROM Invoice", poisoned=poisoned) == {"totalCount": 6}
    assert ask("SELECT * FROM Bill", poisoned=poisoned)["maxResults"] == 1


def test_the_order_among_equals_holds_within_a_state_and_changes_with_it(small_company: Company, ask: Ask) -> None:
    for number in range(40):  # all in one second: the clock stands still
        small_company.create("Deposit", {"TxnDate": "2026-10-01", "TotalAmt": number % 2})
    for order in ("MetaData.CreateTime", "MetaData.LastUpdatedTime DESC", "TotalAmt", "TxnDate, TotalAmt DESC"):
        text = f"SELECT * FROM Deposit ORDERBY {order}"
        before = ids(ask(text))
        pages = [ids(ask(f"{text} STARTPOSITION {start} MAXRESULTS 7")) for start in range(1, 41, 7)]
        assert " ".join(pages) == before, "pages of one state fit together"
        small_company.create("Department", {"Name": f"for {order}", "Active": True})
        after = ids(ask(text))
        assert after != before, "who relies on the order among equals finds out"
        assert sorted(after.split()) == sorted(before.split())


def test_fast_and_naive_evaluation_agree(small_company: Company, ask: Ask, clock) -> None:
    """Random bounds, orders and pages over rows with many ties: as a plain filter and sort would have it."""
    rng = random.Random(5)
    start = clock.at
    for _ in range(60):
        clock.at = start + timedelta(seconds=rng.randrange(12))
        small_company.create("Transfer", {"TxnDate": "2026-10-01", "Amount": rng.randrange(4)})
    clock.at = start + timedelta(seconds=20)
    for object_id in rng.sample(range(9, 69), 20):
        clock.forward(seconds=rng.randrange(2))
        row = small_company.table("Transfer").get(str(object_id))
        if row is not None:
            small_company.replace("Transfer", row.id, {"TxnDate": "2026-10-01", "Amount": 9})
    rows = list(small_company.table("Transfer").all())
    compare = {"<": int.__lt__, "<=": int.__le__, ">": int.__gt__, ">=": int.__ge__, "=": int.__eq__}
    columns = {"created": "MetaData.CreateTime", "updated": "MetaData.LastUpdatedTime"}
    for _ in range(300):
        bounds = [
            (rng.choice(list(columns)), rng.choice(list(compare)), getattr(rng.choice(rows), rng.choice(list(columns))))
            for _ in range(rng.randrange(4))
        ]
        expected = [row for row in rows if all(compare[o](getattr(row, c), at) for c, o, at in bounds)]
        column, descending = rng.choice(list(columns)), rng.random() < 0.5
        first, size = rng.randrange(1, 20), rng.randrange(1, 30)
        where = " AND ".join(f"{columns[c]} {o} '{small_company.offset_text(at)}'" for c, o, at in bounds)
        text = (
            f"SELECT * FROM Transfer {'WHERE ' + where if where else ''} ORDERBY {columns[column]} "
            f"{'DESC' if descending else ''} STARTPOSITION {first} MAXRESULTS {size}"
        )
        response = ask(text)
        found = ids(response).split() if response else []
        keys = sorted((getattr(row, column) for row in expected), reverse=descending)[first - 1 : first - 1 + size]
        by_id = {row.id: row for row in expected}
        assert [getattr(by_id[object_id], column) for object_id in found] == keys, text
        assert len(set(found)) == len(found), text
        assert ask(f"SELECT COUNT(*) FROM Transfer {'WHERE ' + where if where else ''}") == {
            "totalCount": len(expected)
        }
