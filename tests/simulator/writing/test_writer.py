"""Create, full and sparse update, void: what the service makes of a body, as recorded or documented."""

from __future__ import annotations

import pytest


def test_an_invoice_of_the_least_there_can_be_gets_what_the_recorded_one_got(counter) -> None:
    customer = counter.post("customer", {"DisplayName": "Amy", "BillAddr": {"Line1": "4581 Finch St."}})
    body = {"Line": [counter.sales_line(100.0)], "CustomerRef": {"value": customer["Id"]}}
    made = counter.post("invoice", body)
    recorded = {
        "AllowIPNPayment", "AllowOnlinePayment", "AllowOnlineCreditCardPayment", "AllowOnlineACHPayment", "domain",
        "sparse", "Id", "SyncToken", "MetaData", "CustomField", "DocNumber", "TxnDate", "CurrencyRef", "LinkedTxn",
        "Line", "TxnTaxDetail", "CustomerRef", "BillAddr", "DueDate", "TotalAmt", "ApplyTaxAfterDiscount",
        "PrintStatus", "EmailStatus", "Balance",
    }  # fmt: skip
    assert made.keys() == recorded | {"ExchangeRate", "HomeTotalAmt"}, "the last two in a company of several currencies"
    item = made["Line"][0]["SalesItemLineDetail"]["ItemRef"]
    assert made["Line"] == [
        {
            "Id": "1",
            "LineNum": 1,
            "Amount": 100.0,
            "DetailType": "SalesItemLineDetail",
            "SalesItemLineDetail": {"ItemRef": item, "TaxCodeRef": {"value": "NON"}},
        },
        {"Amount": 100.0, "DetailType": "SubTotalLineDetail", "SubTotalLineDetail": {}},
    ]
    assert item["name"], "the reference gets the name of what it refers to"
    assert made["CustomerRef"] == {"value": customer["Id"], "name": "Amy"}
    assert (made["TxnDate"], made["DueDate"]) == ("2026-11-20", "2026-12-20")
    assert (made["TotalAmt"], made["Balance"], made["TxnTaxDetail"]) == (100.0, 100.0, {"TotalTax": 0})
    assert (made["PrintStatus"], made["EmailStatus"]) == ("NeedToPrint", "NotSet")
    assert made["BillAddr"]["Line1"] == "4581 Finch St."
    assert made["CustomField"] == [{"DefinitionId": "1", "Name": "Crew #", "Type": "StringType"}]


def test_a_customer_of_the_least_there_can_be_gets_what_the_recorded_one_got(plain) -> None:
    made = plain.post("customer", {"DisplayName": "Doe5, Jane"})
    head = {name: made.pop(name) for name in ("Id", "MetaData")}
    assert head["Id"].isdecimal()
    assert made == {
        "domain": "QBO",
        "sparse": False,
        "SyncToken": "0",
        "Taxable": True,
        "Job": False,
        "BillWithParent": False,
        "Balance": 0,
        "BalanceWithJobs": 0,
        "CurrencyRef": {"value": "USD", "name": "United States Dollar"},
        "PreferredDeliveryMethod": "Print",
        "FullyQualifiedName": "Doe5, Jane",
        "DisplayName": "Doe5, Jane",
        "PrintOnCheckName": "Doe5, Jane",
        "Active": True,
        "DefaultTaxCodeRef": plain.ref("TaxCode", TaxGroup=True),
    }


def test_read_only_properties_of_a_body_do_not_count(counter) -> None:
    body = counter.sample("Invoice") | {"TotalAmt": 5, "Balance": 3, "domain": "X", "sparse": False, "MetaData": {}}
    made = counter.post("invoice", body)
    assert (made["TotalAmt"], made["Balance"], made["domain"]) == (100, 100, "QBO")


def test_unit_price_times_quantity_wins_over_the_amount(counter) -> None:
    line = counter.sales_line(1)
    line["SalesItemLineDetail"] |= {"UnitPrice": 75, "Qty": 4.5}
    assert counter.post("invoice", counter.sample("Invoice") | {"Line": [line]})["TotalAmt"] == 337.5


def test_price_and_quantity_of_nothing_leave_the_amount(counter) -> None:
    """A public client sends both as 0 where it has only an amount."""
    line = counter.sales_line(100)
    line["SalesItemLineDetail"] |= {"UnitPrice": 0, "Qty": 0}
    assert counter.post("invoice", counter.sample("Invoice") | {"Line": [line]})["TotalAmt"] == 100


def test_a_line_says_of_which_kind_it_is(counter) -> None:
    body = counter.sample("SalesReceipt") | {"Line": [{"Amount": 7}]}
    error = counter.fault("salesreceipt", body)
    assert (error["code"], error["element"]) == ("2020", "Line.DetailType"), "recorded by a public client"


def test_a_line_without_an_amount_is_priced_by_its_item(counter) -> None:
    item = counter.post("item", counter.sample("Item") | {"UnitPrice": 12.5})
    line = {"DetailType": "SalesItemLineDetail", "SalesItemLineDetail": {"ItemRef": {"value": item["Id"]}, "Qty": 2}}
    assert counter.post("invoice", counter.sample("Invoice") | {"Line": [line]})["TotalAmt"] == 25


def test_a_discount_comes_after_the_subtotal_and_off_the_total(counter) -> None:
    percent = {"DetailType": "DiscountLineDetail", "DiscountLineDetail": {"PercentBased": True, "DiscountPercent": 10}}
    made = counter.post("estimate", counter.sample("Estimate") | {"Line": [percent, counter.sales_line(35)]})
    kinds = [line["DetailType"] for line in made["Line"]]
    assert kinds == ["SalesItemLineDetail", "SubTotalLineDetail", "DiscountLineDetail"]
    assert (made["Line"][1]["Amount"], made["Line"][2]["Amount"], made["TotalAmt"]) == (35, 3.5, 31.5)
    assert "Balance" not in made, "an estimate is not owed"


def test_shipping_is_charged_beside_the_subtotal(counter) -> None:
    shipping = {
        "Amount": 5,
        "DetailType": "SalesItemLineDetail",
        "SalesItemLineDetail": {"ItemRef": {"value": "SHIPPING_ITEM_ID"}},
    }
    made = counter.post("invoice", counter.sample("Invoice") | {"Line": [shipping, counter.sales_line(10)]})
    assert (made["TotalAmt"], made["Line"][1]["Amount"]) == (15, 10)


def test_a_bundle_is_opened_into_its_items(counter) -> None:
    member = counter.post("item", counter.sample("Item") | {"UnitPrice": 3})
    parts = {"ItemGroupLine": [{"ItemRef": {"value": member["Id"]}, "Qty": 2}]}
    bundle = counter.post("item", {"Name": "Bundle", "Type": "Group", "ItemGroupDetail": parts})
    line = {
        "DetailType": "GroupLineDetail",
        "GroupLineDetail": {"GroupItemRef": {"value": bundle["Id"]}, "Quantity": 2},
    }
    made = counter.post("invoice", counter.sample("Invoice") | {"Line": [line]})
    assert made["TotalAmt"] == 12
    assert made["Line"][0]["GroupLineDetail"]["Line"][0]["SalesItemLineDetail"]["Qty"] == 4


@pytest.mark.parametrize("sparse", [{}, {"sparse": False}])
def test_a_full_update_clears_what_it_leaves_out_and_replaces_lines(counter, sparse: dict[str, bool]) -> None:
    made = counter.post("invoice", counter.sample("Invoice") | {"PrivateNote": "secret"})
    body = {"Id": made["Id"], "SyncToken": "0", "CustomerRef": made["CustomerRef"], "Line": [counter.sales_line(7)]}
    whole = counter.post("invoice", body | sparse)
    assert "PrivateNote" not in whole
    assert whole["DocNumber"] == made["DocNumber"], "recorded: it stays"
    assert (whole["Line"][0]["Id"], whole["TotalAmt"], whole["Balance"]) == ("2", 7, 7)
    assert whole["MetaData"]["CreateTime"] == made["MetaData"]["CreateTime"]


def test_a_full_update_without_a_day_is_of_today_and_keeps_its_number(counter) -> None:
    """Recorded twice, of the same sales receipt."""
    body = counter.sample("SalesReceipt") | {"TxnDate": "2026-10-01"}
    made = counter.post("salesreceipt", body)
    whole = {"Id": made["Id"], "SyncToken": "0", "Line": made["Line"]}
    sparse = counter.post("salesreceipt", whole | {"sparse": True})
    assert sparse["TxnDate"] == "2026-10-01"
    full = counter.post("salesreceipt", whole | {"SyncToken": sparse["SyncToken"]})
    assert (full["TxnDate"], full["DocNumber"]) == ("2026-11-20", made["DocNumber"])


def test_a_sparse_update_replaces_an_array_as_a_whole(counter) -> None:
    made = counter.post("invoice", counter.sample("Invoice") | {"Line": [counter.sales_line(1), counter.sales_line(2)]})
    body = {"Id": made["Id"], "SyncToken": "0", "sparse": True, "Line": [made["Line"][1] | {"Amount": 9}]}
    changed = counter.post("invoice", body)
    assert [(line.get("Id"), line["Amount"]) for line in changed["Line"]] == [("2", 9), (None, 9)]
    assert counter.fault("invoice", body | {"SyncToken": "1", "Line": []})["code"] == "2020"


def test_null_and_empty_text_clear_in_a_sparse_update(counter) -> None:
    made = counter.post("vendor", counter.sample("Vendor") | {"Notes": "a", "AcctNum": "b"})
    changed = counter.post("vendor", {"Id": made["Id"], "SyncToken": "0", "sparse": True, "Notes": None, "AcctNum": ""})
    assert not {"Notes", "AcctNum"} & changed.keys()


def test_a_total_that_changes_leaves_what_was_paid(counter) -> None:
    made = counter.post("invoice", counter.sample("Invoice"))
    paid = {"Amount": 60, "LinkedTxn": [{"TxnId": made["Id"], "TxnType": "Invoice"}]}
    counter.post("payment", {"CustomerRef": made["CustomerRef"], "TotalAmt": 60, "Line": [paid]})
    read = counter.get(f"invoice/{made['Id']}")
    assert (read["Balance"], read["SyncToken"]) == (40, "1"), "a payment changes the invoice that it settles"
    more = counter.post("invoice", read | {"Line": [counter.sales_line(150)]})
    assert (more["TotalAmt"], more["Balance"]) == (150, 90)


def test_a_payment_says_what_it_does_not_settle_and_where_it_lies(counter) -> None:
    made = counter.post("payment", {"CustomerRef": counter.ref("Customer"), "TotalAmt": 40})
    assert (made["UnappliedAmt"], made["ProcessPayment"], made["Line"]) == (40, False, [])
    assert made["DepositToAccountRef"]["name"] == "Undeposited Funds"


def test_a_void_payment_lets_its_invoice_be_owed_again(counter) -> None:
    invoice = counter.post("invoice", counter.sample("Invoice"))
    line = {"Amount": 100, "LinkedTxn": [{"TxnId": invoice["Id"], "TxnType": "Invoice"}]}
    payment = counter.post("payment", {"CustomerRef": invoice["CustomerRef"], "TotalAmt": 100, "Line": [line]})
    body = {"Id": payment["Id"], "SyncToken": payment["SyncToken"], "sparse": True}
    void = counter.post("payment", body, operation="update", include="void")
    assert (void["TotalAmt"], void["UnappliedAmt"], void["PrivateNote"]) == (0, 0, "Voided")
    assert counter.get(f"invoice/{invoice['Id']}")["Balance"] == 100


def test_terms_say_when_it_is_due(counter) -> None:
    term = counter.post("term", {"Name": "Net 7 days", "DueDays": 7})
    customer = counter.post("customer", {"DisplayName": "Prompt", "SalesTermRef": {"value": term["Id"]}})
    body = counter.sample("Invoice") | {"CustomerRef": {"value": customer["Id"]}, "TxnDate": "2026-11-28"}
    made = counter.post("invoice", body)
    assert (made["DueDate"], made["SalesTermRef"]) == ("2026-12-05", {"value": term["Id"], "name": "Net 7 days"})
    assert (
        counter.post("bill", counter.sample("Bill") | {"SalesTermRef": made["SalesTermRef"]})["DueDate"] == "2026-11-27"
    )


def test_a_foreign_invoice_has_the_rate_of_its_day(counter) -> None:
    counter.post("exchangerate", {"SourceCurrencyCode": "EUR", "Rate": 1.25, "AsOfDate": "2026-11-20"})
    customer = counter.post("customer", {"DisplayName": "Zoé", "CurrencyRef": {"value": "EUR"}})
    made = counter.post("invoice", counter.sample("Invoice") | {"CustomerRef": {"value": customer["Id"]}})
    assert (made["CurrencyRef"], made["ExchangeRate"], made["HomeTotalAmt"]) == (
        {"value": "EUR", "name": "Euro"},
        1.25,
        125,
    )


def test_a_company_of_one_currency_takes_no_other(plain) -> None:
    error = plain.fault("customer", {"DisplayName": "Zoé", "CurrencyRef": {"value": "EUR"}})
    assert (error["code"], error["element"]) == ("6000", "CurrencyRef")


def test_an_employee_is_named_after_its_parts_and_keeps_its_number_to_itself(counter) -> None:
    made = counter.post("employee", {"GivenName": "Jo", "FamilyName": "Doe", "SSN": "123-45-6789"})
    assert (made["DisplayName"], made["PrintOnCheckName"], made["SSN"]) == ("Jo Doe", "Jo Doe", "XXX-XX-XXXX")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"AccountSubType": "CashOnHand"}, ("Asset", "Bank", "CashOnHand")),
        ({"AccountType": "Income"}, ("Revenue", "Income", "SalesOfProductIncome")),
        ({"AccountType": "Expense", "AccountSubType": "Abroad"}, ("Expense", "Expense", "Abroad")),
    ],
)
def test_an_account_says_its_type_or_its_detail_type(counter, given: dict[str, str], expected: tuple[str, ...]) -> None:
    made = counter.post("account", {"Name": "New account", **given})
    assert (made["Classification"], made["AccountType"], made["AccountSubType"]) == expected
    assert (made["CurrentBalance"], made["SubAccount"], made["FullyQualifiedName"]) == (0, False, "New account")


def test_an_exchange_rate_is_kept_by_currency_and_day(counter) -> None:
    body = {"SourceCurrencyCode": "eur", "Rate": 1.5, "AsOfDate": "2026-11-01"}
    made = counter.post("exchangerate", body)
    assert (made["SourceCurrencyCode"], made["TargetCurrencyCode"], made["Rate"]) == ("EUR", "USD", 1.5)
    counter.post("exchangerate", body | {"Rate": 1.6})
    _, found = counter.call("GET", "/exchangerate", sourcecurrencycode="EUR", asofdate="2026-11-01")
    assert found["ExchangeRate"]["Rate"] == 1.6


def test_the_account_of_the_receivables_stays_active(counter) -> None:
    account = counter.get(f"account/{counter.ref('Account', AccountType='Accounts Receivable')['value']}")
    assert counter.fault("account", account | {"Active": False})["code"] == "6000"


def test_company_info_is_updated_by_its_attributes(counter) -> None:
    _, answer = counter.call("GET", f"/companyinfo/{counter.realm_id}")
    info = answer["CompanyInfo"]
    body = {"Id": "1", "SyncToken": info["SyncToken"], "sparse": True, "LegalName": "Bakery Inc."}
    changed = counter.post("companyinfo", body)
    assert (changed["LegalName"], changed["CompanyName"]) == ("Bakery Inc.", info["CompanyName"])
    assert counter.fault("companyinfo", body)["code"] == "5010"


def test_ids_of_lines_are_the_services_to_give(counter) -> None:
    made = counter.post("invoice", counter.sample("Invoice") | {"Line": [counter.sales_line(1) | {"Id": "77"}]})
    assert made["Line"][0]["Id"] == "1"
    lines = [made["Line"][0], made["Line"][0], counter.sales_line(2) | {"Id": "1"}]
    whole = counter.post("invoice", made | {"Line": lines})
    assert [line.get("Id") for line in whole["Line"]] == ["1", "2", "3", None], "an Id stays with one line"


def test_a_paid_invoice_sent_back_as_it_was_read_changes_nothing(counter) -> None:
    made = counter.post("invoice", counter.sample("Invoice"))
    paid = {"Amount": 60, "LinkedTxn": [{"TxnId": made["Id"], "TxnType": "Invoice"}]}
    counter.post("payment", {"CustomerRef": made["CustomerRef"], "TotalAmt": 60, "Line": [paid]})
    read = counter.get(f"invoice/{made['Id']}")
    assert counter.post("invoice", read) == read


def test_what_is_owed_follows_every_write(counter) -> None:
    customer = counter.post("customer", {"DisplayName": "Debtor"})

    def balance() -> float:
        return float(counter.get(f"customer/{customer['Id']}")["Balance"])

    made = counter.post("invoice", counter.sample("Invoice") | {"CustomerRef": {"value": customer["Id"]}})
    assert balance() == 100
    more = counter.post("invoice", made | {"Line": [counter.sales_line(130)]})
    assert balance() == 130
    body = {"Id": made["Id"], "SyncToken": more["SyncToken"]}
    void = counter.post("invoice", body, operation="void")
    assert balance() == 0
    counter.post("invoice", void | {"Line": [counter.sales_line(70)]})
    assert balance() == 70
    counter.post("invoice", {"Id": made["Id"], "SyncToken": "3"}, operation="delete")
    assert balance() == 0


@pytest.mark.parametrize("country", ["counter", "british"])
@pytest.mark.parametrize("entity", ["Invoice", "Bill", "Payment", "Customer", "Item", "Purchase", "Deposit", "Vendor"])
def test_the_seeded_history_can_be_edited_too(request: pytest.FixtureRequest, country: str, entity: str) -> None:
    """What a client reads of ten years of history it can send back, with a remark in it, without moving a cent."""
    counter = request.getfixturevalue(country)
    key = {"Customer": "Notes", "Item": "Description", "Vendor": "Notes"}.get(entity, "PrivateNote")
    edited = 0
    for row in counter.company.table(entity).all():
        read = counter.get(f"{entity.lower()}/{row.id}")
        status, answer = counter.call("POST", f"/{entity.lower()}", read | {key: "seen"})
        if status == 400:  # it refers to what is inactive by now, or takes a name that is
            assert answer["Fault"]["Error"][0]["code"] == "610", answer
            continue
        edited += 1
        changed = answer[entity]
        assert changed[key] == "seen"
        for figure in ("TotalAmt", "Balance", "HomeTotalAmt", "UnappliedAmt", "QtyOnHand"):
            assert changed.get(figure) == read.get(figure, changed.get(figure)), figure
        assert changed.get("Line") == read.get("Line")
        assert changed.get("TxnTaxDetail") == read.get(
            "TxnTaxDetail", {"TotalTax": 0} if "TxnTaxDetail" in changed else None
        )
        assert read.keys() - changed.keys() == set()
    assert edited > len(counter.company.table(entity)) / 2


def test_a_void_payment_of_bills_can_still_be_noted(counter) -> None:
    made = counter.post("billpayment", counter.sample("BillPayment"))
    body = {"Id": made["Id"], "SyncToken": made["SyncToken"], "sparse": True}
    void = counter.post("billpayment", body, operation="update", include="void")
    noted = counter.post("billpayment", void | {"PrivateNote": "Voided: lost in the post"})
    assert (noted["PrivateNote"], noted["TotalAmt"], noted["Line"]) == ("Voided: lost in the post", 0, [])
    without = {name: part for name, part in counter.sample("BillPayment").items() if name != "Line"}
    assert counter.fault("billpayment", without)["element"] == "Line"
