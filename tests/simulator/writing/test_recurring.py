"""Templates of transactions: wrapped in what they make, without what comes with each transaction made of them."""

from __future__ import annotations

from typing import Any

PATH = "recurringtransaction"


def template(counter: Any, **schedule: Any) -> dict[str, Any]:
    info = {"Name": counter.new_name("Rent"), "RecurType": "Automated", "ScheduleInfo": schedule}
    return {"Bill": counter.sample("Bill") | {"RecurringInfo": info}}


def test_a_template_is_answered_in_its_wrapper(counter) -> None:
    before = counter.company.changes
    made = counter.post(PATH, template(counter, StartDate="2026-12-01", IntervalType="Monthly", DayOfMonth=1))
    assert list(made) == ["Bill"]
    bill = made["Bill"]
    assert bill["RecurringInfo"]["Active"] is True
    assert bill["RecurringInfo"]["ScheduleInfo"]["NextDate"] == "2026-12-01"
    assert bill["TotalAmt"] == 100
    assert not {"DocNumber", "DueDate", "LinkedTxn", "Balance"} & bill.keys()
    assert counter.get(f"{PATH}/{bill['Id']}") == made
    assert counter.company.changes == before + 1, "nothing is owed yet"


def test_a_template_is_updated_whole_and_sparse(counter) -> None:
    bill = counter.post(PATH, template(counter))["Bill"]
    whole = counter.post(PATH, {"Bill": bill | {"Line": [counter.expense_line(250)]}})["Bill"]
    assert (whole["Id"], whole["SyncToken"], whole["TotalAmt"]) == (bill["Id"], "1", 250)
    sparse = {"Id": bill["Id"], "SyncToken": "1", "sparse": True, "PrivateNote": "x"}
    changed = counter.post(PATH, {"Bill": sparse})["Bill"]
    assert (changed["PrivateNote"], changed["TotalAmt"]) == ("x", 250)
    assert counter.fault(PATH, {"Bill": sparse})["code"] == "5010"
    assert counter.fault(PATH, {"Invoice": sparse | {"SyncToken": "2"}})["code"] == "2010"


def test_a_template_is_deleted_in_its_wrapper_or_by_its_id(counter) -> None:
    for wrapped in (True, False):
        bill = counter.post(PATH, template(counter))["Bill"]
        body = {"Id": bill["Id"], "SyncToken": "0"}
        gone = counter.post(PATH, {"Bill": body} if wrapped else body, operation="delete")
        assert gone == {"Bill": {"domain": "QBO", "status": "Deleted", "Id": bill["Id"]}}


def test_what_makes_nothing_is_refused(counter) -> None:
    assert counter.fault(PATH, {"Customer": {}})["code"] == "2010"
    assert counter.fault(PATH, {})["code"] == "2020"
    error = counter.fault(PATH, {"Bill": counter.sample("Bill")})
    assert (error["code"], error["element"]) == ("2020", "RecurringInfo.Name")


def test_clients_ask_for_templates_by_what_they_make(counter) -> None:
    bill = counter.post(PATH, template(counter))["Bill"]
    counter.post(PATH, counter.sample("RecurringTransaction"))
    _, answer = counter.call("GET", "/query", query="SELECT * FROM RecurringTransaction WHERE Type = 'Bill'")
    assert [row["Bill"]["Id"] for row in answer["QueryResponse"]["RecurringTransaction"]] == [bill["Id"]]
