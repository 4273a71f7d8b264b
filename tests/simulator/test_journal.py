"""The journal undoes exactly what came after an instant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from backfill.simulator.journal import Change, Journal

START = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_change_at_the_very_instant_counts_as_made() -> None:
    journal = Journal("1")
    for second, before in ((1, None), (2, b"v1"), (3, b"v2")):
        journal.record(Change(START + timedelta(seconds=second), "Term", "7", before))
    expected = {0: {}, 1: {"7": b"v1"}, 2: {"7": b"v2"}, 3: {"7": b"v3"}}
    for second, state in expected.items():
        docs = {"Term": {"7": b"v3"}}
        journal.rewind(docs, START + timedelta(seconds=second))
        assert docs["Term"] == state
