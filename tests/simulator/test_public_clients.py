"""Client libraries of the package index against a served simulator, unmodified but for their addresses.

Opt-in: `pytest --long` with the extra `clients` installed. They were written against Intuit's own sandbox, by people
who never saw this simulator.
"""

from __future__ import annotations

import base64
import html
import importlib.util
import json
import re
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.processes import OPENER, PATIENCE_S, Intuit, simulated

INSTALLED = all(importlib.util.find_spec(name) for name in ("intuitlib", "qbosdk", "quickbooks"))
if INSTALLED:
    import intuitlib.client
    import qbosdk
    import quickbooks
    from intuitlib.enums import Scopes
    from intuitlib.exceptions import AuthClientError
    from qbosdk.exceptions import WrongParamsError
    from quickbooks.exceptions import AuthorizationException, ObjectNotFoundException, QuickbooksException
    from quickbooks.objects import Attachable, Customer, Invoice
    from quickbooks.objects.base import AttachableRef
    from quickbooks.objects.company_info import CompanyInfo

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not INSTALLED, reason="the extra `clients` is not installed"),
    pytest.mark.filterwarnings("ignore"),  # their warnings are not ours
]

REDIRECT = "http://localhost:8000/callback"


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


@pytest.fixture(scope="module")
def intuit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Intuit]:
    # The clients pace nothing, so that the limits are out of the way: scaled, they are open again at once.
    with simulated(tmp_path_factory.mktemp("intuit"), realms=3, rows="400:600", limits_scale=1000) as intuit:
        yield intuit


@pytest.fixture
def app(intuit: Intuit) -> dict[str, str]:
    """The ready-made app's client id and secret."""
    row = json.loads(Path(intuit.realms_file).read_text().splitlines()[0])
    return {"client_id": row["client_id"], "client_secret": row["client_secret"]}


@pytest.fixture
def auth(intuit: Intuit, app: dict[str, str]) -> Any:
    """Intuit's own OAuth client, which takes a discovery document's address for an environment."""
    discovery = f"{intuit.url}/.well-known/openid_sandbox_configuration/"
    return intuitlib.client.AuthClient(redirect_uri=REDIRECT, environment=discovery, **app)


def consented(address: str, *, decision: str, realm_id: str = "") -> dict[str, str]:
    """What the page sends back to the app once the user has decided on it."""
    with OPENER.open(address, timeout=PATIENCE_S) as answer:
        page = answer.read().decode()
    hidden = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page)
    form = {name: html.unescape(value) for name, value in hidden} | {"decision": decision, "realmId": realm_id}
    action = re.search(r'<form method="post" action="([^"]*)">', page)
    assert action is not None
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirects)
    body = urllib.parse.urlencode(form).encode()
    with pytest.raises(urllib.error.HTTPError) as caught:
        opener.open(urllib.parse.urljoin(address, action[1]), data=body, timeout=PATIENCE_S)
    with caught.value as redirect:
        assert redirect.code == 302
        parts = urllib.parse.urlsplit(redirect.headers["Location"])
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == REDIRECT
    return dict(urllib.parse.parse_qsl(parts.query))


@pytest.fixture
def connected(intuit: Intuit, auth: Any) -> Any:
    """The OAuth client with tokens for the second company."""
    address = auth.get_authorization_url([Scopes.ACCOUNTING, Scopes.OPENID, Scopes.EMAIL], state_token="kept")
    back = consented(address, decision="connect", realm_id=intuit.realm_ids[1])
    assert (back["state"], back["realmId"]) == ("kept", intuit.realm_ids[1])
    auth.get_bearer_token(back["code"], realm_id=back["realmId"])
    return auth


@pytest.fixture
def qb(intuit: Intuit, connected: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")  # plain http, as is right on this machine alone
    monkeypatch.setattr(quickbooks.QuickBooks, "api_url_v3", f"{intuit.url}/v3")
    return quickbooks.QuickBooks(
        auth_client=connected, refresh_token=connected.refresh_token, company_id=connected.realm_id, minorversion=75
    )


def test_connecting_with_intuits_own_client(connected: Any) -> None:
    assert connected.id_token, "it has checked signature, issuer, audience and expiry"
    assert connected.get_user_info().json()["email"] == "owner@example.com"


def test_a_user_who_cancels(auth: Any) -> None:
    back = consented(auth.get_authorization_url([Scopes.ACCOUNTING], state_token="kept"), decision="cancel")
    assert back == {"error": "access_denied", "state": "kept"}


def test_a_code_is_good_for_once(intuit: Intuit, auth: Any) -> None:
    back = consented(auth.get_authorization_url([Scopes.ACCOUNTING]), decision="connect", realm_id=intuit.realm_ids[0])
    auth.get_bearer_token(back["code"])
    with pytest.raises(AuthClientError) as caught:
        auth.get_bearer_token(back["code"])
    assert caught.value.status_code == 400
    assert json.loads(caught.value.content) == {"error": "invalid_grant"}


def test_refreshing_and_revoking(qb: Any, connected: Any) -> None:
    before = connected.access_token
    connected.refresh()
    assert connected.access_token != before
    assert CompanyInfo.get(connected.realm_id, qb=qb).CompanyName
    assert connected.revoke()
    with pytest.raises(AuthClientError) as caught:
        connected.refresh()
    assert caught.value.status_code == 400
    with pytest.raises(AuthorizationException):
        CompanyInfo.get(connected.realm_id, qb=qb)


def test_reading_and_querying(qb: Any) -> None:
    customers = Customer.all(qb=qb, max_results=1000)
    assert len(customers) == Customer.count(qb=qb) > 0
    assert Customer.get(customers[0].Id, qb=qb).DisplayName == customers[0].DisplayName
    assert [found.Id for found in Customer.choose([customers[0].Id], field="Id", qb=qb)] == [customers[0].Id]
    with pytest.raises(ObjectNotFoundException):
        Customer.get("99999999", qb=qb)
    with pytest.raises(QuickbooksException, match="Invalid query"):
        qb.query("SELECT * FROM Custmoer")


def test_attaching_reading_back_and_downloading(qb: Any, tmp_path: Path) -> None:
    file = tmp_path / "receipt.txt"
    file.write_bytes(b"paid \xff\x00\r\n--in full\n")
    invoice = Invoice.all(qb=qb, max_results=1)[0]
    attachable = Attachable()
    reference = AttachableRef()
    reference.EntityRef = invoice.to_ref()
    attachable.AttachableRef.append(reference)
    attachable.FileName = "receipt.txt"
    attachable._FilePath = str(file)
    attachable.ContentType = "text/plain"
    attachable.save(qb=qb)
    kept = Attachable.get(attachable.Id, qb=qb)
    assert (kept.FileName, kept.Size) == ("receipt.txt", len(file.read_bytes()))
    assert kept.AttachableRef[0].EntityRef.value == invoice.Id
    with OPENER.open(kept.TempDownloadUri, timeout=PATIENCE_S) as answer:
        assert answer.read() == file.read_bytes()
    asked = f"AttachableRef.EntityRef.Type = 'Invoice' and AttachableRef.EntityRef.value = '{invoice.Id}'"
    assert attachable.Id in [found.Id for found in Attachable.where(asked, qb=qb)]


def test_printing_and_sending(qb: Any) -> None:
    invoice = Invoice.all(qb=qb, max_results=1)[0]
    assert invoice.download_pdf(qb=qb).startswith(b"%PDF-1.")
    sent = invoice.send(qb=qb, send_to="clerk+1@example.com")["Invoice"]
    assert (sent["EmailStatus"], sent["BillEmail"]["Address"]) == ("EmailSent", "clerk+1@example.com")
    assert Invoice.get(invoice.Id, qb=qb).EmailStatus == "EmailSent"


def test_reports(qb: Any) -> None:
    asked = {"start_date": "2024-01-01", "end_date": "2024-12-31", "accounting_method": "Cash"}
    report = qb.get_report("ProfitAndLoss", asked)
    assert report["Header"]["ReportBasis"] == "Cash"
    assert report["Rows"]["Row"][-1]["group"] == "NetIncome"
    with pytest.raises(QuickbooksException, match="Permission Denied"):
        qb.get_report("BAS")


@pytest.fixture
def sdk(intuit: Intuit, app: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """The other SDK with the third company's ready-made refresh token."""
    sdk_class = qbosdk.QuickbooksOnlineSDK
    monkeypatch.setattr(sdk_class, "TOKEN_URL", f"{intuit.url}/oauth2/v1/tokens/bearer")
    row = json.loads(Path(intuit.realms_file).read_text().splitlines()[2])
    sdk = sdk_class(refresh_token=row["refresh_token"], realm_id=row["realm_id"], environment="sandbox", **app)
    sdk._QuickbooksOnlineSDK__base_url = f"{intuit.url}/v3/company/{row['realm_id']}"
    sdk.update_server_url()
    return sdk


def test_another_sdk_reads_and_queries(sdk: Any) -> None:
    assert sdk.company_info.get()["CompanyName"]
    accounts = [account for page in sdk.accounts.get_all_generator() for account in page]
    assert accounts
    assert sdk.preferences.get()["CurrencyPrefs"]
    for kind in (sdk.customers, sdk.vendors, sdk.bills, sdk.items, sdk.purchases, sdk.tax_codes):
        assert [found for page in kind.get_all_generator() for found in page]


def test_another_sdk_attaches(sdk: Any) -> None:
    (bill, *_), *_ = sdk.bills.get_all_generator()
    content = base64.b64encode(b"a receipt").decode()
    made = sdk.attachments.post(ref_id=bill["Id"], ref_type="Bill", content=content, file_name="r.txt")["Attachable"]
    assert (made["FileName"], made["SyncToken"], made["Size"]) == ("r.txt", "1", 9)
    assert made["AttachableRef"][0]["EntityRef"] == {"type": "Bill", "value": bill["Id"]}
    with OPENER.open(made["TempDownloadUri"], timeout=PATIENCE_S) as answer:
        assert answer.read() == b"a receipt"


def test_another_sdk_asks_for_rates_and_for_what_is_inactive(sdk: Any) -> None:
    rates = sdk.exchange_rates.get()
    for rate in rates:  # none where the company has one currency
        found = sdk.exchange_rates.get_by_source(rate["SourceCurrencyCode"])
        assert found["Rate"] == rate["Rate"]
    since = "2016-01-01T00:00:00-08:00"
    for kind in (sdk.accounts, sdk.customers, sdk.vendors, sdk.items):
        assert kind.count() > 0
        assert all(not row["Active"] for page in kind.get_inactive(since) for row in page)


def test_another_sdk_writes_reads_back_changes_and_deletes(sdk: Any) -> None:
    name = f"Vendor {uuid.uuid4().hex[:8]}"
    vendor = sdk.vendors.post({"DisplayName": name})["Vendor"]
    assert sdk.vendors.search_vendor_by_display_name(name)["Id"] == vendor["Id"]
    renamed = sdk.vendors.post({**vendor, "GivenName": "Jo"})["Vendor"]
    assert (renamed["GivenName"], renamed["SyncToken"]) == ("Jo", "1")
    with pytest.raises(WrongParamsError):
        sdk.vendors.post({"DisplayName": name})

    accounts = [account for page in sdk.accounts.get_all_generator() for account in page]
    bank, expense = (next(row["Id"] for row in accounts if row["AccountType"] == kind) for kind in ("Bank", "Expense"))
    kind = "AccountBasedExpenseLineDetail"
    lines = [{"Amount": 20, "DetailType": kind, kind: {"AccountRef": {"value": expense}}}]
    head = {"VendorRef": {"value": vendor["Id"]}, "Line": lines}
    bill = sdk.bills.post(head)["Bill"]
    paying = {"Amount": 20, "LinkedTxn": [{"TxnId": bill["Id"], "TxnType": "Bill"}]}
    check = {"PayType": "Check", "CheckPayment": {"BankAccountRef": {"value": bank}}, "TotalAmt": 20}
    paid = sdk.bill_payments.post({**head, **check, "Line": [paying]})["BillPayment"]
    assert sdk.bills.get_by_id(bill["Id"])["Balance"] == 0
    sides = [
        {
            "Amount": 5,
            "DetailType": "JournalEntryLineDetail",
            "JournalEntryLineDetail": {"PostingType": side, "AccountRef": {"value": account}},
        }
        for side, account in (("Debit", expense), ("Credit", bank))
    ]
    spent = sdk.purchases.post({"PaymentType": "Cash", "AccountRef": {"value": bank}, "Line": lines})["Purchase"]
    assert sdk.purchases.get_by_id(spent["Id"])["Purchase"][0]["TotalAmt"] == 20
    entry = sdk.journal_entries.post({"Line": sides})["JournalEntry"]
    assert len(sdk.journal_entries.get_by_id(entry["Id"])["Line"]) == 2
    made = [
        (sdk.bill_payments, "BillPayment", paid),
        (sdk.bills, "Bill", sdk.bills.post(head)["Bill"]),
        (sdk.purchases, "Purchase", spent),
        (sdk.journal_entries, "JournalEntry", entry),
    ]
    for api, key, doc in made:
        # This SDK deletes only what was changed once: it always says that the SyncToken is 1.
        changed = api.post({**doc, "PrivateNote": "again"})[key]
        assert (changed["PrivateNote"], changed["SyncToken"]) == ("again", "1")
        assert api.delete(doc["Id"])[key]["status"] == "Deleted"
    assert sdk.bills.get_by_id(bill["Id"])["Balance"] == 20
