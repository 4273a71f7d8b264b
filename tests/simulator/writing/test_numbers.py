"""Document numbers: counted by the service, or the company's own; used twice only where nobody minds."""

from __future__ import annotations

import pytest

SALES = ("Invoice", "SalesReceipt", "Estimate", "CreditMemo", "RefundReceipt")


def test_all_sales_forms_share_one_count(counter) -> None:
    numbers = [int(counter.post(name.lower(), counter.sample(name))["DocNumber"]) for name in SALES]
    assert numbers == list(range(numbers[0], numbers[0] + len(SALES)))


def test_a_number_that_was_sent_stays_and_does_not_move_the_count(counter) -> None:
    first = int(counter.post("invoice", counter.sample("Invoice"))["DocNumber"])
    sent = counter.post("invoice", counter.sample("Invoice") | {"DocNumber": "99-A"})
    assert sent["DocNumber"] == "99-A"
    assert int(counter.post("invoice", counter.sample("Invoice"))["DocNumber"]) == first + 1


def test_with_custom_numbers_none_is_given(counter) -> None:
    counter.set_preference("SalesFormsPrefs", CustomTxnNumbers=True)
    assert "DocNumber" not in counter.post("invoice", counter.sample("Invoice"))


def test_a_bills_number_is_the_vendors(counter) -> None:
    assert "DocNumber" not in counter.post("bill", counter.sample("Bill"))


def test_a_number_is_used_once_where_the_company_minds(counter) -> None:
    body = counter.sample("Invoice") | {"DocNumber": "A-1"}
    counter.post("invoice", body)
    counter.post("invoice", body)
    counter.set_preference("SalesFormsPrefs", CustomTxnNumbers=True)
    error = counter.fault("invoice", body)
    assert (error["code"], error["Message"]) == ("6140", "Duplicate Document Number Error")
    assert error["Detail"].startswith(
        "Duplicate Document Number Error : You must specify a different number. This number has already been used."
    )
    assert counter.post("invoice", body, include="allowduplicatedocnum")["DocNumber"] == "A-1"
    counter.post("salesreceipt", counter.sample("SalesReceipt") | {"DocNumber": "A-1"})


@pytest.mark.parametrize("options", [{"optionsData": "allowduplicatedocnumber"}, {"include": "allowduplicatedocnum"}])
def test_an_item_of_a_batch_may_allow_it(counter, options: dict[str, str]) -> None:
    counter.set_preference("SalesFormsPrefs", CustomTxnNumbers=True)
    body = counter.sample("Invoice") | {"DocNumber": "A-1"}
    items = [{"bId": "1"}, {"bId": "2"}, {"bId": "3", **options}]
    found = counter.batch(*({"operation": "create", "Invoice": body} | item for item in items))
    assert found["2"]["Fault"]["Error"][0]["code"] == "6140"
    assert found["1"]["Invoice"]["DocNumber"] == found["3"]["Invoice"]["DocNumber"] == "A-1"


def test_an_object_does_not_clash_with_itself(counter) -> None:
    counter.set_preference("SalesFormsPrefs", CustomTxnNumbers=True)
    made = counter.post("invoice", counter.sample("Invoice") | {"DocNumber": "A-1"})
    assert counter.post("invoice", made | {"PrivateNote": "x"})["DocNumber"] == "A-1"
