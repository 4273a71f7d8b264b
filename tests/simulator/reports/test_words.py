"""Titles: the company's language, and the casing of the service."""

from __future__ import annotations

import pytest

from backfill.simulator.reports.catalogue import REPORTS
from backfill.simulator.reports.french import FRENCH
from backfill.simulator.reports.words import Words

FRANCE = 2


def test_the_modern_service_writes_no_capitals_alone_and_says_some_things_otherwise() -> None:
    old, modern = Words("en", modern=False), Words("en", modern=True)
    assert (old("TOTAL ASSETS"), modern("TOTAL ASSETS")) == ("TOTAL ASSETS", "Total Assets")
    assert (old("Date"), modern("Date")) == ("Date", "Transaction date")
    assert (old("-Split-"), modern("-Split-")) == ("-Split-", "")
    assert modern("Total for {}", "ACME {INC}") == "Total for ACME {INC}", "a name is left as it is"


def test_french() -> None:
    old, modern = Words("fr", modern=False), Words("fr", modern=True)
    assert old("Total for {}", "Caisse") == "Total pour Caisse"
    assert (old("ASSETS"), modern("ASSETS")) == ("ACTIF", "Actif")
    assert old.months[7] == "août"
    assert all(english.count("{}") == french.count("{}") for english, french in FRENCH.items())


@pytest.mark.parametrize("preview", [{}, {"testing_migration": "1"}])
def test_everything_that_a_french_company_is_told_is_in_french(reporter_of, monkeypatch, preview) -> None:
    asked: set[str] = set()
    said = Words.__call__

    def listen(words: Words, text: str, *names: str) -> str:
        asked.add(text)
        return said(words, text, *names)

    monkeypatch.setattr(Words, "__call__", listen)
    reporter = reporter_of(FRANCE, 900)
    everything = "tx_date,past_due,is_ar_paid,is_ap_paid,create_date,pmt_mthd,term_name,quantity,rate,klass_name"
    for name, report in REPORTS.items():
        if not report.countries or "FR" in report.countries:
            reporter.ask(name, date_macro="All", **preview)
            reporter.ask(name, date_macro="All", summarize_column_by="Classes", columns=everything, **preview)
    assert len(asked) > 100
    # Totals of totals are made of titles that are French already; French ones have no translation of their own.
    assert {text for text in asked - FRENCH.keys() if text not in FRENCH.values()} == set()
