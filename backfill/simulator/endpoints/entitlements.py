"""`GET /manage/entitlements/v3/{realm_id}`: what the company's subscription includes. XML only."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

from backfill.simulator.acting import Acting
from backfill.simulator.company import Company
from backfill.simulator.documents import Doc, decode
from backfill.simulator.envelopes import XML, Answer, html_page

_FEATURES = (
    ("2", "Reports (Limited)", "Off"),
    ("3", "Invoicing", "On"),
    ("4", "Accounts Payable", "On"),
    ("5", "Time Tracking", "On"),
    ("6", "Budgets", "On"),
    ("7", "Class Tracking", "On"),
    ("8", "Multi-Currency", "On"),
)
"""Id, name and term: those of the Plus plan, which is what the simulated companies say they have."""


def entitlements(acting: Acting) -> Answer:
    """The answer; 406 for who asks for JSON alone, which the service does not have here."""
    accept = acting.call.headers.get("accept", "*/*").lower()
    if "json" in accept and "xml" not in accept and "*/*" not in accept:
        return html_page(406, "Not Acceptable")
    features = "".join(
        f"<Entitlement id={quoteattr(number)}><name>{escape(name)}</name><term>{term}</term></Entitlement>"
        for number, name, term in _FEATURES
    )
    body = (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
        f"<EntitlementsResponse><QboCompany>true</QboCompany><PlanName>{escape(_plan(acting.company))}</PlanName>"
        f"<MaxUsers>5</MaxUsers><CurrentUsers>1</CurrentUsers><DaysRemainingTrial>0</DaysRemainingTrial>"
        f"{features}</EntitlementsResponse>"
    )
    return Answer(200, body.encode(), XML, rows=1)


def _plan(company: Company) -> str:
    """As CompanyInfo has it among its named values."""
    for row in company.table("CompanyInfo").all():
        info: Doc = decode(row.doc)
        for named in info.get("NameValue", ()):
            if named.get("Name") == "OfferingSku":
                return str(named["Value"])
    return "QuickBooks Online Plus"
