"""Law 2, end to end: what is landed equals the companies at each entity's watermark, while people change them.

Separate processes, real HTTP, real Postgres, throttles on. `benchmarks/show_extract.py` does the same at full size.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from tests.cli.conftest import Query
from tests.comparison import Comparison, compare, differences, expected_documents, parsed
from tests.processes import Backfill, Intuit, simulated

SUMS = {"most_in_minute": 500, "most_in_second": 10, "most_batches_in_minute": 40, "most_in_flight": 10, "throttled": 0}
"""What the server counted, and the most that Intuit allows of it."""


def whole(comparison: Comparison) -> Comparison:
    assert comparison.differing == 0, "\n".join(comparison.differences)
    return comparison


def within_the_limits(intuit: Intuit) -> None:
    for realm_id, summed in intuit.summary().items():
        assert not {name: summed[name] for name, most in SUMS.items() if summed[name] > most}, realm_id
        assert set(summed["by_status"]) == {"200"}


def test_every_table_equals_the_company_at_the_watermark(
    user: Backfill, tmp_path: Path, dsn: str, query: Query
) -> None:
    with simulated(tmp_path, realms=6, rows="100:3000", latency_ms=30, jitter_ms=10, changes_per_minute=1500) as intuit:
        connected = user.having(**intuit.variables)
        assert connected.run("realms", "import", intuit.realms_file).code == 0

        # Small pages at first, so that all ways of reading are taken: slices, catch-up, sweeps, snapshots.
        (tmp_path / "small.toml").write_text("[extract]\npage_rows = 50\n")
        first = connected.run("extract", "--json", "--config", "small.toml")
        assert first.code == 0, first.stderr
        assert first.json()["realms"] == {"total": 6, "proven": 6, "unproven": 0, "parked": 0}
        compared = whole(asyncio.run(compare(dsn, intuit)))
        assert compared.realms == 6
        assert compared.documents > 2000
        assert [row[0] for row in query("SELECT DISTINCT proven FROM backfill.proof")] == [True]
        assert query("SELECT count(DISTINCT entity) FROM backfill.proof")[0][0] == 41
        methods = {row[0] for row in query("SELECT DISTINCT method FROM backfill.proof")}
        # What was not changed meanwhile is a sixth way, which depends on how fast people and machine are.
        assert {"changes and count", "snapshot", "listing", "no foreign currency", "rates of all days"} <= methods
        assert query("SELECT count(*) FROM backfill.slice WHERE done")[0][0] > 10
        assert sum(intuit.act(realm_id, 0) for realm_id in intuit.realm_ids) > 20, "people were at work meanwhile"

        # Once more, after very many changes: what was deleted is marked, what was changed is new.
        for realm_id in intuit.realm_ids:
            intuit.act(realm_id, 150)
        second = connected.run("extract", "--json")
        assert second.code == 0, second.stderr
        assert second.json()["rows"]["deleted"] > 10
        assert whole(asyncio.run(compare(dsn, intuit))).checksum != compared.checksum
        within_the_limits(intuit)


@pytest.mark.long
def test_the_same_at_full_size() -> None:
    """Twenty companies of 100 to 50,000 rows, at Intuit's own distance and limits."""
    shown = subprocess.run(
        [sys.executable, "-m", "benchmarks.show_extract", "--result", ""],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown.returncode == 0, f"{shown.stdout}\n{shown.stderr}"
    assert "20 of 100:50000 rows, 20 proven" in shown.stdout
    assert ", 0 differ" in shown.stdout


def test_the_comparison_sees_the_scale_of_a_number() -> None:
    """639.00 and 639.0 are one number and two documents."""
    expected = {"1": parsed('{"Id":"1","TotalAmt":639.00,"Line":[{"Amount":1}]}')}
    assert differences({"1": parsed('{"Line": [{"Amount": 1}], "TotalAmt": 639.00, "Id": "1"}')}, expected) == []
    for other in ("639.0", "639", '"639.00"', "639.01", "null"):
        landed = {"1": parsed(f'{{"Id":"1","TotalAmt":{other},"Line":[{{"Amount":1}}]}}')}
        assert len(differences(landed, expected)) == 1, other
    assert differences({}, expected) == ["1: is not landed"]
    assert differences(expected | {"2": {}}, expected) == ["2: is landed, and the company has none"]


def stood(*documents: str) -> dict[str, msgspec.Raw]:
    return {str(number): msgspec.Raw(text.encode()) for number, text in enumerate(documents)}


def test_the_comparison_knows_what_is_landed_otherwise() -> None:
    at = datetime(2026, 11, 22, 23, tzinfo=UTC)
    recurring = stood('{"Invoice":{"Id":"7"}}')
    assert list(expected_documents("RecurringTransaction", recurring, at, ())) == ["Invoice:7"]
    attached = stood('{"Id":"7","TempDownloadUri":"https://example.com/x"}')
    assert expected_documents("Attachable", attached, at, ()) == {"0": {"Id": "7"}}
    rates = stood(
        '{"SourceCurrencyCode":"EUR","AsOfDate":"2026-11-20"}',
        '{"SourceCurrencyCode":"EUR","AsOfDate":"2026-11-21"}',
        '{"SourceCurrencyCode":"EUR","AsOfDate":"2026-11-23"}',
        '{"SourceCurrencyCode":"GBP","AsOfDate":"2020-11-20"}',
    )
    assert list(expected_documents("ExchangeRate", rates, at, ())) == ["1", "3"]
    assert list(expected_documents("ExchangeRate", rates, at, ("0",))) == ["0", "1", "3"]
