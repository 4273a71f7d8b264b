"""The page that is signed: what it says in red and in green, and that no name becomes markup."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime

from backfill.cli.verify_page import RealmPage, page_as_html, page_as_json
from backfill.jobs.proofs import of_a_part
from backfill.model import Proof, RealmId
from backfill.qbo.catalogue import CATALOGUE
from backfill.verdict_model import Difference, DifferenceKind, Verdict

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
HOSTILE = "<img src=x onerror=alert(1)>\"'&"


def page(verdicts: Sequence[Verdict], proofs: Sequence[Proof] = (), *, name: str = "Acme") -> RealmPage:
    return RealmPage(
        realm_id=RealmId("1"), name=name, verified_at=NOW, deep=True, verdicts=verdicts, proofs=proofs, repaired=0
    )


ALL_EQUAL = [Verdict(name, True, 1, 1, 1) for name in CATALOGUE]


def proof(*, proven: bool) -> Proof:
    return Proof("Invoice", proven, "count", 1, 1, 0, NOW, "" if proven else HOSTILE)


def test_green_only_if_all_is_equal_and_all_was_proven() -> None:
    assert "The copy equals the company" in page_as_html(page(ALL_EQUAL, [proof(proven=True)])).decode()
    assert "does not equal" in page_as_html(page(ALL_EQUAL, [proof(proven=False)])).decode()
    since = of_a_part(proof(proven=True), NOW)
    assert "not shown that all was read" in page_as_html(page(ALL_EQUAL, [since])).decode()
    differs = Verdict("Bill", False, 1, 1, 1, [Difference("7", DifferenceKind.ALTERED, "1037, Amy", "TotalAmt")])
    red = page_as_html(page([*ALL_EQUAL, differs])).decode()
    assert "does not equal" in red
    assert "1037, Amy" in red
    assert "Credit card payment" in red


def test_no_name_becomes_markup() -> None:
    differs = Verdict("Bill", False, 1, 1, 1, [Difference(HOSTILE, DifferenceKind.EXTRA, HOSTILE, HOSTILE)], HOSTILE)
    html = page_as_html(page([differs], [proof(proven=False)], name=HOSTILE)).decode()
    assert "<img" not in html
    assert html.count("&lt;img src=x") == 7


def test_a_verdict_that_could_not_be_had_says_why() -> None:
    open_ = Verdict("TrialBalance", None, None, 0, 0, note="the company keeps stock", comparable=False)
    html = page_as_html(page([*ALL_EQUAL, open_])).decode()
    assert "not compared" in html
    assert "Not compared: trial balance, for the company keeps stock." in html
    assert "The copy equals the company" in html


def test_a_trial_balance_that_another_look_may_tell_is_not_signed_for() -> None:
    open_ = Verdict("TrialBalance", None, None, 0, 0, note="QuickBooks did not give the report")
    found = page([*ALL_EQUAL, open_])
    assert not found.equal
    assert "Of Trial balance it is not shown whether it is equal." in page_as_html(found).decode()


def test_who_looked_at_a_part_signs_for_that_part() -> None:
    html = page_as_html(page([one for one in ALL_EQUAL if one.entity != "BillPayment"])).decode()
    assert "The copy equals the company" not in html
    assert "What was compared equals the company" in html
    assert "Not looked at: Bill payment." in html


def test_what_could_not_be_read_is_not_called_equal() -> None:
    open_ = Verdict("CreditCardPayment", None, None, 7, 0, note="it could not be read")
    html = page_as_html(page([open_])).decode()
    assert "equals the company" not in html
    assert "does not equal" not in html
    assert "Of Credit card payment it is not shown whether it is equal." in html
    assert not json.loads(page_as_json(page([open_])))["equal"]


def test_more_differ_than_are_named() -> None:
    named = [Difference(str(number), DifferenceKind.MISSING, "") for number in range(5)]
    html = page_as_html(page([Verdict("Bill", False, 5, 0, 0, named, unnamed=1_000_000)])).decode()
    assert "1,000,005 records differ" in html
    assert "1,000,005 differ<" in html
    assert "and 1,000,000 more" in html


def test_the_json_has_every_difference() -> None:
    many = [Difference(str(number), DifferenceKind.MISSING, "") for number in range(500)]
    found = json.loads(page_as_json(page([Verdict("Bill", False, 500, 0, 0, many)])))
    assert not found["equal"]
    assert len(found["entities"][0]["differences"]) == 500
    assert "and 300 more" in page_as_html(page([Verdict("Bill", False, 500, 0, 0, many)])).decode()
