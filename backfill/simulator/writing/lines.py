"""The lines of a transaction: their Ids and numbers, their amounts, and the SubTotal that sales forms get."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from backfill.simulator.documents import Doc
from backfill.simulator.faults import FaultedError, required
from backfill.simulator.writing.desk import Desk
from backfill.simulator.writing.faults import bad_value
from backfill.simulator.writing.shaping import rounded

SALES_FORMS = frozenset({"CreditMemo", "Estimate", "Invoice", "RefundReceipt", "SalesReceipt"})
PURCHASE_FORMS = frozenset({"Bill", "Purchase", "PurchaseOrder", "VendorCredit"})

_UNNUMBERED = frozenset({"SubTotalLineDetail", "DiscountLineDetail"})
"""Lines that the service shows without Id and LineNum."""

_DETAIL_OF = {"DescriptionOnly": "DescriptionLineDetail"}
_NEEDS_DETAIL = frozenset(
    {"SalesItemLineDetail", "GroupLineDetail", "ItemBasedExpenseLineDetail", "AccountBasedExpenseLineDetail",
     "JournalEntryLineDetail", "DepositLineDetail", "ItemAdjustmentLineDetail"}
)  # fmt: skip
_NEEDS_REFERENCE = {
    "AccountBasedExpenseLineDetail": "AccountRef",
    "ItemBasedExpenseLineDetail": "ItemRef",
    "GroupLineDetail": "GroupItemRef",
    "ItemAdjustmentLineDetail": "ItemRef",
}


def typed(lines: Sequence[Doc]) -> list[Doc]:
    """Lines with their DetailType, SubTotals left out, which the service makes itself.

    Raises `FaultedError`: 6440 for a line without the detail that its type says, 2020 for one without what that needs.
    """
    return [line for line in map(_typed, lines) if line.get("DetailType") != "SubTotalLineDetail"]


def _typed(line: Doc) -> Doc:
    kind = line.get("DetailType") or next((name for name in line if name.endswith("LineDetail")), None)
    if kind is None:
        if "LinkedTxn" not in line and "Amount" in line:
            raise FaultedError(required("Line.DetailType"))  # recorded
        return line
    kind = "DescriptionOnly" if kind == "DescriptionLineDetail" else str(kind)
    detail = line.get(_DETAIL_OF.get(kind, kind))
    if kind in _NEEDS_DETAIL and detail is None:
        raise FaultedError(bad_value("6440", "DetailType", f"A line of DetailType {kind} needs its {kind}"))
    reference = _NEEDS_REFERENCE.get(kind)
    if reference and not (detail or {}).get(reference):
        raise FaultedError(required(reference))
    return {**line, "DetailType": kind}


def numbered(desk: Desk, lines: Sequence[Doc]) -> list[Doc]:
    """Lines with Ids and LineNums. An Id of the old object stays with its line; every other line gets the next one."""
    old = {str(line["Id"]) for line in (desk.before or {}).get("Line", ()) if "Id" in line}
    # A JournalEntry's lines are counted from 0, all others from 1.
    first = 0 if desk.entity == "JournalEntry" else 1
    last = max((int(line_id) for line_id in old if line_id.isdigit()), default=first - 1)
    found: list[Doc] = []
    taken: set[str] = set()
    number = 0
    for line in lines:
        if line.get("DetailType") in _UNNUMBERED or not line.get("DetailType"):
            found.append({name: value for name, value in line.items() if name not in {"Id", "LineNum"}})
            continue
        number += 1
        line_id = str(line.get("Id", ""))
        if line_id not in old or line_id in taken:
            last += 1
            line_id = str(last)
        taken.add(line_id)
        place: Doc = {"Id": line_id} if desk.entity == "JournalEntry" else {"Id": line_id, "LineNum": number}
        found.append({**place, **{name: value for name, value in line.items() if name not in place}})
    return found


def priced(desk: Desk, lines: Sequence[Doc]) -> list[Doc]:
    """Lines with their amounts. UnitPrice times Qty, where both are there, wins over the Amount that was sent."""
    return [_priced(desk, line) for line in lines]


def _priced(desk: Desk, line: Doc) -> Doc:
    kind = str(line.get("DetailType", ""))
    detail: Doc = dict(line.get(kind, {}))
    match kind:
        case "SalesItemLineDetail" | "ItemBasedExpenseLineDetail":
            return _item_line(desk, line, kind, detail)
        case "GroupLineDetail":
            return _group_line(desk, line, detail)
        case "DescriptionOnly" | "DiscountLineDetail" | "ItemAdjustmentLineDetail":
            return line
        case _ if "Amount" not in line:
            raise FaultedError(required("Amount"))
        case _:
            return line


def _item_line(desk: Desk, line: Doc, kind: str, detail: Doc) -> Doc:
    if kind == "SalesItemLineDetail" and not {"ItemRef", "ItemAccountRef"} & detail.keys():
        default = desk.lookup("Item", {"value": desk.other_preference("SalesFormsPrefs.DefaultItem")})
        if default is not None:
            detail["ItemRef"] = {"value": default["Id"], "name": default["Name"]}
    item = desk.lookup("Item", detail.get("ItemRef")) or {}
    price, quantity = detail.get("UnitPrice"), detail.get("Qty")
    if not price and not quantity and line.get("Amount"):
        # Clients that leave both at 0 mean that they were not given.
        detail = {name: value for name, value in detail.items() if name not in {"UnitPrice", "Qty"}}
        return {**line, kind: detail}
    if "Amount" not in line and price is None:
        price = detail["UnitPrice"] = item.get("UnitPrice" if kind == "SalesItemLineDetail" else "PurchaseCost", 0)
        quantity = detail["Qty"] = 1 if quantity is None else quantity
    if price is not None and quantity is not None:
        return _with_detail(line, kind, detail, times(price, quantity))
    if "Amount" not in line:
        raise FaultedError(required("Amount"))
    return {**line, kind: detail}


def _group_line(desk: Desk, line: Doc, detail: Doc) -> Doc:
    """A bundle: the lines of its items, given or made of what the bundle holds, and their sum."""
    quantity = detail.setdefault("Quantity", 1)
    inner: list[Doc] = list(detail.get("Line", ()))
    bundle = desk.lookup("Item", detail.get("GroupItemRef")) or {}
    if not inner:
        for part in bundle.get("ItemGroupDetail", {}).get("ItemGroupLine", ()):
            count = times(part.get("Qty", 1), quantity)
            item_line = {"ItemRef": part["ItemRef"], "Qty": count}
            inner.append({"DetailType": "SalesItemLineDetail", "SalesItemLineDetail": item_line})
    detail["Line"] = [_priced(desk, part) for part in typed(inner)]
    return _with_detail(line, "GroupLineDetail", detail, total(detail["Line"]))


def _with_detail(line: Doc, kind: str, detail: Doc, amount: Decimal | int) -> Doc:
    """The line with the amount where one expects it: before DetailType."""
    rest = {name: value for name, value in line.items() if name not in {"Amount", "DetailType", kind}}
    return {**rest, "Amount": amount, "DetailType": kind, kind: detail}


def times(price: Any, quantity: Any) -> Decimal | int:
    """A product as an amount."""
    product = price * quantity
    return int(product) if isinstance(product, int) else rounded(Decimal(product))


def total(lines: Sequence[Doc]) -> Decimal | int:
    """The sum of the amounts of the lines."""
    amounts: list[Decimal | int] = [line.get("Amount", 0) for line in lines]
    return sum(amounts)


def subtotalled(lines: Sequence[Doc]) -> tuple[list[Doc], Decimal | int, Decimal | int]:
    """A sales form's lines as the service shows them, with the subtotal and the discount.

    The goods, then SubTotal, then the discount and what it does not concern (a shipping charge, a tip).
    """
    goods = [line for line in lines if not _is_below(line)]
    below = [line for line in lines if _is_below(line)]
    subtotal = total(goods)
    discount: Decimal | int = 0
    shown: list[Doc] = []
    for line in below:
        if line.get("DetailType") != "DiscountLineDetail":
            shown.append(line)
            continue
        detail = line.get("DiscountLineDetail", {})
        if detail.get("PercentBased"):
            if "DiscountPercent" not in detail:
                raise FaultedError(bad_value("6090", "DiscountPercent", "A discount by percent needs its percentage"))
            amount = rounded(Decimal(subtotal) * detail["DiscountPercent"] / 100)
        else:
            amount = line.get("Amount", 0)
        discount += amount
        shown.append(_with_detail(line, "DiscountLineDetail", {"PercentBased": False, **detail}, amount))
    head: Doc = {"Amount": subtotal, "DetailType": "SubTotalLineDetail", "SubTotalLineDetail": {}}
    return [*goods, head, *shown], subtotal, discount


def is_charge(line: Doc) -> bool:
    """Whether the line is a shipping charge, which no SubTotal counts."""
    item = line.get("SalesItemLineDetail", {}).get("ItemRef", {}).get("value", "")
    return bool(item == "SHIPPING_ITEM_ID")


def _is_below(line: Doc) -> bool:
    return line.get("DetailType") == "DiscountLineDetail" or is_charge(line)
