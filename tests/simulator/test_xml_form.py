"""XML for clients that do not ask for JSON: what it says is what the JSON says, both ways."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from xml.etree import ElementTree as ET

import pytest

from backfill.simulator.call import Call
from backfill.simulator.catalogue import TRAITS
from backfill.simulator.core import Simulator
from backfill.simulator.documents import decode
from backfill.simulator.envelopes import Answer
from backfill.simulator.faults import FaultedError
from backfill.simulator.fleet import Fleet
from backfill.simulator.settings import ServerLimits, SimulatorSettings
from backfill.simulator.xml_form import NAMESPACE, in_json, in_xml

REALM = "9130357000000001"
ROOT = f'<?xml version="1.0"?><{{}} xmlns="{NAMESPACE}"{{}}>'


def shown(body: bytes) -> ET.Element:
    """The XML without its namespace, to be looked at."""
    root = ET.fromstring(body)
    for element in root.iter():
        assert element.tag.startswith(f"{{{NAMESPACE}}}")
        element.tag = element.tag.rpartition("}")[2]
    return root


def written(path: str, xml: str, **headers: str) -> dict:
    """A request's XML as the API gets it."""
    call = Call(REALM, "POST", path, {}, {"content-type": "application/xml"} | headers, xml.encode())
    return decode(in_json(call).body)


def test_an_answer_says_in_xml_what_it_says_in_json() -> None:
    body = (
        '{"QueryResponse":{"Invoice":[{"domain":"QBO","sparse":false,"Id":"1","Balance":639.00,"Job":true,"Note":null,'
        '"CustomerRef":{"value":"7","name":"A \\"&\\" <B>"},"Line":[{"Id":"1"},{"Id":"2"}],"WebAddr":{},'
        '"Memo":"a\\u0000\\u001fb"},'
        '{"domain":"QBO","status":"Deleted","Id":"2"}],"startPosition":1,"maxResults":2},'
        '"time":"2026-01-01T00:00:00.000-08:00"}'
    )
    answer = in_xml(Answer(200, body.encode(), rows=2))
    assert (answer.content_type, answer.rows) == ("application/xml;charset=utf-8", 2)
    root = shown(answer.body)
    assert (root.tag, root.get("time")) == ("IntuitResponse", "2026-01-01T00:00:00.000-08:00")
    (response,) = root
    assert response.attrib == {"startPosition": "1", "maxResults": "2"}
    first, second = response
    assert first.attrib == {"domain": "QBO", "sparse": "false"}
    assert [(child.tag, child.text) for child in first if not len(child)] == [
        ("Id", "1"), ("Balance", "639.00"), ("Job", "true"), ("CustomerRef", "7"), ("WebAddr", None), ("Memo", "ab")
    ]  # fmt: skip
    assert first.find("CustomerRef").attrib == {"name": 'A "&" <B>'}
    assert [line.findtext("Id") for line in first.findall("Line")] == ["1", "2"]
    assert second.attrib == {"domain": "QBO", "status": "Deleted"}


def test_a_file_stays_what_it_is() -> None:
    answer = Answer(200, b"%PDF", "application/pdf")
    assert in_xml(answer) is answer


def test_an_object_is_read_by_what_its_properties_are() -> None:
    found = written(
        "/invoice",
        ROOT.format("Invoice", ' domain="QBO" sparse="true"') + "<Id>5</Id><CustomerMemo>Thanks</CustomerMemo>"
        '<TxnDate>2026-01-02</TxnDate><CustomerRef name="A">7</CustomerRef><ApplyTaxAfterDiscount>false'
        "</ApplyTaxAfterDiscount><BillEmail><Address>a@example.com</Address></BillEmail><Line><Amount>10.00</Amount>"
        "<DetailType>SalesItemLineDetail</DetailType><SalesItemLineDetail><ItemRef>3</ItemRef><Qty>2</Qty>"
        "</SalesItemLineDetail></Line><Line><Amount>1e</Amount></Line><Unheard><Of>1</Of></Unheard></Invoice>",
    )
    assert found == {
        "domain": "QBO",
        "sparse": True,
        "Id": "5",
        "CustomerMemo": {"value": "Thanks"},
        "TxnDate": "2026-01-02",
        "CustomerRef": {"value": "7", "name": "A"},
        "ApplyTaxAfterDiscount": False,
        "BillEmail": {"Address": "a@example.com"},
        "Line": [
            {
                "Amount": Decimal("10.00"),
                "DetailType": "SalesItemLineDetail",
                "SalesItemLineDetail": {"ItemRef": {"value": "3"}, "Qty": 2},
            },
            {"Amount": "1e"},
        ],
        "Unheard": {"Of": "1"},
    }
    assert str(found["Line"][0]["Amount"]) == "10.00", "with its scale"


def test_an_object_within_another_is_read_as_what_it_is() -> None:
    found = written(
        "/recurringtransaction",
        ROOT.format("RecurringTransaction", "")
        + "<Invoice><CustomerRef>26</CustomerRef><Line><Amount>100</Amount></Line><RecurringInfo><Active>true</Active>"
        "</RecurringInfo></Invoice></RecurringTransaction>",
    )
    assert found == {
        "Invoice": {
            "CustomerRef": {"value": "26"},
            "Line": [{"Amount": 100}],
            "RecurringInfo": {"Active": True},
        }
    }


def test_a_batch_is_read_item_by_item() -> None:
    found = written(
        "/batch",
        ROOT.format("IntuitBatchRequest", "")
        + '<BatchItemRequest bId="1" operation="create"><Vendor><DisplayName>V</DisplayName></Vendor>'
        "</BatchItemRequest>"
        '<BatchItemRequest bId="2"><Query>SELECT * FROM Bill</Query></BatchItemRequest>'
        '<BatchItemRequest bId="3"><CDCQuery><Entities>Bill</Entities></CDCQuery></BatchItemRequest>'
        "</IntuitBatchRequest>",
        accept="application/json",
    )
    assert found == {
        "BatchItemRequest": [
            {"bId": "1", "operation": "create", "Vendor": {"DisplayName": "V"}},
            {"bId": "2", "Query": "SELECT * FROM Bill"},
            {"bId": "3", "CDCQuery": {"Entities": "Bill"}},
        ]
    }


@pytest.mark.parametrize(
    "xml",
    [
        "",
        "{}",
        "<a>",
        pytest.param("<a>" * 5000 + "</a>" * 5000, id="deep"),
        '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        "\ufffe<a/>",
    ],
)
@pytest.mark.parametrize("path", ["/invoice", "/batch"])
def test_what_is_no_xml_is_a_fault(xml: str, path: str) -> None:
    with pytest.raises(FaultedError) as caught:
        written(path, xml)
    assert caught.value.fault.code == "2010"


@pytest.mark.parametrize("path", ["/query", "/taxservice/taxcode", "/invoice/1/send", "/upload"])
def test_other_bodies_are_left_as_they_are(path: str) -> None:
    call = Call(REALM, "POST", path, {}, {"content-type": "text/xml", "accept": "application/json"}, b"<x/>")
    assert in_json(call).body == b"<x/>"


async def test_a_client_that_speaks_xml_alone_writes_reads_and_queries(simulator_of) -> None:
    simulator = simulator_of(limits=ServerLimits(requests_per_second=None))
    token = simulator.credentials(REALM).access_token

    async def ask(method: str, path: str, body: str = "", **params: str) -> ET.Element:
        headers = {"authorization": f"Bearer {token}", "content-type": "application/xml"}
        answer = await simulator.exchange(Call(REALM, method, path, params, headers, body.encode()))
        assert answer.headers["content-type"] == "application/xml;charset=utf-8"
        return shown(answer.body)

    made = await ask(
        "POST", "/vendor", ROOT.format("Vendor", "") + "<DisplayName>Ännchen &amp; Co</DisplayName></Vendor>"
    )
    vendor = made.find("Vendor")
    assert (vendor.findtext("DisplayName"), vendor.findtext("SyncToken")) == ("Ännchen & Co", "0")
    object_id = vendor.findtext("Id")
    read = await ask("GET", f"/vendor/{object_id}")
    assert [(child.tag, child.text) for child in read.find("Vendor")] == [(child.tag, child.text) for child in vendor]
    found = await ask("GET", "/query", query=f"SELECT * FROM Vendor WHERE Id = '{object_id}'")
    assert found.find("QueryResponse").get("maxResults") == "1"
    again = await ask(
        "POST", "/vendor", ROOT.format("Vendor", "") + "<DisplayName>Ännchen &amp; Co</DisplayName></Vendor>"
    )
    assert again.find("Fault/Error").get("code") == "6240"
    broken = await ask("POST", "/vendor", "<Vendor>")
    assert broken.find("Fault/Error").get("code") == "2010"
    changed = await ask("GET", "/cdc", entities="Vendor", changedSince="2026-11-19T00:00:00Z")
    assert changed.find("CDCResponse/QueryResponse/Vendor").findtext("Id") == object_id


async def test_who_asks_for_json_is_answered_in_it_whatever_was_sent(simulator_of) -> None:
    simulator = simulator_of()
    token = simulator.credentials(REALM).access_token
    headers = {
        "authorization": f"Bearer {token}",
        "content-type": "text/xml; charset=utf-8",
        "accept": "application/json",
    }
    body = (ROOT.format("Vendor", "") + "<DisplayName>V</DisplayName></Vendor>").encode()
    answer = await simulator.exchange(Call(REALM, "POST", "/vendor", {}, headers, body))
    assert json.loads(answer.body)["Vendor"]["DisplayName"] == "V"


_ROUND_TRIPS = [
    name
    for name, traits in TRAITS.items()
    if traits.updatable and traits.has_id and not traits.singleton and name not in {"Attachable", "JournalCode"}
]


@pytest.mark.parametrize("entity", _ROUND_TRIPS)
async def test_what_is_read_in_xml_is_the_same_when_it_is_written_back(entity: str) -> None:
    """So that a client that knows no JSON loses nothing by a full update."""
    now = datetime(2026, 11, 20, 18, tzinfo=UTC)
    fleet = Fleet(realms=1, seed=5, now=lambda: now, rows_min=600, rows_max=600)
    simulator = Simulator(SimulatorSettings(), fleet, now=lambda: now, seed=5)
    realm_id = fleet.realm_ids[0]
    token = simulator.credentials(realm_id).access_token
    row = fleet.company(realm_id).table(entity).all()[-1]
    path = f"/{TRAITS[entity].path}"

    async def ask(method: str, path: str, body: bytes = b"") -> Answer:
        headers = {"authorization": f"Bearer {token}", "content-type": "application/xml"}
        return await simulator.exchange(Call(realm_id, method, path, {}, headers, body))

    read = await ask("GET", f"{path}/{row.id}")
    (element,) = (part for part in ET.fromstring(read.body) if part.tag != "time")
    written = await ask("POST", path, ET.tostring(element))
    assert written.status == 200, written.body
    before, stored = decode(row.doc), fleet.company(realm_id).table(entity).get(row.id)
    assert stored is not None
    after = decode(stored.doc)
    heads = {"SyncToken", "MetaData"}
    assert {key: after.get(key) for key in before if key not in heads} == {
        key: value for key, value in before.items() if key not in heads
    }
