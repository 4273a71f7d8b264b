"""Batch calls: per-item outcomes, one instant, the two caps."""

from __future__ import annotations

import json
from datetime import datetime

import pytest

from backfill.simulator.call import Call

REALM = "9130357000000001"


@pytest.fixture
def post(simulator_of):
    """Send items, decode the answer; keyword arguments are settings, `requestid` the parameter."""

    def posted(items: object, *, requestid: str = "", **settings: object) -> tuple[int, dict]:
        params = {"requestid": requestid} if requestid else {}
        body = json.dumps({"BatchItemRequest": items}).encode()
        call = Call(REALM, "POST", "/batch", params, {"accept": "application/json"}, body)
        answer = simulator_of(**settings).api.handle(call)
        return answer.status, json.loads(answer.body)

    return posted


def query(bid: str, text: str) -> dict[str, str]:
    return {"bId": bid, "Query": text}


def test_every_item_has_its_own_outcome(post) -> None:
    status, body = post(
        [
            query("a", "SELECT * FROM Custmoer"),
            query("b", "SELECT COUNT(*) FROM Invoice"),
            {"bId": "c", "operation": "create", "Vendor": {"DisplayName": "New"}},
            {"bId": "d", "operation": "query", "Query": "SELECT * FROM Bill"},
            {"bId": "e", "CDCQuery": {"Entities": "Bill", "ChangedSince": "2026-11-01T00:00:00Z"}},
            {"bId": "f", "CDCQuery": {"Entities": "TaxPayment", "ChangedSince": "2026-11-01T00:00:00Z"}},
            query("g", "SELECT * FROM Estimate"),
            {"bId": "h", "CDCQuery": "Bill"},
        ]
    )
    assert status == 200
    assert list(body) == ["BatchItemResponse", "time"]
    by_id = {item["bId"]: item for item in body["BatchItemResponse"]}
    assert by_id["a"]["Fault"]["Error"][0]["code"] == "4001"
    assert "time" not in by_id["a"]
    assert by_id["b"] == {"QueryResponse": {"totalCount": 6}, "bId": "b"}
    assert by_id["c"]["Vendor"]["DisplayName"] == "New"
    assert list(by_id["d"]["QueryResponse"]) == ["Bill", "startPosition", "maxResults"]
    assert len(by_id["e"]["CDCResponse"][0]["QueryResponse"][0]["Bill"]) == 1
    assert by_id["f"]["Fault"]["Error"][0]["code"] == "2000"
    assert by_id["g"] == {"QueryResponse": {}, "bId": "g"}
    assert by_id["h"]["Fault"]["Error"][0]["code"] == "2020"


def test_thirty_items_pass_and_thirty_one_are_refused_whole(post) -> None:
    items = [query(str(number), "SELECT COUNT(*) FROM Bill") for number in range(31)]
    status, body = post(items[:30])
    assert status == 200
    assert [item["bId"] for item in body["BatchItemResponse"]] == [str(number) for number in range(30)]
    status, body = post(items)
    assert (status, body["Fault"]["Error"][0]["code"]) == (400, "1040")
    assert "30" in body["Fault"]["Error"][0]["Detail"]


@pytest.mark.parametrize(("items", "code"), [(None, "2020"), ([], "2020"), ("x", "2020"), (["x"], "2010")])
def test_what_is_no_batch_is_refused(post, items: object, code: str) -> None:
    status, body = post(items)
    assert (status, body["Fault"]["Error"][0]["code"]) == (400, code)


@pytest.mark.parametrize("body", [b'{"Batch', b"", b"\xff", b"[]", b'{"BatchItemRequest":' + b"[" * 100_000])
def test_a_body_that_is_not_json_is_refused(simulator_of, body: bytes) -> None:
    answer = simulator_of().api.handle(Call(REALM, "POST", "/batch", {}, {"accept": "*/*"}, body))
    assert (answer.status, answer.code) == (400, "2010")


def test_items_share_one_cap_and_the_later_ones_are_cut_without_a_word(post) -> None:
    items = [query("a", "SELECT * FROM Invoice"), query("n", "SELECT COUNT(*) FROM Invoice"),
             query("b", "SELECT * FROM Customer"), query("c", "SELECT * FROM Bill")]  # fmt: skip
    _, body = post(items, batch_object_cap=8)
    by_id = {item["bId"]: item["QueryResponse"] for item in body["BatchItemResponse"]}
    assert by_id["a"]["maxResults"] == 6
    assert by_id["n"] == {"totalCount": 6}
    assert (by_id["b"]["maxResults"], len(by_id["b"]["Customer"])) == (2, 2)
    assert by_id["c"] == {}
    _, body = post(items, batch_object_cap=None)
    assert [item["QueryResponse"].get("maxResults") for item in body["BatchItemResponse"]] == [6, None, 4, 1]


def test_request_id_and_bid_joined_must_fit(post) -> None:
    _, body = post(
        [query("0123456789", "SELECT * FROM Bill"), query("01234", "SELECT * FROM Bill")], requestid="x" * 45
    )
    faults = [item.get("Fault", {}).get("Error", [{}])[0].get("code") for item in body["BatchItemResponse"]]
    assert faults == ["6000", None]


def test_one_poisoned_item_leaves_the_others(post) -> None:
    _, body = post(
        [query("a", "SELECT * FROM Invoice"), query("b", "SELECT * FROM Bill")], poisoned={(REALM, "Invoice"): {"2"}}
    )
    first, second = body["BatchItemResponse"]
    assert first["Fault"]["Error"][0]["code"] == "4002"
    assert second["QueryResponse"]["maxResults"] == 1


def test_the_answers_may_come_in_another_order(post) -> None:
    items = [query(str(number), f"SELECT * FROM Invoice WHERE Id = '{number}'") for number in range(1, 7)]
    _, body = post(items, batch_shuffled=True)
    answered = [item["bId"] for item in body["BatchItemResponse"]]
    assert answered != sorted(answered)
    assert sorted(answered) == [str(number) for number in range(1, 7)]
    assert all(item["QueryResponse"]["Invoice"][0]["Id"] == item["bId"] for item in body["BatchItemResponse"])


def test_all_items_see_one_instant(post, small_company) -> None:
    _, body = post([query(str(number), "SELECT COUNT(*) FROM Invoice") for number in range(30)])
    small_company.create("Invoice", {"TxnDate": "2026-11-01"})
    state = small_company.state_at(datetime.fromisoformat(body["time"]))
    assert {item["QueryResponse"]["totalCount"] for item in body["BatchItemResponse"]} == {len(state["Invoice"])}


def create(bid: str, entity: str, **body: object) -> dict[str, object]:
    return {"bId": bid, "operation": "create", entity: body}


def test_writes_take_effect_one_after_the_other(post, small_company) -> None:
    _, body = post(
        [
            create("a", "Vendor", DisplayName="Smith Family Store"),
            create("b", "Customer", DisplayName="smith family store"),
            {"bId": "c", "operation": "update", "Vendor": {"Id": "6", "SyncToken": "0", "sparse": True, "Notes": "x"}},
            {"bId": "d", "operation": "update", "Vendor": {"Id": "6", "SyncToken": "0", "sparse": True, "Notes": "y"}},
            {"bId": "e", "operation": "update", "Vendor": {"Id": "6", "SyncToken": "1", "sparse": True, "Notes": "z"}},
            {"bId": "f", "operation": "delete", "Bill": {"Id": "7", "SyncToken": "0"}},
            {"bId": "g", "operation": "delete", "Bill": {"Id": "7", "SyncToken": "0"}},
            {"bId": "h", "operation": "merge", "Vendor": {"Id": "6", "SyncToken": "2"}},
            {"bId": "i", "operation": "create", "Vendor": "new"},
            {"bId": "j", "operation": "create", "Treasure": {"Id": "1"}},
            {"bId": "k", "operation": "create"},
            query("l", "SELECT Notes FROM Vendor"),
        ]
    )
    by_id = {item["bId"]: item for item in body["BatchItemResponse"]}
    codes = {bid: item["Fault"]["Error"][0]["code"] for bid, item in by_id.items() if "Fault" in item}
    assert codes == {"b": "6240", "d": "5010", "g": "610", "h": "500", "i": "2020", "j": "2000", "k": "500"}
    assert by_id["a"]["Vendor"]["DisplayName"] == "Smith Family Store"
    assert (by_id["e"]["Vendor"]["SyncToken"], by_id["e"]["Vendor"]["Notes"]) == ("2", "z")
    assert by_id["f"] == {"Bill": {"domain": "QBO", "status": "Deleted", "Id": "7"}, "bId": "f"}
    assert by_id["l"]["QueryResponse"]["Vendor"][0]["Notes"] == "z"
    state = small_company.state_at(datetime.fromisoformat(body["time"]))
    assert list(state["Vendor"]) == ["6"], "the answer's time is after what the batch changed"


def test_both_forms_of_a_void_and_both_names_of_a_card_payment(post, small_company) -> None:
    void = {"Id": "1", "SyncToken": "0"}
    _, body = post(
        [
            {"bId": "a", "operation": "void", "Invoice": void},
            {"bId": "b", "operation": "update", "optionsData": "void", "Invoice": void | {"Id": "2", "sparse": True}},
            {"bId": "c", "operation": "delete", "CreditCardPaymentTxn": {"Id": "8", "SyncToken": "0"}},
        ]
    )
    first, second, third = body["BatchItemResponse"]
    assert (first["Invoice"]["TotalAmt"], second["Invoice"]["TotalAmt"]) == (0, 0)
    assert third == {"CreditCardPaymentTxn": {"domain": "QBO", "status": "Deleted", "Id": "8"}, "bId": "c"}
