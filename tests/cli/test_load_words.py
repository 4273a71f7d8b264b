"""What the ledger says: the same for a script and, with units and sentences, for a person."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from backfill.cli.load_words import plain, words

MESSAGE = "Intuit refused POST /batch (30 items) for realm 1: Invalid Reference Id."
FOUND = {
    "dry_run": True,
    "loads": [
        {
            "load_id": 1234,
            "undoes": None,
            "imported_at": datetime(2026, 11, 30, 21, 1, 24, tzinfo=UTC),
            "rows": msgspec.Raw(b'{"waiting":2592,"rejected":408}'),
        }
    ],
    "reasons": [
        {"code": "2500", "message": MESSAGE, "action": "Correct the reference, and load the row again.", "rows": 408}
    ],
    "estimate": {"mode": "fastest", "wall_s": 5400},
    "audit": [],
}


def test_a_person_reads_units_moments_and_sentences() -> None:
    assert words(FOUND).splitlines() == [
        "dry run: yes",
        "loads:",
        "  load id 1234  imported at 2026-11-30 21:01 UTC  rows waiting 2,592  rejected 408",
        "reasons:",
        "  code 2500  rows 408",
        f"      message: {MESSAGE}",
        "      What to do: Correct the reference, and load the row again.",
        "estimate:",
        "  mode: fastest",
        "  wall: 5,400 s",
    ]
    assert words({}) == "Nothing."


def test_a_script_reads_what_is_there() -> None:
    assert plain(FOUND) == {**FOUND, "loads": [{**FOUND["loads"][0], "rows": {"waiting": 2592, "rejected": 408}}]}
