"""Intuit's two payloads, and whatever else may arrive signed."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfill.webhooks.payload import entity_name, read_payload

LEGACY = {
    "eventNotifications": [
        {
            "realmId": "1185883450",
            "dataChangeEvent": {
                "entities": [
                    {"name": "Customer", "id": "1", "operation": "Create", "lastUpdated": "2015-10-05T14:42:19-0700"},
                    {"name": "Vendor", "id": "2", "operation": "Merge", "lastUpdated": "…", "deletedId": "9"},
                ]
            },
        },
        {"realmId": 310687, "dataChangeEvent": {"entities": [{"name": "Invoice", "id": 5, "operation": "Void"}]}},
    ]
}


def cloud_event(**changed: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": "88cd52aa",
        "source": "intuit.dsnBgbseACLLRZNxo2dfc4evmEJdxde58xeeYcZliOU=",
        "type": "qbo.account.created.v1",
        "datacontenttype": "application/json",
        "time": "2026-05-10T21:31:25.179453321Z",
        "intuitentityid": "1234",
        "intuitaccountid": "310687",
        "data": {},
        **changed,
    }


def read(value: object) -> Any:
    return read_payload(json.dumps(value).encode())


def words(payload: Any) -> list[tuple[str, str, str, str]]:
    return [(told.realm_id, told.entity, told.object_id, told.operation) for told in payload.events]


def test_the_older_payload() -> None:
    payload = read(LEGACY)
    assert words(payload) == [
        ("1185883450", "Customer", "1", "create"),
        ("1185883450", "Vendor", "2", "merge"),
        ("1185883450", "Vendor", "9", "merge"),
        ("310687", "Invoice", "5", "void"),
    ]
    assert [told.occurred_at for told in payload.events] == [
        datetime(2015, 10, 5, 21, 42, 19, tzinfo=UTC), None, None, None,
    ]  # fmt: skip
    assert payload.unread == []


def test_cloud_events_of_several_companies() -> None:
    payload = read(
        [
            cloud_event(),
            cloud_event(id="2", type="qbo.invoice.void.v1", intuitaccountid="7"),
            cloud_event(id="3", type="qbo.invoice.voided.v1"),
            cloud_event(id="4", type="qbo.bill_payment.updated.v2"),
            cloud_event(id="5", type="qbo.currency.created.v1"),
            cloud_event(id="6", type="qbo.vendor.merged.v1", data={"deletedId": "9"}),
        ]
    )
    assert words(payload) == [
        ("310687", "Account", "1234", "create"),
        ("7", "Invoice", "1234", "void"),
        ("310687", "Invoice", "1234", "void"),
        ("310687", "BillPayment", "1234", "update"),
        ("310687", "CompanyCurrency", "1234", "create"),
        ("310687", "Vendor", "1234", "merge"),
        ("310687", "Vendor", "9", "merge"),
    ]
    assert payload.events[0].occurred_at == datetime(2026, 5, 10, 21, 31, 25, 179453, tzinfo=UTC)


def test_a_merge_that_does_not_name_its_loser_says_that_something_changed() -> None:
    assert words(read([cloud_event(type="qbo.customer.merged.v1")])) == [
        ("310687", "Customer", "1234", "merge"), ("310687", "Customer", "", "merge"),
    ]  # fmt: skip


def test_both_in_one_body_and_one_alone() -> None:
    assert len(read([LEGACY, cloud_event()]).events) == 5
    assert len(read(cloud_event()).events) == 1


def test_the_same_event_has_the_same_key_and_no_other_has() -> None:
    again = [told.key for told in read([cloud_event(), LEGACY]).events]
    assert [told.key for told in read([cloud_event(), LEGACY]).events] == again
    assert len(set(again)) == 5
    for changed in ({"id": "x"}, {"source": "x"}, {"intuitaccountid": "8"}, {"intuitentityid": "8"}):
        assert read(cloud_event(**changed)).events[0].key not in again, changed


@pytest.mark.parametrize(
    "part",
    [
        7,
        None,
        "text",
        {},
        cloud_event(intuitentityid="1\x00"),
        cloud_event(intuitentityid="1' OR 'a'='a"),
        cloud_event(intuitentityid=None),
        cloud_event(intuitaccountid=""),
        cloud_event(intuitaccountid="9" * 65),
        cloud_event(type="qbo.account"),
        cloud_event(type="qbo.acc\x00ount.created.v1"),
        cloud_event(id=None),
        {"eventNotifications": 7},
        {"eventNotifications": [{"realmId": "1"}]},
        {"eventNotifications": [{"realmId": "1", "dataChangeEvent": {"entities": [{"name": "Bill", "id": []}]}}]},
    ],
)
def test_what_is_no_event_is_given_back_and_the_others_are_read(part: object) -> None:
    payload = read([cloud_event(), part])
    assert len(payload.events) == 1
    (unread,) = payload.unread
    assert unread.reason
    assert json.loads(unread.raw) is not ...
    assert "\x00" not in unread.reason


@pytest.mark.parametrize(
    "part",
    [
        "DEEP",
        '{"data":DEEP}',
        '{"eventNotifications":[DEEP]}',
        '{"eventNotifications":[{"realmId":"1","dataChangeEvent":{"entities":[DEEP,DEEP]}}]}',
    ],
)
def test_what_can_be_read_and_is_too_deep_to_be_written_is_given_back_with_its_body(part: str) -> None:
    """Once, however often: a megabyte of such parts must not become a megabyte for each of them."""
    deep = "[" * 600 + "]" * 600
    event = json.dumps(cloud_event())
    body = f"[{event},{part.replace('DEEP', deep)},{deep}]".encode()
    payload = read_payload(body)
    assert len(payload.events) == 1
    assert [unread.raw for unread in payload.unread] == [body]


def test_what_is_no_json_is_given_back_whole() -> None:
    for body in (b"", b"\xff\xfe", b"[", b"\x1f\x8b\x08", b"[" * 100_000):
        payload = read_payload(body)
        assert payload.events == []
        assert [part.raw for part in payload.unread] == [body]


@pytest.mark.parametrize(
    "time",
    [
        *("", "yesterday", "2026-05-10T21:31:25", 7, None, "9" * 500, "0001-01-01T00:00:00+14:00"),
        *("0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z"),
    ],
)
def test_a_time_that_cannot_be_read_loses_no_event(time: object) -> None:
    (told,) = read(cloud_event(time=time)).events
    assert told.occurred_at is None


def test_names() -> None:
    assert entity_name("TIMEACTIVITY") == "TimeActivity"
    assert entity_name("Preferences") == "Preferences"
    # Known, and not to be read by an Id.
    assert entity_name("exchangerate") == "exchangerate"
    assert entity_name("Spaceship") == "Spaceship"


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["eventNotifications", "realmId", "dataChangeEvent", "entities", "name", "id", "type", "time"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(_JSON)
def test_nothing_that_is_json_is_lost_without_a_word(value: object) -> None:
    payload = read(value)
    parts = value if isinstance(value, list) else [value]
    silent = [
        part for part in parts if isinstance(part, dict) and isinstance(part.get("eventNotifications"), list)
    ]  # a list of notifications may be empty, or each of its own empty
    assert len(payload.events) + len(payload.unread) >= len(parts) - len(silent)
