"""What the books do not allow: pure checks of a change against what is stored, each a `Fault` or None.

`refusal` is asked before a change is stored. Codes and their meaning are documented; where the words were not
recorded they are ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from backfill.simulator.books.links import Target, linked_from, settled_by, with_figures
from backfill.simulator.books.lists import reference
from backfill.simulator.books.roles import UNDEPOSITED
from backfill.simulator.books.stored_lists import StoredLists
from backfill.simulator.catalogue import TRAITS
from backfill.simulator.company import Company
from backfill.simulator.documents import Doc, cents, decode
from backfill.simulator.faults import Fault, business


class Change(NamedTuple):
    """A change that is about to be stored: `before` None creates, `after` None deletes. `before` has its Id."""

    company: Company
    entity: str
    before: Doc | None
    after: Doc | None

    @property
    def undoes(self) -> bool:
        """Whether it deletes or voids."""
        return self.after is None or (TRAITS[self.entity].voidable and not cents(self.after.get("TotalAmt") or 0))

    def stored(self, target: Target) -> Doc | None:
        row = self.company.table(target.entity).get(target.id)
        return decode(row.doc) if row else None


Check = Callable[[Change], Fault | None]


def refusal(company: Company, entity: str, before: Doc | None, after: Doc | None) -> Fault | None:
    """The first reason why the change may not be; None: it may."""
    change = Change(company, entity, before, after)
    return next((fault for check in CHECKS.get(entity, ()) if (fault := check(change)) is not None), None)


def deposited(change: Change) -> Fault | None:
    """6540: money that was taken to the bank stays what it is until the deposit is undone."""
    before, after = change.before, change.after
    if before is None or not any(target.entity == "Deposit" for target in linked_from(change.entity, before)):
        return None
    kept = after is not None and all(
        after.get(key) == before.get(key) for key in ("TotalAmt", "DepositToAccountRef", "CurrencyRef")
    )
    if kept:
        return None
    detail = "The transaction has been deposited. If you want to change it, you must edit the deposit it appears on."
    return Fault("6540", "Deposited Transaction cannot be changed", f"{detail} Id={before['Id']}", element="")


def settled(change: Change) -> Fault | None:
    """6000 for deleting what was paid: the payment goes first."""
    before = change.before
    if before is None or change.after is not None or not _payers(change.entity, before):
        return None
    return business("You cannot delete this transaction, for payments or credits are applied to it.")


def below_paid(change: Change) -> Fault | None:
    """6000 for a total less than what is paid of it already, or for another party than the one that paid."""
    before, after = change.before, change.after
    if before is None or after is None or change.undoes or not (payers := _payers(change.entity, before)):
        return None
    target = Target(change.entity, str(before["Id"]))
    paid = sum(settled_by(payer.entity, change.stored(payer)).get(target, 0) for payer in payers)
    if cents(after.get("TotalAmt") or 0) < paid:
        return business("The amount is less than the payments that are applied to it.")
    party = _PARTY.get(change.entity, "")
    if party and reference(after, party) != reference(before, party):
        return business("You cannot change the name on a transaction that payments are applied to.")
    return None


def overpays(change: Change) -> Fault | None:
    """6000 for settling more of a transaction than is open of it, or more altogether than is paid."""
    if change.after is None:
        return None
    old, new = settled_by(change.entity, change.before), settled_by(change.entity, change.after)
    for target, amount in new.items():
        doc = change.stored(target)
        if doc is None or "Balance" not in doc:
            continue
        if amount < 0 or amount > cents(doc["Balance"]) + old.get(target, 0):
            return business("The amount of the payment is more than the open balance of the transaction it pays.")
    if cents(with_figures(change.entity, change.after, 0).get("UnappliedAmt") or 0) < 0:
        return business("The amount applied is more than the amount of the payment.")
    return None


def not_their_own(change: Change) -> Fault | None:
    """6000 for settling somebody else's transaction, 620 for one that is not there."""
    after = change.after
    if after is None:
        return None
    key = _PARTY[change.entity]
    for target in settled_by(change.entity, after):
        doc = change.stored(target)
        if doc is None:
            return _unlinkable(*target)
        owner = reference(doc, key)
        if owner and reference(after, key) not in {owner, *_above(change, owner)}:
            return business("The transaction you are paying belongs to another name than the payment.")
    return None


def not_waiting(change: Change) -> Fault | None:
    """620 for depositing what does not wait to be: it lies in another account, or was deposited before."""
    if change.after is None:
        return None
    waiting = StoredLists(change.company).role(UNDEPOSITED)
    mine = str(change.before["Id"]) if change.before else ""
    for target in settled_by("Deposit", change.after):
        doc = change.stored(target)
        if doc is None:
            return _unlinkable(*target)
        elsewhere = reference(doc, "DepositToAccountRef") not in {"", waiting}
        others = [link for link in linked_from(target.entity, doc) if link.entity == "Deposit" and link.id != mine]
        if target.entity != "JournalEntry" and (elsewhere or others):
            return _unlinkable(*target)
    return None


def owes(change: Change) -> Fault | None:
    """6220 for making somebody inactive who still owes, or is owed."""
    before, after = change.before, change.after
    if before is None or after is None or before.get("Active") is False or after.get("Active") is not False:
        return None
    if not cents(before.get("Balance") or 0):
        return None
    name = f"{change.entity} {before['Id']}"
    return Fault("6220", "Entity has balance", f"{name} has a balance and cannot be made inactive", element="")


def unbilled(change: Change) -> Fault | None:
    """6280 for making a customer inactive whom time or costs are still to be charged to."""
    before, after = change.before, change.after
    if before is None or after is None or before.get("Active") is False or after.get("Active") is not False:
        return None
    for entity in _CHARGED:
        for row in change.company.table(entity).all():
            # The word is looked for before the object is decoded: few have it.
            if b'"Billable"' in row.doc and _is_charged_to(str(before["Id"]), decode(row.doc)):
                detail = f"Customer {before['Id']} has unbilled charges: {entity} {row.id}"
                return Fault("6280", "Customer has unbilled charges", detail, element="")
    return None


def _is_charged_to(customer: str, doc: Doc) -> bool:
    details = [part for line in doc.get("Line", ()) for part in line.values() if isinstance(part, dict)]
    return any(
        part.get("BillableStatus") == "Billable" and reference(part, "CustomerRef") == customer
        for part in (doc, *details)
    )


def processed(change: Change) -> Fault | None:
    """6450, 6120, 6110 for voiding, deleting or changing what a card was charged for through QuickBooks."""
    before, after = change.before, change.after
    card = (before or {}).get("CreditCardPayment") or {}
    charge, response = card.get("CreditChargeInfo") or {}, card.get("CreditChargeResponse") or {}
    if before is None or not (charge.get("ProcessPayment") and response.get("CCTransId")):
        return None
    what = f"The card of {change.entity} {before['Id']} was charged as {response['CCTransId']}"
    if after is None:
        return Fault("6120", "Merchant Transaction Cannot Be Deleted", f"{what}: it cannot be deleted", element="")
    if change.undoes:
        return Fault("6450", "Settled Transaction Cannot Be Voided", f"{what}: it cannot be voided", element="")
    if all(after.get(key) == before.get(key) for key in ("TotalAmt", "CreditCardPayment", "CustomerRef")):
        return None
    return Fault("6110", "Merchant Transaction Cannot Be Updated", f"{what}: it cannot be changed", element="")


def _unlinkable(kind: str, object_id: str) -> Fault:
    detail = f"Transaction {kind} {object_id} cannot be linked"
    return Fault("620", "Transaction Id cannot be linked", detail, element="LinkedTxn")


def _payers(entity: str, doc: Doc) -> list[Target]:
    return [payer for payer in linked_from(entity, doc) if payer.entity in _PAYING]


def _above(change: Change, customer: str) -> list[str]:
    """Who stands above a customer: a job may be paid for by whom it belongs to."""
    found: list[str] = []
    while len(found) < 5:  # levels of customers, as QuickBooks allows
        doc = change.stored(Target("Customer", customer))
        customer = reference(doc, "ParentRef") if doc else ""
        if not customer:
            break
        found.append(customer)
    return found


_PARTY = MappingProxyType(
    {
        "Bill": "VendorRef",
        "BillPayment": "VendorRef",
        "CreditMemo": "CustomerRef",
        "Invoice": "CustomerRef",
        "Payment": "CustomerRef",
        "VendorCredit": "VendorRef",
    }
)

_CHARGED = ("TimeActivity", "Bill", "Purchase", "VendorCredit")
"""What can be charged on to a customer."""

_PAYING = frozenset({"Payment", "BillPayment"})

_OPEN: tuple[Check, ...] = (settled, below_paid)

CHECKS: Mapping[str, tuple[Check, ...]] = MappingProxyType(
    {
        "Bill": _OPEN,
        "BillPayment": (not_their_own, overpays),
        "CreditMemo": _OPEN,
        "Customer": (owes, unbilled),
        "Deposit": (not_waiting,),
        "Invoice": _OPEN,
        "Payment": (processed, deposited, not_their_own, overpays),
        "RefundReceipt": (processed, deposited),
        "SalesReceipt": (processed, deposited),
        "Vendor": (owes,),
        "VendorCredit": _OPEN,
    }
)
"""Each entity's checks, in the order in which they are made."""
