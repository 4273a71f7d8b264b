"""What a difference quotes: where two documents differ, within bounds, whatever they hold."""

from __future__ import annotations

import json
import sys

import pytest

from backfill.jobs import equality
from backfill.jobs.equality import MEMBERS_SHOWN_MAX, about, compared
from backfill.jobs.quoted import QUOTED_MAX

LINE_MAX = 4 * QUOTED_MAX
"""Two values with their member's name and their lengths."""


def doc(**members: object) -> bytes:
    return json.dumps(members).encode()


VALUES = (
    b"639", b"639.0", b"639.00", b"-0.0", b"0.0", b"6.39e2", b"1E400", b"12345678901234567890123",
    b"18446744073709551616", b'"639.0"', b'"639.00"', b"null", b"true", b"[]", b"{}", b"[639.0]", b"[639.00]",
    b'{"value":1.0}', b'{"value":1.00}', b'"\\u00e9"', b'"\xc3\xa9"', b'"\\ud800"', b'"\xc3"',
)  # fmt: skip


@pytest.mark.parametrize("there", VALUES)
def test_the_quick_way_says_what_the_careful_one_says(there: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    docs = [(b'{"Id":"7","Any":%s}' % ours, b'{ "Any" : %s, "Id" : "7" }' % there) for ours in VALUES]
    docs += [(b'{"Id":"7"}', there_) for _, there_ in docs[:1]]
    quick = [compared(ours, theirs, None) for ours, theirs in docs]
    monkeypatch.setattr(equality, "_are_equal", lambda *_docs: False)
    assert quick == [compared(ours, theirs, None) for ours, theirs in docs]


@pytest.mark.parametrize("wrapper", ["", "Invoice"])
def test_a_moment_is_the_same_in_whichever_zone_it_is_written(wrapper: str) -> None:
    """A company moves to another zone: all its documents are written anew, and none has changed."""

    def in_zone(created: str, updated: str, total: float = 1.5) -> bytes:
        members = {"Id": "7", "MetaData": {"CreateTime": created, "LastUpdatedTime": updated}, "TotalAmt": total}
        return doc(**({wrapper: members} if wrapper else members))

    pacific = in_zone("2026-07-01T23:30:00-07:00", "2026-12-31T16:00:00-08:00")
    london = in_zone("2026-07-02T07:30:00+01:00", "2027-01-01T00:00:00Z")
    assert not compared(pacific, london, None).detail
    assert "CreateTime" in compared(pacific, in_zone("2026-07-02T07:30:01+01:00", "2027-01-01T00:00:00Z"), None).detail
    altered = in_zone("2026-07-02T07:30:00+01:00", "2027-01-01T00:00:00Z", total=2.5)
    assert "TotalAmt" in compared(pacific, altered, None).detail or wrapper
    for no_moment in ("2026-07-02T07:30:00", "soon", "9999-12-31T23:59:59-14:00"):
        assert compared(pacific, in_zone(no_moment, "2027-01-01T00:00:00Z"), None).detail


@pytest.mark.parametrize("landed", [b"null", b"[1, 2]", b'"x"', b"1.0"])
def test_what_is_landed_and_no_document_differs(landed: bytes) -> None:
    assert compared(landed, doc(Id="7"), None).detail
    assert not about(landed)


def test_no_few_bytes_are_written_out_to_many() -> None:
    assert len(compared(b'{"Amount":1}', b'{"Amount":1E999999999}', None).detail) <= LINE_MAX


@pytest.mark.parametrize("sign", [b"", b"-"])
def test_a_number_that_no_decimal_can_be_differs_like_any_other(sign: bytes) -> None:
    there = b'{"DocNumber":"7","Amount":1e%b9999999999999999999}' % sign
    assert compared(b'{"DocNumber":"7","Amount":1}', there, None).detail.startswith("Amount: 1 landed, 1e")
    assert about(there) == "7"


def test_two_huge_values_show_where_they_differ() -> None:
    memo = "the same " * 100_000
    detail = compared(doc(PrivateNote=f"{memo}ours{memo}"), doc(PrivateNote=f"{memo}theirs{memo}"), None).detail
    assert len(detail) <= LINE_MAX
    ours, theirs = detail.split(" landed, ")
    assert "the same ours" in ours
    assert "the same theirs" in theirs
    assert "(1,800,006 characters)" in ours


def test_one_that_is_longer_shows_what_it_has_more() -> None:
    memo = "x" * 1000
    detail = compared(doc(PrivateNote=memo), doc(PrivateNote=f"{memo} and more"), None).detail
    assert " and more" in detail
    assert detail.count("x") < 2 * QUOTED_MAX


def test_a_line_far_down_is_shown_however_its_members_are_ordered() -> None:
    def lines(amount: int) -> list[dict[str, object]]:
        return [{"Id": number, "Amount": amount if number == 900 else 1} for number in range(1000)]

    theirs = [dict(reversed(line.items())) for line in lines(77)]
    detail = compared(doc(Line=lines(55)), doc(Line=theirs), None).detail
    assert len(detail) <= LINE_MAX
    assert "55" in detail.split(" landed, ")[0]
    assert "77" in detail.split(" landed, ")[1]


def test_many_members_that_differ_are_counted_and_not_all_quoted() -> None:
    many = {f"Member{number:05}": "x" * 1000 for number in range(10_000)}
    detail = compared(doc(**many), doc(), None).detail
    assert len(detail) <= (MEMBERS_SHOWN_MAX + 1) * LINE_MAX
    assert detail.endswith(f"; and {10_000 - MEMBERS_SHOWN_MAX:,} more members")


def test_a_huge_name_is_cut_as_a_value_is() -> None:
    detail = compared(doc(**{"N" * 1_000_000: 1}), doc(), None).detail
    assert len(detail) <= LINE_MAX
    assert "(1,000,000 characters): 1 landed, nothing there" in detail


def test_what_a_document_is_called_has_a_bound() -> None:
    said = about(doc(DocNumber="1" * 1_000_000, DisplayName="A" * 1_000_000, TxnDate="2" * 1_000_000, TotalAmt=1))
    assert len(said) <= 4 * LINE_MAX
    assert said.count("(1,000,000 characters)") == 3


def test_whatever_is_nested_too_deep_to_be_compared_is_a_difference_and_no_failure() -> None:
    """At each depth around what Python can still read: reading, comparing and writing reach their ends apart."""
    deepest = sys.getrecursionlimit()
    for depth in range(deepest - 150, deepest + 2):
        ours, theirs = (b'{"Id":"7","Custom":%s%s%s}' % (b"[" * depth, leaf, b"]" * depth) for leaf in (b"1", b"2"))
        assert compared(ours, theirs, None).detail, depth
        assert len(compared(ours, theirs, None).detail) <= LINE_MAX


@pytest.mark.parametrize("depth", [10, 500])
def test_a_value_deep_down_is_shown_on_both_sides(depth: int) -> None:
    ours, theirs = (b'{"Custom":%s"%s"%s}' % (b"[" * depth, leaf, b"]" * depth) for leaf in (b"one", b"other"))
    detail = compared(ours, theirs, None).detail
    assert '"one"' in detail
    assert '"other"' in detail
