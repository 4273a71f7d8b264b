"""From faults to errors: all that a person needs, and nothing secret."""

from __future__ import annotations

import pytest

from backfill.errors import Disposition, FaultError, ThrottledError
from backfill.model import RealmId
from backfill.qbo import calls
from backfill.qbo.envelopes import Envelope, Fault, parse
from backfill.qbo.fault_errors import asked_of, fault_error, refusal_error, unreadable_error
from backfill.wire import Lane, Request

REALM = RealmId("4620816365")
ASKED = calls.query(REALM, "SELECT * FROM Custmoer")


def fault(code: str, message: str = "m", detail: str = "d") -> Fault:
    return Fault(code=code, message=message, detail=detail, element="Name")


def test_the_error_says_what_was_asked_of_whom_and_what_to_do() -> None:
    error = fault_error([fault("4001", "Invalid query", "invalid context")], ASKED, status=400, intuit_tid="1-5f")
    assert type(error) is FaultError
    assert error.message == (
        "Intuit refused GET /query SELECT * FROM Custmoer for realm 4620816365:"
        " Invalid query: invalid context (HTTP 400, code 4001)."
    )
    assert (error.realm_id, error.status, error.code, error.detail) == (REALM, 400, "4001", "invalid context")
    assert (error.element, error.intuit_tid, error.asked) == ("Name", "1-5f", "GET /query SELECT * FROM Custmoer")
    assert error.disposition is Disposition.STOP
    assert "report it" in error.action


def test_all_faults_are_told_once() -> None:
    error = fault_error([fault("2020", "a"), fault("2050", "b"), fault("2050", "b")], ASKED, status=400)
    assert "a: d; b: d (" in error.message


def test_a_throttle_carries_what_it_asked_for() -> None:
    error = fault_error([fault("3001")], ASKED, status=403, retry_after_s=30)
    assert isinstance(error, ThrottledError)
    assert (error.retry_after_s, error.disposition) == (30, Disposition.WAIT)


def test_429_without_a_body_is_a_throttle() -> None:
    error = refusal_error(Envelope((), ""), ASKED, status=429, retry_after_s=None)
    assert isinstance(error, ThrottledError)
    assert (error.code, error.retry_after_s) == ("3001", None)


def test_an_html_page_is_quoted_and_goes_by_its_status() -> None:
    error = refusal_error(parse(b"<html><title>413 Request Entity Too Large</title>"), ASKED, status=413)
    assert error.disposition is Disposition.SHRINK
    assert "413 Request Entity Too Large" in error.message


def test_words_outside_any_envelope_count_where_they_are_known() -> None:
    error = refusal_error(Envelope((), "Subscription has ended"), ASKED, status=400)
    assert (error.code, error.disposition) == ("6190", Disposition.PARK)


@pytest.mark.parametrize(("lane", "disposition"), [(Lane.QUERY, Disposition.RETRY), (Lane.REPORT, Disposition.SHRINK)])
def test_a_report_that_timed_out_is_asked_for_less_and_a_page_is_asked_again(
    lane: Lane, disposition: Disposition
) -> None:
    request = Request(realm_id=REALM, lane=lane, method="GET", path="/reports/GeneralLedger")
    assert fault_error([fault("6002")], request, status=504).disposition is disposition
    assert refusal_error(Envelope((), ""), request, status=504).disposition is disposition


def test_what_is_asked_is_one_short_line() -> None:
    assert asked_of(calls.query(REALM, "SELECT " + "x" * 3000)).startswith("POST /query SELECT xxx")
    assert len(asked_of(calls.query(REALM, "SELECT " + "x" * 3000))) == 301
    assert asked_of(calls.batch(REALM, {"b1": "SELECT 1", "b2": "SELECT 2"})) == "POST /batch (2 items)"
    assert asked_of(calls.listing(REALM, "/taxclassification")) == "GET /taxclassification"


def test_law_7_headers_and_bodies_of_writes_are_in_no_error() -> None:
    request = Request(
        realm_id=REALM,
        lane=Lane.WRITE,
        method="POST",
        path="/customer",
        headers={"Authorization": "Bearer SECRET"},
        body=b'{"PrivateNote":"SECRET"}',
    )
    for error in (fault_error([fault("2020")], request, status=400), unreadable_error("it is empty", request)):
        assert "SECRET" not in f"{error!r} {error} {vars(error)}"


def test_what_the_other_side_said_has_a_bound_and_no_secrets_in_a_message() -> None:
    endless = [
        Fault(code="1", message="m" * 100_000, detail=f"{number}" * 50_000, element="e" * 9_999) for number in range(9)
    ]
    error = fault_error(endless, ASKED, status=400)
    assert len(str(error)) < 5_000
    assert max(len(error.detail), len(error.element)) <= 4_000
    assert len(str(unreadable_error("x" * 10**6, ASKED))) < 5_000
    assert "SECRET" not in str(unreadable_error("Invalid time: 'eyJhbGciOiJkaXIi.SECRET'", ASKED))
