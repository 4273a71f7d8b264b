"""The tax service, which makes a tax code with its rates at once; its answer has no entity around it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backfill.simulator.company import Company
from backfill.simulator.documents import Doc, encode
from backfill.simulator.faults import FaultedError, required
from backfill.simulator.writing.desk import Desk
from backfill.simulator.writing.faults import bad_reference, bad_value, duplicate_name, unknown_field
from backfill.simulator.writing.names import holders
from backfill.simulator.writing.schema.notation import Property
from backfill.simulator.writing.shaping import number

_KNOWN = ("TaxCode", "TaxCodeId", "Id", "TaxRateDetails", "Fault", "domain", "sparse", "SyncToken", "MetaData")
_KNOWN_OF_RATES = ("TaxRateName", "TaxRateId", "RateValue", "TaxAgencyId", "TaxApplicableOn")
_SIDES = ("Sales", "Purchase")
_RATE = Property("RateValue", "number", "", is_readonly=False, is_kept=False)


def write_tax_code(company: Company, body: Mapping[str, Any]) -> bytes:
    """A new tax code over new or known rates; the members of the answer. Raises `FaultedError`."""
    _refuse_unknown("TaxService", body, _KNOWN)
    name = str(body.get("TaxCode") or "")
    details = body.get("TaxRateDetails")
    if not name or not details:
        raise FaultedError(required("TaxRateDetails" if name else "TaxCode"))
    for clashing in holders(company, "TaxCode", name):
        raise FaultedError(duplicate_name(clashing, person=False))
    desk = Desk(company, "TaxRate", "")
    checked = [_checked(desk, detail) for detail in details]
    shown = [detail | {"TaxRateId": detail.get("TaxRateId") or _new_rate(company, detail)} for detail in checked]
    code = company.create("TaxCode", _code(name, shown))
    answer = {"TaxCode": name, "TaxCodeId": code.id, "TaxRateDetails": shown}
    return encode(answer)[1:-1]


def _checked(desk: Desk, detail: Mapping[str, Any]) -> Doc:
    """One rate of the request: a known one by its Id, or a new one by name, value and agency."""
    _refuse_unknown("TaxRateDetails", detail, _KNOWN_OF_RATES)
    side = str(detail.get("TaxApplicableOn") or "Sales")
    if side not in _SIDES:
        raise FaultedError(bad_value("2170", "TaxApplicableOn", f"TaxApplicableOn is Sales or Purchase: {side}"))
    if detail.get("TaxRateId"):
        rate_id = str(detail["TaxRateId"])
        rate = desk.lookup("TaxRate", {"value": rate_id})
        if rate is None:
            raise FaultedError(bad_reference("TaxRates", rate_id))
        known = {"TaxRateName": rate["Name"], "RateValue": rate["RateValue"]}
        return {"TaxRateId": rate_id, **known, "TaxAgencyId": rate["AgencyRef"]["value"], "TaxApplicableOn": side}
    absent = next(
        (name for name in ("TaxRateName", "RateValue", "TaxAgencyId") if detail.get(name) in (None, "")), None
    )
    if absent:
        raise FaultedError(required(absent))
    value = number(_RATE, detail["RateValue"])
    if not 0 <= value <= 100:
        raise FaultedError(bad_value("6470", "RateValue", f"A tax rate is 0 to 100 percent: {value}"))
    agency_id = str(detail["TaxAgencyId"])
    if desk.lookup("TaxAgency", {"value": agency_id}) is None:
        raise FaultedError(bad_reference("TaxAgencies", agency_id))
    for clashing in holders(desk.company, "TaxRate", str(detail["TaxRateName"])):
        raise FaultedError(duplicate_name(clashing, person=False))
    name = str(detail["TaxRateName"])
    return {"TaxRateName": name, "RateValue": value, "TaxAgencyId": agency_id, "TaxApplicableOn": side}


def _new_rate(company: Company, detail: Doc) -> str:
    row = company.create(
        "TaxRate",
        {
            "Name": detail["TaxRateName"],
            "Description": detail["TaxRateName"],
            "Active": True,
            "RateValue": detail["RateValue"],
            "AgencyRef": {"value": detail["TaxAgencyId"]},
            "SpecialTaxType": "NONE",
            "DisplayType": "ReadOnly",
        },
    )
    return row.id


def _code(name: str, rates: list[Doc]) -> Doc:
    def of_side(side: str) -> Doc:
        listed = [rate for rate in rates if rate["TaxApplicableOn"] == side]
        return {
            "TaxRateDetail": [
                {"TaxRateRef": {"value": rate["TaxRateId"]}, "TaxTypeApplicable": "TaxOnAmount", "TaxOrder": 0}
                for rate in listed
            ]
        }

    return {
        "Name": name,
        "Description": name,
        "Active": True,
        "Taxable": True,
        "TaxGroup": True,
        "SalesTaxRateList": of_side("Sales"),
        "PurchaseTaxRateList": of_side("Purchase"),
    }


def _refuse_unknown(class_name: str, given: Mapping[str, Any], known: tuple[str, ...]) -> None:
    unknown = next((name for name in given if name not in known), None)
    if unknown is not None:
        raise FaultedError(unknown_field(unknown, class_name, known))
