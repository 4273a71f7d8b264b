"""Whatever is asked is answered: with a report, a fault, or the gateway's time-out; never with a crash."""

from __future__ import annotations

import json
from random import Random

import pytest

from backfill.simulator.reports.asked import CHOICES, DATES, IDS, SUMMARIES, TEXTS, WORDS
from backfill.simulator.reports.catalogue import REPORTS
from backfill.simulator.reports.dates import MACROS
from backfill.simulator.reports.keys import KEYS

DAYS = ("1900-01-01", "2016-11-30", "2024-02-29", "2025-12-31", "2026-11-20", "2199-12-31", "0000-00-00", "x")
TEXT = ("1", "2,3", "Bank", "Invoice,Payment", "a", "é", "", "9" * 400, ",,,", "5000000000000142240")

VALUES: dict[str, tuple[str, ...]] = {
    **{f"{end}_date": DAYS for end in ("start", "end")},
    "report_date": DAYS,
    **{f"{end}_{name}": DAYS for name in DATES for end in ("start", "end")},
    **{f"{name}_macro": MACROS for name in (*DATES, "date")},
    "summarize_column_by": (*SUMMARIES, "x"),
    **{name: (*words, "x") for name, words in CHOICES.items()},
    **dict.fromkeys((*IDS, *WORDS, *TEXTS), TEXT),
    "columns": (*KEYS, "tx_date,memo", "nonsense,,", ",".join(KEYS)),
    "sort_by": (*KEYS, "x"),
    "group_by": ("Name", "Customer", "Account", "Transaction Type", "Location", "Payment Method", "Quarter", "None"),
    "aging_period": ("1", "30", "999999", "0", "x"),
    "num_periods": ("1", "4", "999999", "-1"),
    "past_due": ("0", "30", "x"),
    "bothamount": ("0", "12.34", "-1", "1e9", "9" * 99),
    "qzurl": ("true", "false"),
    "testing_migration": ("", "true"),
    "showrows": ("all", "active"),
}


@pytest.mark.parametrize("number", range(4))
def test_every_report_takes_any_parameters(reporter_of, number: int) -> None:
    rng = Random(number)
    reporter = reporter_of(number, 300)
    statuses = []
    for name in REPORTS:
        for _ in range(12):
            names = rng.sample(sorted(VALUES), rng.randrange(1, 7))
            params = {key: rng.choice(VALUES[key]) for key in names}
            answer = reporter.answer(name, **params)
            statuses.append(answer.status)
            if answer.status == 200:
                report = reporter.ask(name, **params) if "testing_migration" not in params else None
                assert json.loads(answer.body)["Header"]["ReportName"] == name
                if report is not None:
                    assert json.loads(answer.body)["Rows"] == report.body["Rows"], (name, params)
            else:
                assert answer.status in {400, 504}, (name, params)
    assert statuses.count(200) > 100
