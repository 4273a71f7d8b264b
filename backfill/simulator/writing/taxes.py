"""Sales tax of a transaction: by the transaction's code in the US, by each line's code elsewhere."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from backfill.simulator.documents import Doc
from backfill.simulator.writing.desk import Desk
from backfill.simulator.writing.lines import SALES_FORMS
from backfill.simulator.writing.shaping import rounded

AMERICAN_CODES = frozenset({"TAX", "NON"})
"""What a line's tax code can be in a US company."""

_INCLUSIVE = "TaxInclusive"


def default_code(desk: Desk, detail: Doc) -> Doc:
    """A line's detail with a tax code: in the US it is not taxed unless it says so."""
    if desk.is_american and "TaxCodeRef" not in detail:
        return {**detail, "TaxCodeRef": {"value": "NON"}}
    return detail


def taxed(desk: Desk, doc: Doc, discount: Decimal | int) -> tuple[Doc, Decimal | int]:
    """TxnTaxDetail of a transaction, and what it adds to the total.

    A TotalTax that was sent with the transaction stands: the client has calculated it.
    """
    sent: Doc = dict(doc.get("TxnTaxDetail") or {})
    bases = _bases(desk, doc, discount)
    tax_lines: list[Doc] = []
    for rate_id, base in bases.items():
        rate = desk.lookup("TaxRate", {"value": rate_id})
        if rate is not None:
            tax_lines.append(_tax_line(rate_id, rate["RateValue"], base, inclusive=_is_inclusive(doc)))
    total = sum((line["Amount"] for line in tax_lines), start=0)
    if sent.get("TotalTax"):
        total, tax_lines = sent["TotalTax"], sent.get("TaxLine", tax_lines)
    found: Doc = {}
    if "TxnTaxCodeRef" in sent:
        found["TxnTaxCodeRef"] = sent["TxnTaxCodeRef"]
    found["TotalTax"] = total
    if tax_lines:
        found["TaxLine"] = tax_lines
    return found, 0 if _is_inclusive(doc) else total


def _is_inclusive(doc: Doc) -> bool:
    return bool(doc.get("GlobalTaxCalculation") == _INCLUSIVE)


def _bases(desk: Desk, doc: Doc, discount: Decimal | int) -> dict[str, Decimal]:
    """Tax rate Id to the amount it applies to."""
    bases: dict[str, Decimal] = defaultdict(Decimal)
    if doc.get("GlobalTaxCalculation") == "NotApplicable":
        return bases
    side = "SalesTaxRateList" if desk.entity in SALES_FORMS else "PurchaseTaxRateList"
    whole_code = (doc.get("TxnTaxDetail") or {}).get("TxnTaxCodeRef")
    for amount, reference in _coded(doc.get("Line", ())):
        if desk.is_american:
            code = desk.lookup("TaxCode", whole_code) if reference.get("value") == "TAX" else None
        else:
            code = desk.lookup("TaxCode", reference)
        for part in (code or {}).get(side, {}).get("TaxRateDetail", ()):
            bases[part["TaxRateRef"]["value"]] += Decimal(amount)
    taxable = sum(bases.values())
    if taxable and discount and doc.get("ApplyTaxAfterDiscount"):
        gross = Decimal(sum((amount for amount, _ in _coded(doc.get("Line", ()))), start=0))
        return {rate_id: base - Decimal(discount) * base / gross for rate_id, base in bases.items()}
    return bases


def _coded(lines: Sequence[Doc]) -> list[tuple[Any, Doc]]:
    """(amount, tax code) of each line that has a code, bundles opened."""
    found: list[tuple[Any, Doc]] = []
    for line in lines:
        kind = line.get("DetailType", "")
        detail = line.get(kind, {})
        if kind == "GroupLineDetail":
            found += _coded(detail.get("Line", ()))
        elif kind not in {"DiscountLineDetail", "SubTotalLineDetail"} and detail.get("TaxCodeRef"):
            found.append((line.get("Amount", 0), detail["TaxCodeRef"]))
    return found


def _tax_line(rate_id: str, percent: Any, base: Decimal, *, inclusive: bool) -> Doc:
    net = base / (1 + Decimal(percent) / 100) if inclusive else base
    tax = rounded(base - rounded(net)) if inclusive else rounded(net * Decimal(percent) / 100)
    detail = {
        "TaxRateRef": {"value": rate_id},
        "PercentBased": True,
        "TaxPercent": percent,
        "NetAmountTaxable": rounded(net),
    }
    return {"Amount": tax, "DetailType": "TaxLineDetail", "TaxLineDetail": detail}
