"""Forms on paper and by e-mail, and the link that an invoice is paid by."""

from __future__ import annotations

import re

import pytest

from backfill.simulator.documents import decode
from backfill.simulator.endpoints.forms import PRINTED


def first(client, entity: str) -> dict:
    row = next(iter(client.company.table(entity).all()), None)
    if row is None:
        party = {"value": "1", "name": "Somebody (é) \\"}
        row = client.company.create(entity, {"TxnDate": "2026-01-02", "TotalAmt": 5, "CustomerRef": party, "Line": []})
    return decode(row.doc)


def pages(pdf: bytes) -> list[bytes]:
    """The text of each page, after a look at whether a reader could find it."""
    table = int(re.search(rb"startxref\n(\d+)\n%%EOF\n\Z", pdf)[1])
    assert pdf[table:].startswith(b"xref\n0 ")
    offsets = [int(offset) for offset in re.findall(rb"(\d{10}) 00000 n ", pdf[table:])]
    for number, offset in enumerate(offsets, start=1):
        assert pdf[offset:].startswith(b"%d 0 obj\n" % number)
    assert b"/Size %d " % (len(offsets) + 1) in pdf[table:]
    found = re.findall(rb"<< /Length (\d+) >>\nstream\n(.*?)\nendstream", pdf, re.DOTALL)
    assert all(int(length) == len(text) for length, text in found)
    return [text for _, text in found]


@pytest.mark.parametrize("entity", sorted(PRINTED))
async def test_every_form_is_printed(client, entity: str) -> None:
    doc = first(client, entity)
    answer = await client.ask("GET", f"/{entity.lower()}/{doc['Id']}/pdf", accept="application/pdf")
    assert (answer.status, answer.content_type) == (200, "application/pdf")
    text = b"".join(pages(answer.body))
    assert f"({entity} {doc.get('DocNumber') or doc.get('PaymentRefNum') or doc['Id']})".encode() in text
    assert f"Total {doc['TotalAmt']}".encode() in text


async def test_letters_of_the_language_of_pages_are_escaped_and_long_forms_have_more_pages(client) -> None:
    doc = first(client, "Invoice")
    lines = [{"Description": rf"a (b) \ é {number} 日", "Amount": 1} for number in range(120)]
    client.company.replace("Invoice", doc["Id"], doc | {"Line": lines})
    answer = await client.ask("GET", f"/invoice/{doc['Id']}/pdf", accept="application/pdf")
    shown = pages(answer.body)
    assert len(shown) == 3
    assert rb"(a \(b\) \\ " + b"\xe9 7 ?    1) Tj" in shown[0]


@pytest.mark.parametrize("last", ["pdf", "send"])
async def test_what_is_not_there_or_has_no_form_is_a_fault(client, last: str) -> None:
    method = "GET" if last == "pdf" else "POST"
    assert await client.code(method, f"/invoice/99999999/{last}") == "610"
    customer = client.company.table("Customer").all()[0].id
    assert await client.code(method, f"/customer/{customer}/{last}") == "500"
    answer = await client.ask(method, f"/invoice/99999999/{last}", accept="application/pdf")
    assert (answer.status, answer.content_type) == (400, "application/xml;charset=utf-8")


@pytest.mark.parametrize("entity", sorted(PRINTED - {"Payment"}))
async def test_sending_marks_the_form_and_keeps_the_address(client, entity: str) -> None:
    doc = first(client, entity)
    kept_in = "POEmail" if entity == "PurchaseOrder" else "BillEmail"
    path = f"/{entity.lower()}/{doc['Id']}/send"
    sent = (await client.json("POST", path, params={"sendTo": "a@example.com, b@example.org"}))[entity]
    assert sent["EmailStatus"] == "EmailSent"
    assert sent["DeliveryInfo"] == {"DeliveryType": "Email", "DeliveryTime": "2026-11-20T10:00:00-08:00"}
    assert sent[kept_in] == {"Address": "a@example.com, b@example.org"}
    assert int(sent["SyncToken"]) == int(doc["SyncToken"]) + 1
    again = (await client.json("POST", path))[entity]
    assert again[kept_in] == sent[kept_in], "to its own address, where none is given"
    assert (await client.json("GET", f"/{entity.lower()}/{doc['Id']}"))[entity] == again


async def test_a_payment_is_sent_to_the_address_given_and_keeps_none(client) -> None:
    payment = first(client, "Payment")
    path = f"/payment/{payment['Id']}/send"
    assert await client.code("POST", path) == "6420"
    sent = (await client.json("POST", path, params={"sendTo": "a@example.com"}))["Payment"]
    assert "BillEmail" not in sent


async def test_an_address_is_needed_and_must_be_one(client) -> None:
    doc = first(client, "Invoice")
    doc.pop("BillEmail", None)
    client.company.replace("Invoice", doc["Id"], doc)
    path = f"/invoice/{doc['Id']}/send"
    assert await client.code("POST", path) == "6420"
    for address in ("nobody", "a@b", "a@example.com;b@example.com x", "a" * 90 + "@example.com"):
        assert await client.code("POST", path, params={"sendTo": address}) == "2210"
    assert decode(client.company.table("Invoice").get(doc["Id"]).doc)["EmailStatus"] == doc["EmailStatus"]


async def test_an_invoice_link_is_shown_on_demand_where_it_can_be_paid_online(client) -> None:
    doc = first(client, "Invoice")
    path = f"/invoice/{doc['Id']}"
    ready = doc | {"AllowOnlineCreditCardPayment": True, "BillEmail": {"Address": "a@example.com"}}
    for stored, include, has in (
        (ready, "invoiceLink", True),
        (ready, "enhancedAllCustomFields,invoicelink", True),
        (ready, "", False),
        (ready | {"BillEmail": None}, "invoiceLink", False),
        (ready | {"AllowOnlineCreditCardPayment": False}, "invoiceLink", False),
    ):
        client.company.replace("Invoice", doc["Id"], stored)
        found = (await client.json("GET", path, params={"include": include} if include else {}))["Invoice"]
        assert ("InvoiceLink" in found) == has
        if has:
            assert (await client.open(found["InvoiceLink"].partition("?")[0])).status == 200
    assert await client.code("GET", "/invoice/99999999", params={"include": "invoiceLink"}) == "610"
    answer = await client.ask("GET", f"{path}/pdf", params={"include": "invoiceLink"}, accept="application/pdf")
    assert answer.body.startswith(b"%PDF")


async def test_queries_and_writes_show_the_link_too_and_nothing_else_changes(client) -> None:
    doc = first(client, "Invoice")
    ready = doc | {"AllowOnlineACHPayment": True, "BillEmail": {"Address": "a@example.com"}}
    stored = client.company.replace("Invoice", doc["Id"], ready)
    statement = f"SELECT * FROM Invoice WHERE Id = '{doc['Id']}'"
    plain = (await client.ask("GET", "/query", params={"query": statement})).body
    linked = (await client.ask("GET", "/query", params={"query": statement, "include": "invoiceLink"})).body
    link = re.search(rb',"InvoiceLink":"([^"]*)"', linked)
    assert stored.doc in plain
    assert stored.doc in linked.replace(link[0], b""), "numbers keep their scale"
    body = b'{"Id":"%b","SyncToken":"%d","sparse":true}' % (doc["Id"].encode(), stored.sync_token)
    written = await client.json("POST", "/invoice", body=body, params={"include": "invoiceLink"})
    assert written["Invoice"]["InvoiceLink"] == link[1].decode()
    assert await client.code("GET", "/invoice") == "500"
