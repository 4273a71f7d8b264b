"""Which changes are told, and as what."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from backfill.simulator.changes import voided
from backfill.simulator.company import Company
from backfill.simulator.documents import decode
from backfill.simulator.journal import Changed
from backfill.simulator.webhooks.notices import notice_of

AT = datetime(2026, 11, 20, 18, tzinfo=UTC)


def operation(before: bytes | None, after: bytes | None, entity: str = "Invoice") -> str:
    notice = notice_of("42", Changed(AT, entity, "7", before, after, counted=True))
    assert notice is not None
    assert (notice.realm_id, notice.object_id, notice.at) == ("42", "7", AT)
    return notice.operation


INVOICE = b'{"Id":"7","TotalAmt":10,"PrivateNote":"Thanks"}'
VOIDED = b'{"Id":"7","TotalAmt":0,"PrivateNote":"Voided - Thanks"}'
SENT = b'{"Id":"7","TotalAmt":10,"EmailStatus":"EmailSent"}'


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (None, INVOICE, "Create"),
        (INVOICE, b'{"Id":"7","TotalAmt":11}', "Update"),
        (INVOICE, None, "Delete"),
        (INVOICE, VOIDED, "Void"),
        (VOIDED, VOIDED, "Update"),
        (INVOICE, SENT, "Emailed"),
        (SENT, SENT, "Update"),
    ],
)
def test_operations(before: bytes | None, after: bytes | None, told: str) -> None:
    assert operation(before, after) == told


def test_names_and_what_is_not_told() -> None:
    named = notice_of("42", Changed(AT, "CompanyCurrency", "7", None, b"{}", counted=True))
    assert named is not None
    assert named.entity == "Currency"
    for entity in ("Attachable", "ExchangeRate", "CompanyInfo", "TaxCode", "RecurringTransaction"):
        assert notice_of("42", Changed(AT, entity, "7", None, b"{}", counted=True)) is None


def test_a_company_tells_every_change_once_it_is_made() -> None:
    told: list[tuple[str, Changed, int]] = []

    def watch(realm_id: str, change: Changed) -> None:
        told.append((realm_id, change, len(company.table("Invoice"))))

    company = Company(
        realm_id="42", name="Told", country="US", home_currency="USD", multicurrency=False, now=lambda: AT, watch=watch
    )
    row = company.create("Invoice", {"TotalAmt": 10, "PrivateNote": ""})
    new = company.replace("Invoice", row.id, voided(decode(row.doc)), counted=False)
    company.delete("Invoice", row.id)
    assert [(realm_id, rows) for realm_id, _, rows in told] == [("42", 1), ("42", 1), ("42", 0)]
    changes = [change for _, change, _ in told]
    assert [(change.before, change.after) for change in changes] == [
        (None, row.doc), (row.doc, new.doc), (new.doc, None),
    ]  # fmt: skip
    assert [change.counted for change in changes] == [True, False, True]
    assert changes[0].at < changes[1].at < changes[2].at
    company.load("Invoice", row)
    assert len(told) == 3, "what is sown is no news"
