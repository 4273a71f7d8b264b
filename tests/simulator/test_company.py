"""What a change does to a company, and what the company says it was before."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfill.errors import UnavailableError
from backfill.simulator.company import Company, UnknownObjectError
from backfill.simulator.documents import decode

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def _company(now: Callable[[], datetime] = lambda: NOON, limit: int = 1000) -> Company:
    return Company(
        realm_id="9130357000000001",
        name="Bakery",
        country="US",
        home_currency="USD",
        multicurrency=True,
        now=now,
        journal_limit=limit,
    )


def test_create_gives_id_sync_token_and_times() -> None:
    row = _company().create("Customer", {"DisplayName": "Zoë", "Id": "77", "SyncToken": "9"})
    assert (row.id, row.sync_token, row.active, row.created) == ("1", 0, True, int(NOON.timestamp()))
    times = {"CreateTime": "2026-11-20T04:00:00-08:00", "LastUpdatedTime": "2026-11-20T04:00:00-08:00"}
    assert decode(row.doc) == {
        "domain": "QBO",
        "sparse": False,
        "Id": "1",
        "SyncToken": "0",
        "MetaData": times,
        "DisplayName": "Zoë",
    }


def test_ids_are_of_the_recorded_ranges_and_shared_where_quickbooks_shares_them() -> None:
    company = _company()
    ids = [company.create(entity, {}).id for entity in ("Customer", "Vendor", "Invoice", "Bill", "Class", "Attachable")]
    assert ids == ["1", "2", "1", "2", "5000000000000142240", "5000000000000503624"]


def test_replace_counts_up_and_keeps_id_and_create_time() -> None:
    now = [NOON]
    company = _company(lambda: now[0])
    made = company.create("Term", {"Name": "Net 30", "Active": True})
    now[0] += timedelta(days=3)
    row = company.replace("Term", made.id, {"Name": "Net 30 (deleted)", "Active": False})
    assert (row.id, row.sync_token, row.created, row.active) == (made.id, 1, made.created, False)
    assert row.updated - row.created == 3 * 86_400
    assert decode(row.doc)["MetaData"]["LastUpdatedTime"] == "2026-11-23T04:00:00-08:00"


def test_an_uncounted_change_moves_the_time_alone() -> None:
    company = _company()
    made = company.create("Customer", {"Balance": 0})
    assert company.replace("Customer", made.id, {"Balance": 1}, counted=False).sync_token == 0


def test_a_deleted_object_leaves_a_tombstone() -> None:
    company = _company()
    company.create("Invoice", {})
    gone = company.create("Invoice", {})
    company.delete("Invoice", gone.id)
    at = int(NOON.timestamp())
    assert len(company.table("Invoice")) == 1
    assert company.deleted_since("Invoice", at) == [(gone.id, at)]
    assert company.deleted_since("Invoice", at + 1) == []
    with pytest.raises(UnknownObjectError, match=r"9130357000000001 has no Invoice 2"):
        company.delete("Invoice", gone.id)
    with pytest.raises(UnknownObjectError):
        company.replace("Invoice", gone.id, {})


def test_a_wrapped_object_has_its_id_inside() -> None:
    row = _company().create("RecurringTransaction", {"Invoice": {"TotalAmt": 1, "Id": "9"}})
    assert list(decode(row.doc)) == ["Invoice"]
    assert decode(row.doc)["Invoice"]["Id"] == row.id == "1"


def test_an_exchange_rate_has_no_id_and_one_row_a_day() -> None:
    company = _company()
    rate = {"SourceCurrencyCode": "EUR", "AsOfDate": "2026-11-20", "Rate": 1}
    company.create("ExchangeRate", rate)
    row = company.create("ExchangeRate", rate | {"Rate": 2})
    assert (row.id, row.sync_token, len(company.table("ExchangeRate"))) == ("EUR:2026-11-20", 1, 1)
    assert decode(row.doc).items() >= {"domain": "QBO", "sparse": False, "SyncToken": "1"}.items()
    assert "Id" not in decode(row.doc)
    assert decode(row.doc)["MetaData"].keys() == {"LastUpdatedTime"}


def test_every_change_and_every_answer_has_an_instant_of_its_own() -> None:
    company = _company()
    before = company.stamp()
    first = company.create("Term", {"Name": "a"})
    between = company.stamp()
    company.replace("Term", first.id, {"Name": "b"})
    after = company.stamp()
    states = [company.state_at(instant)["Term"] for instant in (before, between, after)]
    assert [{key: decode(doc)["Name"] for key, doc in state.items()} for state in states] == [
        {},
        {"1": "a"},
        {"1": "b"},
    ]


def test_a_full_journal_says_so_and_changes_nothing() -> None:
    company = _company(limit=2)
    row = company.create("Term", {})
    company.replace("Term", row.id, {})
    for change in (
        lambda: company.create("Term", {}),
        lambda: company.replace("Term", row.id, {}),
        lambda: company.delete("Term", row.id),
    ):
        with pytest.raises(UnavailableError, match="9130357000000001"):
            change()
    assert [stored.sync_token for stored in company.table("Term").all()] == [1]


CHANGES = st.lists(st.tuples(st.sampled_from(["create", "replace", "delete"]), st.integers(0, 9)), max_size=40)


@given(CHANGES, st.booleans())
def test_the_past_is_what_it_was(changes: list[tuple[str, int]], stands_still: bool) -> None:
    """`state_at` equals copies of the whole state taken after each change, whether or not time passes."""
    now = [NOON]
    company = _company(lambda: now[0])

    def snapshot() -> dict[str, dict[str, bytes]]:
        return {e: {row.id: row.doc for row in company.table(e).all()} for e in ("Invoice", "Customer")}

    seen = [(company.stamp(), snapshot())]
    for number, (kind, choice) in enumerate(changes):
        if not stands_still:
            now[0] += timedelta(milliseconds=choice * 300)
        entity = ("Invoice", "Customer")[choice % 2]
        rows = company.table(entity).all()
        if kind == "create" or not rows:
            company.create(entity, {"n": number})
        elif kind == "replace":
            company.replace(entity, rows[choice % len(rows)].id, {"n": number})
        else:
            company.delete(entity, rows[choice % len(rows)].id)
        seen.append((company.stamp(), snapshot()))
    assert [instant for instant, _ in seen] == sorted({instant for instant, _ in seen})
    for instant, expected in seen:
        state = company.state_at(instant)
        assert {entity: state[entity] for entity in expected} == expected
        assert all(company.state_at(instant, only=entity) == {entity: rows} for entity, rows in expected.items())
