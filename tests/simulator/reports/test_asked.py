"""The parameters of a report: what they mean, what is left out, and what is refused."""

from __future__ import annotations

from datetime import date

import pytest

from backfill.simulator.faults import FaultedError
from backfill.simulator.reports.asked import Asked, asked


def ask(**params: str) -> Asked:
    return asked(params, today=date(2026, 11, 20), first_month=1, macro="This Month-to-date", basis="Accrual")


def test_without_days_the_report_s_own_macro_counts() -> None:
    found = ask()
    assert (found.macro, found.start, found.end) == ("This Month-to-date", "2026-11-01", "2026-11-20")
    assert ask(date_macro="all").start == ""


def test_days_count_before_a_macro_and_one_gives_the_other() -> None:
    found = ask(start_date="2026-01-02", end_date="2026-03-04", date_macro="Today")
    assert (found.macro, found.start, found.end) == ("", "2026-01-02", "2026-03-04")
    assert ask(end_date="2025-05-31").start == "2025-01-01"
    assert ask(start_date="2026-05-31").end == "2026-11-20"
    assert ask(report_date="2025-05-31").end == "2025-05-31"


def test_lists_words_and_choices() -> None:
    found = ask(
        customer="1, 2",
        account_type="AccountsReceivable",
        accounting_method="cash",
        sort_order="descend",
        columns="tx_date,,memo",
        bothamount="-12.5",
        memo="Fuel",
        summarize_column_by="month",
    )
    assert found.ids == {"customer": {"1", "2"}}
    assert found.words == {"account_type": {"accountsreceivable"}}
    assert found.texts == {"memo": "fuel"}
    assert (found.basis, found.descending, found.columns) == ("Cash", True, ("tx_date", "memo"))
    assert (found.amount, found.by) == (1250, "Month")
    assert found.is_filtered
    assert not ask(accounting_method="Cash", sort_order="ascend").is_filtered


def test_other_days_have_macros_too() -> None:
    assert ask(moddate_macro="Yesterday").dates == {"moddate": ("2026-11-19", "2026-11-19")}
    assert ask(start_duedate="2026-01-01").dates == {"duedate": ("2026-01-01", "")}


def test_what_is_no_parameter_or_has_no_value_is_ignored() -> None:
    assert ask(nonsense="1", customer="", date_macro="") == ask()
    assert ask(testing_migration="").preview, "its presence is enough"


@pytest.mark.parametrize(
    ("code", "params"),
    [
        ("2070", {"start_date": "2026-13-01"}),
        ("2070", {"report_date": "yesterday"}),
        ("2190", {"start_date": "2026-02-01", "end_date": "2026-01-01"}),
        ("2190", {"start_date": "1899-12-31"}),
        ("2190", {"end_date": "9999-12-31"}),
        ("2090", {"bothamount": "9" * 5_000}),
        ("2190", {"start_moddate": "2026-02-01", "end_moddate": "2026-01-01"}),
        ("2170", {"date_macro": "This Decade"}),
        ("2170", {"duedate_macro": "This Decade"}),
        ("2170", {"summarize_column_by": "Months"}),
        ("2170", {"accounting_method": "Barter"}),
        ("2090", {"num_periods": "many"}),
        ("2090", {"aging_period": "0"}),
        ("2090", {"bothamount": "1e5"}),
    ],
)
def test_what_makes_no_sense_is_refused(code: str, params: dict[str, str]) -> None:
    with pytest.raises(FaultedError) as caught:
        ask(**params)
    assert caught.value.fault.code == code
