"""The table of faults, row by row, and what decides where rows meet."""

from __future__ import annotations

import re
from itertools import combinations, permutations

import pytest

from backfill.errors import Disposition
from backfill.model import RealmId
from backfill.qbo.envelopes import Fault
from backfill.qbo.faults import FAULTS, gravest, rule_of, rule_of_status, rule_of_text, rule_without_fault

# Intuit's documented codes by what a robust client does, written down a second time from the reference.
REJECTED = """
    610 620 630 700 800 900 2010 2020 2030 2040 2050 2060 2070 2080 2090 2100 2110 2120 2140 2150
    2160 2170 2180 2190 2200 2210 2220 2230 2240 2250 2260 2270 2280 2290 2300 2500 2600 3000 5000
    5020 5030 6000 6010 6020 6030 6040 6041 6050 6060 6070 6080 6090 6100 6110 6120 6130 6140 6150
    6160 6170 6180 6200 6210 6220 6230 6240 6250 6270 6280 6290 6300 6310 6320 6330 6340 6350 6360
    6370 6380 6390 6400 6420 6430 6440 6450 6460 6470 6480 6490 6500 6510 6520 6530 6540
"""
EXPECTED = {
    Disposition.REJECT: REJECTED,
    Disposition.RETRY: "130 150 1000 1010 1020 6002 10000",
    Disposition.WAIT: "3001",
    Disposition.REFRESH: "100 110 3200",
    Disposition.PARK: "120 140 3100 3201 3202 6190 10200",
    Disposition.STOP: "500 1050 2000 2130 4000 4001",
    Disposition.SHRINK: "1040 10100",
    Disposition.QUARANTINE: "4002",
    Disposition.REREAD: "5010",
    Disposition.READ_BACK: "600",
}
COMMAND = re.compile(r".*: backfill [a-z0-9 -]+")
ROWS = [(code, disposition) for disposition, codes in EXPECTED.items() for code in codes.split()]


@pytest.mark.parametrize(("code", "disposition"), ROWS)
def test_a_documented_code_has_its_disposition_and_advice(code: str, disposition: Disposition) -> None:
    rule = rule_of(Fault(code=code, message="", detail=""), 400)
    assert (rule.code, rule.disposition) == (code, disposition)
    assert rule.meaning
    advice = rule.action_for(RealmId("4620816365"))
    assert advice.endswith((".", "?")) or COMMAND.fullmatch(advice), "a command is the last, and as it is to be typed"
    assert "unpark" not in advice or advice.endswith("backfill realms unpark 4620816365")
    assert "{" not in advice


def test_there_is_no_row_beyond_the_documented_ones() -> None:
    assert sorted(FAULTS) == sorted(code for code, _ in ROWS)


@pytest.mark.parametrize(
    ("status", "disposition"),
    [
        (200, Disposition.REJECT),
        (302, Disposition.STOP),
        (400, Disposition.REJECT),
        (401, Disposition.REFRESH),
        (403, Disposition.PARK),
        (404, Disposition.REJECT),
        (408, Disposition.RETRY),
        (413, Disposition.SHRINK),
        (429, Disposition.WAIT),
        (500, Disposition.RETRY),
        (502, Disposition.RETRY),
        (503, Disposition.RETRY),
        (504, Disposition.RETRY),
        (999, Disposition.RETRY),
    ],
)
def test_an_unknown_code_goes_by_the_status(status: int, disposition: Disposition) -> None:
    assert rule_of(Fault(code="77777", message="?", detail="?"), status).disposition is disposition
    assert rule_of_status(status).disposition is disposition


@pytest.mark.parametrize(
    ("code", "message", "detail", "disposition"),
    [
        (
            "6000",
            "A business validation error has occurred",
            "Business Validation Error: An unexpected error occurred. Please wait a few minutes and try again.",
            Disposition.RETRY,
        ),
        ("6000", "", "Business Validation Error: Amount is not equal to UnitPrice * Qty", Disposition.REJECT),
        ("2020", "", "An unexpected error. Please wait a few minutes", Disposition.REJECT),
        ("5010", "Stale Object Error", "The account period has closed. {1}", Disposition.REJECT),
        (
            "6210",
            "Account Period Closed, Cannot Update Through Services API",
            "The account period has closed and the account books cannot be updated through through the API.",
            Disposition.REJECT,
        ),
        ("5010", "Stale Object Error", "You and Jo Doe were working on this at the same time.", Disposition.REREAD),
        ("", "message=ThrottleExceeded; errorCode=003001; statusCode=403", "", Disposition.WAIT),
        ("", "Subscription period has ended or canceled", "", Disposition.PARK),
        ("500", "", "Operation cdc with changedSince date {2011} which is older than fixed days", Disposition.REJECT),
        ("500", "", "Operation Could not find resource for relative : /v3/x is not supported.", Disposition.STOP),
    ],
)
def test_words_weigh_more_than_codes_where_they_are_known(
    code: str, message: str, detail: str, disposition: Disposition
) -> None:
    assert rule_of(Fault(code=code, message=message, detail=detail), 400).disposition is disposition


@pytest.mark.parametrize("status", [500, 503])
@pytest.mark.parametrize("code", FAULTS)
def test_what_is_wrong_with_row_question_or_company_is_not_believed_of_a_failing_server(code: str, status: int) -> None:
    """It is asked again: not stopped for, not rejected, and no realm is parked."""
    said = FAULTS[code].disposition
    cured = said in {Disposition.WAIT, Disposition.REFRESH, Disposition.SHRINK, Disposition.QUARANTINE}
    rule = rule_of(Fault(code=code, message="", detail=""), status)
    assert rule.disposition is (said if cured else Disposition.RETRY)


def test_nor_is_a_page_of_a_failing_server() -> None:
    ended = "Subscription period has ended"
    assert rule_without_fault(ended, 403).disposition is Disposition.PARK
    assert rule_without_fault(ended, 503).disposition is Disposition.RETRY
    assert rule_without_fault(ended, 429).disposition is Disposition.WAIT


def test_a_closed_period_says_so_under_any_code() -> None:
    rule = rule_of(Fault(code="5010", message="", detail="The account period has closed. {1}"), 400)
    assert "period" in rule.action


def test_a_throttle_under_403_is_a_throttle() -> None:
    assert rule_of(Fault(code="3001", message="", detail=""), 403).disposition is Disposition.WAIT


@pytest.mark.parametrize(
    ("codes", "status", "decides"),
    [
        (("2020", "3001"), 400, "3001"),
        (("2020", "3100"), 403, "3100"),
        (("5010", "2020"), 400, "2020"),
        (("10000", "4002"), 500, "4002"),
        (("2020", "2050"), 400, "2020"),
        (("2020", "3001"), 429, "3001"),
    ],
)
def test_of_several_faults_the_gravest_decides(codes: tuple[str, ...], status: int, decides: str) -> None:
    fault, rule = gravest([Fault(code=code, message="", detail="") for code in codes], status)
    assert (fault.code, rule.code) == (decides, decides)


GRAVEST_FIRST = ["3001", "3200", "3100", "4000", "2020", "4002", "5010", "600", "10100", "1000"]
"""One of each disposition: of the company and the app first, then what no asking again cures, then what less cures."""


@pytest.mark.parametrize(("graver", "lighter"), list(combinations(GRAVEST_FIRST, 2)))
def test_one_of_two_faults_decides_whichever_is_said_first(graver: str, lighter: str) -> None:
    for codes in permutations((graver, lighter)):
        fault, _ = gravest([Fault(code=code, message="", detail="") for code in codes], 400)
        assert fault.code == graver


def test_429_is_a_throttle_whatever_the_body_says() -> None:
    fault, rule = gravest([Fault(code="2020", message="", detail="")], 429)
    assert (fault.code, rule.disposition) == ("2020", Disposition.WAIT)


def test_every_disposition_has_a_gravity() -> None:
    for disposition, codes in EXPECTED.items():
        faults = [Fault(code=codes.split()[0], message="", detail="")]
        assert gravest(faults, 400)[1].disposition is disposition


def test_bare_text_of_a_lapsed_subscription_is_known() -> None:
    rule = rule_of_text("message=InvalidCompanyStatus; errorCode=006190; statusCode=403")
    assert rule is FAULTS["6190"]
    assert rule_of_text("Bad Gateway") is None


def test_words_that_are_known_under_one_code_say_nothing_without_it() -> None:
    assert rule_of_text("changedSince is older than 30 days") is None
