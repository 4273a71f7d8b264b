"""Every entity with every operation it has, and every one that it has not: the contract walked row by row."""

from __future__ import annotations

import json

import pytest

from backfill.simulator.catalogue import TRAITS

CREATABLE = [name for name, traits in TRAITS.items() if traits.creatable]
UPDATABLE = [name for name in CREATABLE if TRAITS[name].updatable and TRAITS[name].has_id]
DELETABLE = [name for name in CREATABLE if TRAITS[name].deletable]
VOIDABLE = [name for name in CREATABLE if TRAITS[name].voidable]
LISTS = [name for name in UPDATABLE if TRAITS[name].is_list]
REMARKS = {
    "Account": "Description", "Attachable": "Note", "Budget": "EndDate", "Class": "Name", "CompanyCurrency": "Name",
    "Customer": "Notes", "Department": "Name", "Employee": "EmployeeNumber", "Item": "Description",
    "JournalCode": "Description", "PaymentMethod": "Name", "Term": "Name", "TimeActivity": "Description",
    "Vendor": "Notes",
}  # fmt: skip
OPERATIONS = ("create", "update", "delete", "void")


def path(entity: str) -> str:
    return TRAITS[entity].path


def inner(entity: str, doc: dict) -> dict:
    return next(iter(doc.values())) if TRAITS[entity].wrapped else doc


@pytest.mark.parametrize("entity", CREATABLE)
def test_create_answers_the_stored_object_under_its_key_and_it_can_be_read(counter, entity: str) -> None:
    status, answer = counter.call("POST", f"/{path(entity)}", counter.sample(entity))
    assert status == 200, answer
    assert list(answer) == [TRAITS[entity].array_key, "time"]
    made = inner(entity, answer[TRAITS[entity].array_key])
    assert made["domain"] == "QBO"
    if not TRAITS[entity].has_id:
        return
    assert (made["SyncToken"], made["sparse"]) == ("0", False)
    assert made["MetaData"]["CreateTime"] == made["MetaData"]["LastUpdatedTime"]
    assert counter.get(f"{path(entity)}/{made['Id']}") == answer[TRAITS[entity].array_key]
    if TRAITS[entity].is_transaction and not TRAITS[entity].wrapped:
        assert made["TxnDate"] == "2026-11-20", "dated today where the company is"


@pytest.mark.parametrize("entity", UPDATABLE)
def test_sparse_update_changes_what_it_names_and_nothing_else(counter, entity: str) -> None:
    made = counter.post(path(entity), counter.sample(entity))
    remark = REMARKS.get(entity, "PrivateNote")
    value = "2026-12-30" if remark.endswith("Date") else counter.new_name("changed")
    head = {"Id": made["Id"], "SyncToken": "0", "sparse": True}
    changed = counter.post(path(entity), {**head, remark: value})
    derived = {"SyncToken", "MetaData", remark, "FullyQualifiedName", "Line"}
    assert (changed["SyncToken"], changed[remark], changed["sparse"]) == ("1", value, False)
    assert {name: made[name] for name in made.keys() - derived} == {
        name: changed[name] for name in changed.keys() - derived
    }
    assert [line.get("Amount") for line in changed.get("Line", ())] == [
        line.get("Amount") for line in made.get("Line", ())
    ]


@pytest.mark.parametrize("entity", UPDATABLE)
def test_the_object_sent_back_as_it_was_read_changes_nothing(counter, entity: str) -> None:
    """A full update by a client that reads, edits and writes; nothing edited, and so the SyncToken stays."""
    made = counter.post(path(entity), counter.sample(entity))
    read = counter.get(f"{path(entity)}/{made['Id']}")
    assert counter.post(path(entity), read) == read


@pytest.mark.parametrize("entity", UPDATABLE)
def test_an_old_sync_token_is_stale(counter, entity: str) -> None:
    made = counter.post(path(entity), counter.sample(entity))
    error = counter.fault(path(entity), {**made, "SyncToken": "7"})
    assert (error["code"], error["Message"]) == ("5010", "Stale Object Error")
    assert error["Detail"].startswith("Stale Object Error : You and ")


@pytest.mark.parametrize("entity", UPDATABLE)
def test_an_update_of_what_is_not_there_is_610(counter, entity: str) -> None:
    error = counter.fault(path(entity), {**counter.sample(entity), "Id": "987654321", "SyncToken": "0"})
    assert error["code"] == "610"


@pytest.mark.parametrize("entity", DELETABLE)
def test_delete_answers_a_stub_and_twice_is_610(counter, entity: str) -> None:
    whole = counter.post(path(entity), counter.sample(entity))
    made = inner(entity, whole)
    body = {"Id": made["Id"], "SyncToken": made["SyncToken"]}
    status, answer = counter.call("POST", f"/{path(entity)}", body, operation="delete")
    assert status == 200, answer
    stub = {"domain": "QBO", "status": "Deleted", "Id": made["Id"]}
    assert inner(entity, answer[TRAITS[entity].array_key]) == stub
    assert counter.call("GET", f"/{path(entity)}/{made['Id']}")[1]["Fault"]["Error"][0]["code"] == "610"
    assert counter.fault(path(entity), body, operation="delete")["code"] == "610"


@pytest.mark.parametrize("entity", VOIDABLE)
@pytest.mark.parametrize("params", [{"operation": "void"}, {"operation": "update", "include": "void"}])
def test_void_keeps_the_object_with_its_amounts_at_zero(counter, entity: str, params: dict[str, str]) -> None:
    made = counter.post(path(entity), {**counter.sample(entity), "PrivateNote": "paid"})
    body = {"Id": made["Id"], "SyncToken": made["SyncToken"], "sparse": True}
    void = counter.post(path(entity), body, **params)
    assert (void["TotalAmt"], void["PrivateNote"]) == (0, "Voided - paid")
    assert int(void["SyncToken"]) == int(made["SyncToken"]) + 1
    assert all(not line.get("Amount") for line in void["Line"])
    again = counter.post(path(entity), {**body, "SyncToken": void["SyncToken"]}, **params)
    assert again["SyncToken"] == void["SyncToken"], "what is void stays as it is"


@pytest.mark.parametrize("entity", LISTS)
def test_a_list_object_is_made_inactive_and_active_again(counter, entity: str) -> None:
    key = TRAITS[entity].name_key
    made = counter.post(path(entity), counter.sample(entity))
    body = {"Id": made["Id"], "SyncToken": "0", "sparse": True, "Active": False, key: made[key]}
    inactive = counter.post(path(entity), body)
    assert (inactive["Active"], inactive[key]) == (False, f"{made[key]} (deleted)")
    renamed = counter.post(path(entity), {**body, "SyncToken": "1", "Active": True, key: inactive[key]})
    assert (renamed["Active"], renamed[key]) == (True, made[key])


@pytest.mark.parametrize("entity", ["Account", "Class"])
def test_some_lists_need_the_name_to_be_made_inactive(counter, entity: str) -> None:
    made = counter.post(path(entity), counter.sample(entity))
    error = counter.fault(path(entity), {"Id": made["Id"], "SyncToken": "0", "sparse": True, "Active": False})
    assert error == {
        "Message": "Required param missing, need to supply the required value for the API",
        "Detail": "Required parameter Name is missing in the request",
        "code": "2020",
        "element": "Name",
    }


FORBIDDEN = [
    (entity, operation)
    for entity, traits in TRAITS.items()
    for operation, allowed in zip(
        OPERATIONS, (traits.creatable, traits.updatable, traits.deletable, traits.voidable), strict=True
    )
    if not allowed and (entity, operation) != ("RecurringTransaction", "update")
]


@pytest.mark.parametrize(("entity", "operation"), FORBIDDEN)
def test_an_operation_that_the_entity_does_not_have_is_refused(counter, entity: str, operation: str) -> None:
    before = counter.company.changes
    body = {"Invoice": {"Id": "1", "SyncToken": "0"}} if TRAITS[entity].wrapped else {"Id": "1", "SyncToken": "0"}
    error = counter.fault(path(entity), body, operation=operation)
    assert (error["code"], error["Detail"]) == ("500", f"Operation {operation} is not supported.")
    assert counter.company.changes == before


@pytest.mark.parametrize("entity", CREATABLE)
def test_an_unknown_property_is_named_with_the_known_ones(counter, entity: str) -> None:
    body = counter.sample(entity)
    inner(entity, body)["BadJson"] = True
    error = counter.fault(path(entity), body)
    kind = {"CreditCardPayment": "CreditCardPaymentTxn", "RecurringTransaction": "Invoice"}.get(entity, entity)
    assert error["code"] == "2010"
    assert error["Message"] == "Request has invalid or unsupported property"
    opening = f'Property Name:Unrecognized field "BadJson" (class com.intuit.schema.finance.v3.{kind}), not marked as '
    assert error["Detail"].startswith(f"{opening}ignorable (")
    assert error["Detail"].endswith("])\n specified is unsupported or invalid")
    assert ' known properties: "' in error["Detail"]


REQUIRED = {
    "Account": "Name", "Attachable": "FileName", "Bill": "VendorRef", "BillPayment": "PayType", "Budget": "StartDate",
    "Class": "Name", "CompanyCurrency": "Code", "CreditCardPayment": "Amount", "CreditMemo": "CustomerRef",
    "Department": "Name", "Deposit": "Line", "Estimate": "Line", "ExchangeRate": "Rate",
    "InventoryAdjustment": "AdjustAccountRef", "Invoice": "CustomerRef", "Item": "Name", "JournalCode": "Name",
    "Payment": "CustomerRef", "PaymentMethod": "Name", "Purchase": "AccountRef", "PurchaseOrder": "VendorRef",
    "RefundReceipt": "DepositToAccountRef", "SalesReceipt": "Line", "TaxAgency": "DisplayName", "Term": "Name",
    "TimeActivity": "NameOf", "Transfer": "ToAccountRef", "VendorCredit": "Line",
}  # fmt: skip


@pytest.mark.parametrize(("entity", "name"), REQUIRED.items())
@pytest.mark.parametrize("empty", ["absent", "null", "text"])
def test_what_is_required_must_be_there(counter, entity: str, name: str, empty: str) -> None:
    body = counter.sample(entity)
    body.pop("Note", None)
    body.pop(name, None)
    body |= {} if empty == "absent" else {name: None if empty == "null" else ""}
    error = counter.fault(path(entity), body)
    assert (error["code"], error["element"]) == ("2020", name)
    assert error["Detail"] == f"Required parameter {name} is missing in the request"


@pytest.mark.parametrize("entity", [name for name in CREATABLE if TRAITS[name].has_id and name != "Attachable"])
def test_delete_and_update_need_the_sync_token(counter, entity: str) -> None:
    whole = counter.post(path(entity), counter.sample(entity))
    made = inner(entity, whole)
    if TRAITS[entity].updatable:
        error = counter.fault(path(entity), {name: value for name, value in made.items() if name != "SyncToken"})
        assert (error["code"], error["element"]) == ("2020", "SyncToken")
    if TRAITS[entity].deletable:
        error = counter.fault(path(entity), {"Id": made["Id"]}, operation="delete")
        assert (error["code"], error["element"]) == ("2020", "SyncToken")


def test_an_attachment_is_deleted_by_its_id_alone(counter) -> None:
    made = counter.post("attachable", {"Note": "x"})
    assert counter.post("attachable", {"Id": made["Id"]}, operation="delete")["status"] == "Deleted"


@pytest.mark.parametrize("body", [b"{", b"[]", b"", b'"x"', b"{" * 100_000])
def test_a_body_that_is_no_object_is_refused(counter, body: bytes) -> None:
    assert counter.fault("invoice", body)["code"] == "2010"


def test_a_body_that_is_not_utf_8_is_refused(counter) -> None:
    error = counter.fault("customer", b'{"DisplayName":"\xff"}')
    assert (error["code"], error["Detail"]) == (
        "500",
        "Invalid byte 1 of 1-byte UTF-8 sequence is not supported.",
    )


def test_the_answer_is_later_than_the_change_it_tells_of(counter) -> None:
    """A client may take an answer's `time` as a watermark: what it wrote is in it."""
    _, answer = counter.call("POST", "/customer", counter.sample("Customer"))
    from datetime import datetime  # noqa: PLC0415 -- used here alone

    state = counter.company.state_at(datetime.fromisoformat(answer["time"]))
    assert json.loads(state["Customer"][answer["Customer"]["Id"]]) == answer["Customer"]


def test_a_long_list_of_known_properties_is_cut(counter) -> None:
    """As recorded: some thousand characters, then the word; a short one is whole."""
    detail = counter.fault("invoice", {"BadJson": True})["Detail"]
    assert " [truncated]])\n specified" in detail
    assert 1000 < detail.index(" [truncated]") - detail.index(' known properties: "') < 1100
    assert "[truncated]" not in counter.fault("term", {"BadJson": True})["Detail"]


def test_a_detail_type_belongs_to_its_type(counter) -> None:
    error = counter.fault("account", {"Name": "Odd", "AccountType": "Bank", "AccountSubType": "Travel"})
    assert (error["code"], error["element"]) == ("6010", "AccountSubType")


def test_a_bad_id_is_refused_without_a_time(counter) -> None:
    status, answer = counter.call("POST", "/customer", {"Id": "1.5", "SyncToken": "0"})
    error = {
        "Message": "Invalid ID",
        "Detail": "Id should be a valid number. Supplied value:1.5",
        "code": "2030",
        "element": "Id",
    }
    assert (status, answer) == (400, {"Fault": {"Error": [error], "type": "ValidationFault"}})
