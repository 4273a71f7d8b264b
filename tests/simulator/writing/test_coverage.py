"""The table of fault codes, walked: what it says a request provokes, a request provokes."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from backfill.simulator.documented import DOCUMENTED as SWITCHED
from backfill.simulator.writing.coverage import COVERAGE
from backfill.simulator.writing.faults import VALUE_FAULTS
from tests.simulator.writing.provoking import CASES

DOCUMENTED = [
    "100", "110", "120", "130", "140", "150", "500", "600", "610", "620", "630", "700", "800", "900", "1000",
    "1010", "1020", "1040", "1050", "2000", "2010", "2020", "2030", "2040", "2050", "2060", "2070", "2080",
    "2090", "2100", "2110", "2120", "2130", "2140", "2150", "2160", "2170", "2180", "2190", "2200", "2210",
    "2220", "2230", "2240", "2250", "2260", "2270", "2280", "2290", "2300", "2500", "2600", "3000", "3001",
    "3100", "3200", "3201", "3202", "4000", "4001", "4002", "5000", "5010", "5020", "5030", "6000", "6002",
    "6010", "6020", "6030", "6040", "6041", "6050", "6060", "6070", "6080", "6090", "6100", "6110", "6120",
    "6130", "6140", "6150", "6160", "6170", "6180", "6190", "6200", "6210", "6220", "6230", "6240", "6250",
    "6270", "6280", "6290", "6300", "6310", "6320", "6330", "6340", "6350", "6360", "6370", "6380", "6390",
    "6400", "6420", "6430", "6440", "6450", "6460", "6470", "6480", "6490", "6500", "6510", "6520", "6530",
    "6540", "10000", "10100", "10200",
]  # fmt: skip
SETTINGS = {"120", "600"}
READS = {"120", "3001", "3100", "3200", "4000", "4001", "4002", "5020", "10000"}
"""Codes of which there is more to say: the first come under a setting, the second of calls that write nothing."""


@pytest.mark.parametrize("code", CASES)
def test_a_request_provokes_the_code(counter, code: str) -> None:
    assert CASES[code](counter) == code
    assert COVERAGE[code].by == ("setting" if code in SETTINGS else "request")


def test_the_table_has_every_documented_code_and_no_other() -> None:
    assert sorted(COVERAGE) == sorted(DOCUMENTED)


def test_what_the_table_says_comes_from_a_request_is_walked() -> None:
    assert {code for code, row in COVERAGE.items() if row.by != "switch"} == set(CASES)


def test_no_fault_has_a_code_that_the_table_does_not_claim() -> None:
    assert all(COVERAGE[code].by == "request" for code in VALUE_FAULTS)


def test_every_code_can_be_told_to_happen() -> None:
    assert SWITCHED.keys() == COVERAGE.keys()


@pytest.mark.parametrize("code", CASES)
def test_what_is_told_to_happen_has_the_message_of_what_is_provoked(counter, monkeypatch, code: str) -> None:
    """But not its detail, which names what was sent. Uploads and gateways do not go by this counter."""
    said = [SWITCHED[code].message]
    call = counter.call

    def listening(*args: Any, **kwargs: Any) -> Any:
        status, answer = call(*args, **kwargs)
        said.extend(error["Message"] for error in answer.get("Fault", {}).get("Error", ()))
        return status, answer

    monkeypatch.setattr(counter, "call", listening)
    CASES[code](counter)
    assert set(said) == {SWITCHED[code].message}


def test_figures() -> None:
    by = Counter(row.by for row in COVERAGE.values())
    assert by == {"request": 92, "setting": 2, "switch": 29}


@pytest.mark.parametrize("code", [code for code in CASES if code not in READS])
def test_a_refused_write_changes_nothing(counter, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Whatever a case prepares is there before its last request, which adds nothing."""
    changes: list[int] = []
    call = counter.call

    def watched(*args: Any, **kwargs: Any) -> Any:
        changes.append(counter.company.changes)
        return call(*args, **kwargs)

    monkeypatch.setattr(counter, "call", watched)
    CASES[code](counter)
    assert counter.company.changes == changes[-1]
