"""The page that is signed: what it says in red and in green, and that no name becomes markup."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime

from backfill.cli.verify_page import RealmPage, page_as_html, page_as_json
from backfill.model import Proof, RealmId
from backfill.verdict_model import Difference, DifferenceKind, Verdict

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
HOSTILE = "<img src=x onerror=alert(1)>\"'&"


def page(verdicts: Sequence[Verdict], proofs: Sequence[Proof] = (), *, name: str = "Acme") -> RealmPage:
    return RealmPage(
        realm_id=RealmId("1"), name=name, verified_at=NOW, deep=True, verdicts=verdicts, proofs=proofs, repaired=0
    )


def proof(*, proven: bool) -> Proof:
    return Proof("Invoice", proven, "count", 1, 1, 0, NOW, "" if proven else HOSTILE)


def test_green_only_if_all_is_equal_and_all_was_proven() -> None:
    equal = Verdict("CreditCardPayment", True, 1, 1, 1)
    assert "The copy equals the company" in page_as_html(page([equal], [proof(proven=True)])).decode()
    assert "does not equal" in page_as_html(page([equal], [proof(proven=False)])).decode()
    differs = Verdict("Bill", False, 1, 1, 1, [Difference("7", DifferenceKind.ALTERED, "1037, Amy", "TotalAmt")])
    red = page_as_html(page([equal, differs])).decode()
    assert "does not equal" in red
    assert "1037, Amy" in red
    assert "Credit card payment" in red


def test_no_name_becomes_markup() -> None:
    differs = Verdict("Bill", False, 1, 1, 1, [Difference(HOSTILE, DifferenceKind.EXTRA, HOSTILE, HOSTILE)], HOSTILE)
    html = page_as_html(page([differs], [proof(proven=False)], name=HOSTILE)).decode()
    assert "<img" not in html
    assert html.count("&lt;img src=x") == 7


def test_a_verdict_that_could_not_be_had_says_why() -> None:
    open_ = Verdict("TrialBalance", None, None, 0, 0, note="the company keeps stock")
    html = page_as_html(page([open_])).decode()
    assert "not compared" in html
    assert "the company keeps stock" in html
    assert "The copy equals the company" in html


def test_what_could_not_be_read_is_not_called_equal() -> None:
    open_ = Verdict("CreditCardPayment", None, None, 7, 0, note="it could not be read")
    html = page_as_html(page([open_])).decode()
    assert "equals the company" not in html
    assert "does not equal" not in html
    assert "Of Credit card payment it is not shown whether it is equal." in html
    assert not json.loads(page_as_json(page([open_])))["equal"]


def test_the_json_has_every_difference() -> None:
    many = [Difference(str(number), DifferenceKind.MISSING, "") for number in range(500)]
    found = json.loads(page_as_json(page([Verdict("Bill", False, 500, 0, 0, many)])))
    assert not found["equal"]
    assert len(found["entities"][0]["differences"]) == 500
    assert "and 300 more" in page_as_html(page([Verdict("Bill", False, 500, 0, 0, many)])).decode()
