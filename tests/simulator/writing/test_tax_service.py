"""The tax service, and the tax that its codes make on transactions."""

from __future__ import annotations

from typing import Any

import pytest

PATH = "taxservice/taxcode"


def answer_of(counter: Any, body: dict[str, Any]) -> dict[str, Any]:
    status, answer = counter.call("POST", f"/{PATH}", body)
    assert status == 200, answer
    return answer


def details(counter: Any, **values: Any) -> dict[str, Any]:
    agency = counter.ref("TaxAgency")["value"]
    return {"TaxRateName": "County", "RateValue": 10, "TaxAgencyId": agency, "TaxApplicableOn": "Sales", **values}


def test_the_answer_has_no_entity_around_it(counter) -> None:
    answer = answer_of(counter, {"TaxCode": "Local", "TaxRateDetails": [details(counter)]})
    assert list(answer) == ["TaxCode", "TaxCodeId", "TaxRateDetails", "time"]
    (rate,) = answer["TaxRateDetails"]
    assert (answer["TaxCode"], rate["TaxRateName"], rate["RateValue"]) == ("Local", "County", 10)
    stored = counter.get(f"taxrate/{rate['TaxRateId']}")
    assert (stored["Name"], stored["RateValue"], stored["AgencyRef"]["value"]) == ("County", 10, rate["TaxAgencyId"])
    code = counter.get(f"taxcode/{answer['TaxCodeId']}")
    assert code["SalesTaxRateList"]["TaxRateDetail"][0]["TaxRateRef"] == {"value": rate["TaxRateId"]}


def test_a_known_rate_is_taken_by_its_id(counter) -> None:
    rate = counter.ref("TaxRate")["value"]
    before = len(counter.company.table("TaxRate"))
    answer = answer_of(counter, {"TaxCode": "Again", "TaxRateDetails": [{"TaxRateId": rate}]})
    assert answer["TaxRateDetails"][0]["TaxRateId"] == rate
    assert len(counter.company.table("TaxRate")) == before


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"TaxRateDetails": []}, "2020"),
        ({"TaxCode": ""}, "2020"),
        ({"TaxCode": "TAX"}, "6240"),
        ({"Nonsense": 1}, "2010"),
    ],
)
def test_what_is_refused(counter, change: dict[str, Any], code: str) -> None:
    body = {"TaxCode": "Local", "TaxRateDetails": [details(counter)]} | change
    assert counter.fault(PATH, body)["code"] == code


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"RateValue": "ten"}, "2100"),
        ({"RateValue": None}, "2020"),
        ({"TaxAgencyId": "99"}, "2500"),
        ({"TaxRateId": "99"}, "2500"),
        ({"TaxApplicableOn": "Both"}, "2170"),
        ({"Nonsense": 1}, "2010"),
    ],
)
def test_which_rates_are_refused(counter, change: dict[str, Any], code: str) -> None:
    assert counter.fault(PATH, {"TaxCode": "Local", "TaxRateDetails": [details(counter, **change)]})["code"] == code


def test_an_american_transaction_is_taxed_by_its_own_code(counter) -> None:
    code = answer_of(counter, {"TaxCode": "Local", "TaxRateDetails": [details(counter)]})["TaxCodeId"]
    taxed, free = counter.sales_line(100), counter.sales_line(50)
    taxed["SalesItemLineDetail"]["TaxCodeRef"] = {"value": "TAX"}
    body = counter.sample("Invoice") | {"Line": [taxed, free], "TxnTaxDetail": {"TxnTaxCodeRef": {"value": code}}}
    made = counter.post("invoice", body)
    assert (made["TxnTaxDetail"]["TotalTax"], made["TotalAmt"]) == (10, 160)
    (line,) = made["TxnTaxDetail"]["TaxLine"]
    assert line["TaxLineDetail"]["NetAmountTaxable"] == 100
    smaller = counter.post("invoice", {"Id": made["Id"], "SyncToken": "0", "sparse": True, "Line": [taxed]})
    assert smaller["TotalAmt"] == 110
    taxed["Amount"] = 200
    larger = counter.post("invoice", {"Id": made["Id"], "SyncToken": "1", "sparse": True, "Line": [taxed]})
    assert larger["TotalAmt"] == 220, "what was calculated here is calculated again"


def test_a_tax_that_the_client_calculated_stands(counter) -> None:
    made = counter.post("invoice", counter.sample("Invoice") | {"TxnTaxDetail": {"TotalTax": 8.25}})
    assert (made["TxnTaxDetail"], made["TotalAmt"]) == ({"TotalTax": 8.25}, 108.25)


@pytest.mark.parametrize(("mode", "tax", "total"), [("TaxExcluded", 20, 120), ("NotApplicable", 0, 100)])
def test_a_british_line_has_its_own_code(british, mode: str, tax: float, total: float) -> None:
    line = british.sales_line(100)
    line["SalesItemLineDetail"]["TaxCodeRef"] = british.ref("TaxCode")
    made = british.post("invoice", british.sample("Invoice") | {"Line": [line], "GlobalTaxCalculation": mode})
    assert (made["TxnTaxDetail"]["TotalTax"], made["TotalAmt"]) == (tax, total)


def test_tax_that_is_in_the_price_does_not_add_to_it(british) -> None:
    line = british.sales_line(120)
    line["SalesItemLineDetail"]["TaxCodeRef"] = british.ref("TaxCode")
    made = british.post("invoice", british.sample("Invoice") | {"Line": [line], "GlobalTaxCalculation": "TaxInclusive"})
    assert (made["TxnTaxDetail"]["TotalTax"], made["TotalAmt"]) == (20, 120)
    assert made["TxnTaxDetail"]["TaxLine"][0]["TaxLineDetail"]["NetAmountTaxable"] == 100
