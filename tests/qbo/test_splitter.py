"""Cutting JSON that msgspec refuses."""

from __future__ import annotations

import json
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfill.errors import UnreadableError
from backfill.model import RealmId
from backfill.qbo import answers, calls
from backfill.qbo.answers import Page
from backfill.qbo.catalogue import CATALOGUE
from backfill.qbo.splitter import SplitError, elements, members
from backfill.wire import Response

POISONS = [rb'"\ud800"', rb'"\udc00x"', rb'"\x"', b'"tab\there"', b"NaN", b"01", b"1.", b"tru", b'{"a" "b"}', b"[1,]"]
"""Values that msgspec refuses, and with them everything around them."""

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children, max_size=4),
    max_leaves=20,
)


@pytest.mark.parametrize("poison", POISONS)
def test_a_poisoned_element_stays_with_itself(poison: bytes) -> None:
    good = rb'{"name":"brackets ]} and quotes \" and \\","n":[1,{"m":2.50}]}'
    assert elements(b"[ " + good + b" ,\n" + poison + b"," + good + b"]") == [good, poison, good]


@pytest.mark.parametrize("poison", POISONS)
def test_a_poisoned_member_stays_with_itself(poison: bytes) -> None:
    assert members(b'{"a": ' + poison + b' , "b" :1.50}') == {"a": poison, "b": b"1.50"}


@given(st.lists(JSON, max_size=6), st.sampled_from([None, 1]))
def test_the_slow_way_cuts_as_the_fast_way(values: list[object], indent: int | None) -> None:
    raw = json.dumps(values, indent=indent).encode()
    poisoned = raw[:-1] + (b"," if values else b"") + rb'"\ud800"]'
    assert elements(poisoned) == [*(bytes(part).strip() for part in elements(raw)), rb'"\ud800"']


@given(st.dictionaries(st.text(alphabet="abc]}{[,:"), JSON, max_size=6))
def test_the_slow_way_finds_the_same_members(tree: dict[str, object]) -> None:
    raw = json.dumps(tree).encode()
    poisoned = raw[:-1] + (b"," if tree else b"") + rb'"poison":"\ud800"}'
    assert members(poisoned) == {**members(raw), "poison": rb'"\ud800"'}


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" ",
        b"{",
        b"[",
        b"]",
        b'["a',
        b'["a]',
        b"[1",
        b"[[1]",
        b"[1]]",
        b"[1] [2]",
        b"[1]2]",
        b"[1,,2]",
        b'{"a":1}',
        b"7",
    ],
)
def test_what_is_cut_or_no_array_is_an_error(raw: bytes) -> None:
    with pytest.raises(SplitError):
        elements(raw)


@pytest.mark.parametrize("raw", [b"{1:2}", b'{"a"}', b"{,}", b'{"a":"\\ud800"', b'"\\ud800"'])
def test_what_is_cut_or_no_object_is_an_error(raw: bytes) -> None:
    with pytest.raises(SplitError):
        members(raw)


def test_empty_ones_are_empty() -> None:
    assert elements(b" [ ] ") == []
    assert members(b"{}") == {}


def test_a_row_nested_beyond_reason_does_not_stop_its_neighbours_from_being_seen_as_broken() -> None:
    with pytest.raises(SplitError):
        elements(b'["\\ud800",' + b"[" * 40 + b"]" * 40 + b"]")
    assert len(elements(b'["\\ud800",' + b"[" * 12 + b"]" * 12 + b"]")) == 2


@given(st.binary())
def test_any_bytes_are_cut_or_refused(raw: bytes) -> None:
    for cut in (elements, members):
        try:
            cut(raw)
        except SplitError:
            continue


@pytest.mark.parametrize(
    "evil",
    [
        b"[" * 300_000 + b'"\\ud800"' + b"]" * 300_000,
        b"[" + b'["a",' * 100_000 + b'"\\ud800"]',
        b"[" + b'{"a":1},' * 100_000 + b'"]',
        b'["' + b"\\" * 500_001 + b"]",
        b"[" + b'[[[[{"a":1}' * 50_000 + b"]",
    ],
)
def test_nothing_takes_more_than_linear_time(evil: bytes) -> None:
    started = time.process_time()
    with pytest.raises(SplitError):
        elements(evil)
    # Half a megabyte takes about 10 ms; a pattern that goes back over its steps would take hours.
    assert time.process_time() - started < 3


ASKED = calls.query(RealmId("4620816365"), "SELECT * FROM Invoice")
TIME = "2020-09-29T06:51:37.512-07:00"


def answer(body: str) -> Response:
    return Response(status=200, body=body.encode())


def with_quote(text: str, place: int) -> str:
    """The JSON text with a quote more within one of its strings."""
    inside = [found.start(1) + at for found in STRING.finditer(text) for at in range(len(found[1]) + 1)]
    at = inside[place % len(inside)]
    return f'{text[:at]}"{text[at:]}'


STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
NOTES = st.lists(
    st.sampled_from([r"a", r"12\" pipe", r"say \"yes\", then", r"x", r" ", r"],[{", r"\\", r": ,"]),
    min_size=2,
    max_size=12,
)


@given(NOTES, st.integers(0, 10_000))
def test_a_quote_within_a_text_makes_no_rows_run_into_one_another(notes: list[str], place: int) -> None:
    """As many rows as there are, of which one may be broken, or none at all: never a short page that looks whole."""
    rows = [f'{{"Id":"{number}","SyncToken":"0","PrivateNote":"{note}"}}' for number, note in enumerate(notes)]
    spoilt = with_quote(",".join(rows), place)
    body = f'{{"QueryResponse":{{"Invoice":[{spoilt}],"startPosition":1,"maxResults":{len(rows)}}},"time":"{TIME}"}}'
    try:
        found = answers.decode_page(CATALOGUE["Invoice"], answer(body), request=ASKED)
    except UnreadableError:
        return
    assert found.received == len(rows)


@given(NOTES, NOTES, st.integers(0, 10_000))
def test_nor_do_the_items_of_a_batch(first: list[str], second: list[str], place: int) -> None:
    items = []
    for b_id, (key, notes) in enumerate([("Bill", first), ("Invoice", second)]):
        rows = ",".join(f'{{"Id":"{key}{number}","PrivateNote":"{note}"}}' for number, note in enumerate(notes))
        rows = with_quote(rows, place) if key == "Bill" else rows
        items.append(f'{{"QueryResponse":{{"{key}":[{rows}],"maxResults":{len(notes)}}},"bId":"{b_id}"}}')
    body = f'{{"BatchItemResponse":[{",".join(items)}],"time":"{TIME}"}}'
    try:
        found = answers.decode_batch(answer(body), request=ASKED).items
    except UnreadableError:
        return
    for b_id, notes in (("0", first), ("1", second)):
        item = found[b_id]
        assert isinstance(item, UnreadableError) or (isinstance(item, Page) and item.received == len(notes))


def test_an_answer_that_must_be_cut_and_says_that_it_has_more_rows_is_unreadable() -> None:
    rows = '{"Id":"1","Line":[{"a":1},{"Id":"2"},{"Id":"3"}]},{"Id":"4","Note":"\\ud800"}'
    body = f'{{"QueryResponse":{{"Invoice":[{rows}],"maxResults":4}},"time":"{TIME}"}}'
    with pytest.raises(UnreadableError):
        answers.decode_page(CATALOGUE["Invoice"], answer(body), request=ASKED)
