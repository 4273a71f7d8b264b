"""Sales and purchase forms on paper and by e-mail: `/pdf`, `/send`, and the link a customer pays an invoice by."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import replace

from backfill.simulator.acting import Acting, Content
from backfill.simulator.call import Call
from backfill.simulator.documents import Doc, decode, encode
from backfill.simulator.endpoints import pdf
from backfill.simulator.endpoints.refusals import EMAIL_REQUIRED, bad_email
from backfill.simulator.envelopes import Answer
from backfill.simulator.faults import OBJECT_NOT_FOUND, FaultedError, unsupported
from backfill.simulator.reads import BY_PATH
from backfill.simulator.stored import StoredObject

PDF = "application/pdf"
PRINTED = frozenset({"CreditMemo", "Estimate", "Invoice", "Payment", "PurchaseOrder", "RefundReceipt", "SalesReceipt"})
"""Forms that have a printed version, and that can be sent."""

PAYMENT_LINKS = "/t"
"""Where invoice links lead: another host at Intuit's, a path beside the API here."""
_ONLINE = ("AllowOnlineCreditCardPayment", "AllowOnlineACHPayment", "AllowOnlinePayment")
_ADDRESSES_CHARACTERS = 100  # documented for BillEmail.Address, several addresses together
_ADDRESS = re.compile(r"[^@\s,]+@[^@\s,]+\.[^@\s,]+")


def printed(acting: Acting) -> Answer:
    """`GET /{entity}/{id}/pdf`."""
    entity, row = _form(acting, "pdf")
    return Answer(200, pdf.document(list(_lines(entity, decode(row.doc), acting.company.name))), PDF, rows=1)


def sent(acting: Acting) -> Content:
    """`POST /{entity}/{id}/send[?sendTo=]`: to the address given, which the form keeps, or to its own."""
    entity, row = _form(acting, "send")
    doc = decode(row.doc)
    kept_in = "POEmail" if entity == "PurchaseOrder" else "BillEmail"
    address = acting.call.params.get("sendTo") or _address(doc, kept_in)
    if not address:
        raise FaultedError(EMAIL_REQUIRED)
    _check_addresses(address)
    doc["EmailStatus"] = "EmailSent"
    delivered = acting.company.offset_text(int(acting.instant.timestamp()))
    doc["DeliveryInfo"] = {"DeliveryType": "Email", "DeliveryTime": delivered}
    if entity != "Payment":  # which keeps no address of its own
        doc[kept_in] = {"Address": address}
    changed = acting.company.replace(entity, row.id, doc)
    return Content(b'"%b":%b' % (entity.encode(), changed.doc), 1)


def asks_invoice_links(call: Call) -> bool:
    """Whether invoices are to be shown with their links: `?include=invoiceLink`."""
    return "invoicelink" in call.params.get("include", "").lower()


def with_invoice_links(answer: Answer, origin: str, realm_id: str) -> Answer:
    """The answer in which every Invoice has its InvoiceLink, if it can be paid online and has an address."""
    if not answer.content_type.startswith("application/json"):
        return answer
    whole = decode(answer.body)
    for invoice in _invoices(whole):
        if any(invoice.get(way) for way in _ONLINE) and _address(invoice, "BillEmail"):
            name = hashlib.sha256(f"{realm_id}:{invoice['Id']}".encode()).hexdigest()
            invoice["InvoiceLink"] = f"{origin}{PAYMENT_LINKS}/scs-v1-{name}?locale=en_US"
    return replace(answer, body=encode(whole))


def _invoices(whole: Doc) -> Iterator[Doc]:
    """Those of an answer to a read, a write, or a query."""
    alone, queried = whole.get("Invoice"), whole.get("QueryResponse")
    if isinstance(alone, dict):
        yield alone
    if isinstance(queried, dict):
        yield from queried.get("Invoice", ())


def _form(acting: Acting, operation: str) -> tuple[str, StoredObject]:
    """The form that the path names. Raises `FaultedError` for what has none, and for what is not there."""
    path, object_id, _ = acting.call.segments
    entity = BY_PATH[path].name
    if entity not in PRINTED:
        raise FaultedError(unsupported(operation))
    row = acting.company.table(entity).get(object_id)
    if row is None:
        raise FaultedError(OBJECT_NOT_FOUND)
    return entity, row


def _address(doc: Doc, kept_in: str) -> str:
    kept = doc.get(kept_in)
    return str(kept.get("Address") or "") if isinstance(kept, dict) else ""


def _check_addresses(text: str) -> None:
    if len(text) > _ADDRESSES_CHARACTERS or not all(_ADDRESS.fullmatch(part.strip()) for part in text.split(",")):
        raise FaultedError(bad_email(text))


def _lines(entity: str, doc: Doc, company: str) -> Iterator[str]:
    """What stands on the page."""
    yield company
    yield ""
    yield f"{entity} {doc.get('DocNumber') or doc.get('PaymentRefNum') or doc['Id']}"
    yield f"Date {doc.get('TxnDate', '')}"
    for key, word in (("CustomerRef", "To"), ("VendorRef", "To"), ("DueDate", "Due")):
        if key in doc:
            yield f"{word} {doc[key].get('name', '') if isinstance(doc[key], dict) else doc[key]}"
    yield ""
    for line in doc.get("Line", ()):
        if line.get("DetailType") != "SubTotalLineDetail":
            yield f"{line.get('Description', '')}    {line.get('Amount', '')}"
    yield ""
    yield f"Total {doc.get('TotalAmt', '')} {doc.get('CurrencyRef', {}).get('value', '')}"
    if "Balance" in doc:
        yield f"Balance {doc['Balance']}"
