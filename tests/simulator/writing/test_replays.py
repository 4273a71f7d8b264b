"""Law 3's other half: a request that comes again is answered as before, and does nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from backfill.simulator.faults import OBJECT_NOT_FOUND, FaultedError
from backfill.simulator.settings import SimulatorSettings
from backfill.simulator.writing.replays import Replays

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
PLAIN = SimulatorSettings()


def test_the_same_id_gets_the_same_answer_and_acts_once(counter) -> None:
    body = counter.sample("Customer")
    first = counter.call("POST", "/customer", body, requestid="r1")
    changes = counter.company.changes
    assert counter.call("POST", "/customer", body, requestid="r1") == first, "its time too"
    assert counter.company.changes == changes
    assert counter.call("POST", "/customer", {"DisplayName": "Another"}, requestid="r1") == first


@pytest.mark.parametrize("operation", ["update", "delete", "void"])
def test_every_operation_can_be_repeated(counter, operation: str) -> None:
    made = counter.post("invoice", counter.sample("Invoice"))
    body = {"Id": made["Id"], "SyncToken": "0", "sparse": True, "PrivateNote": "x"}
    first = counter.call("POST", "/invoice", body, operation=operation, requestid="r")
    assert first[0] == 200
    assert counter.call("POST", "/invoice", body, operation=operation, requestid="r") == first
    assert counter.call("POST", "/invoice", body, operation=operation, requestid="s")[0] == 400


def test_a_fault_is_not_remembered(counter) -> None:
    body = {"DisplayName": "", "Notes": "x"}
    counter.fault("customer", body, requestid="r")
    assert counter.post("customer", {"DisplayName": "Now right"}, requestid="r")["DisplayName"] == "Now right"


def test_an_empty_id_is_none(counter) -> None:
    ids = {counter.post("customer", counter.sample("Customer"), requestid="")["Id"] for _ in range(2)}
    assert len(ids) == 2


def test_companies_do_not_share_ids(counter, british) -> None:
    counter.post("customer", {"DisplayName": "Here"}, requestid="r")
    assert british.post("customer", {"DisplayName": "There"}, requestid="r")["DisplayName"] == "There"


def test_fifty_characters_and_no_more(counter) -> None:
    counter.post("customer", counter.sample("Customer"), requestid="x" * 50)
    assert counter.fault("customer", counter.sample("Customer"), requestid="x" * 51)["code"] == "2130"


def test_items_of_a_batch_are_repeated_by_id_and_bid(counter) -> None:
    body = counter.sample("Customer")
    item = {"bId": "a", "operation": "create", "Customer": body}
    first = counter.batch(item, requestid="r")
    assert counter.batch(item, requestid="r") == first
    again = counter.batch({**item, "bId": "b"}, requestid="r")
    assert again["b"]["Fault"]["Error"][0]["code"] == "6240", "another bId is another request"
    assert counter.batch(item)["a"]["Fault"]["Error"][0]["code"] == "6240", "without a requestid nothing is remembered"


def test_the_oldest_answers_are_forgotten() -> None:
    replays: Replays[int] = Replays(remembered=2)
    calls = iter(range(10))
    answers = [replays.once(name, b"", NOON, lambda: next(calls), PLAIN) for name in ("a", "b", "a", "c", "b", "a")]
    assert answers == [0, 1, 0, 2, 1, 3]
    assert len(replays) == 2


def test_an_answer_is_remembered_for_its_life() -> None:
    replays: Replays[int] = Replays()
    settings = SimulatorSettings(request_id_life_s=60)
    calls = iter(range(10))
    moments = [NOON + timedelta(seconds=seconds) for seconds in (0, 59, 60, 61)]
    assert [replays.once("a", b"", at, lambda: next(calls), settings) for at in moments] == [0, 0, 1, 1]


def test_another_content_gets_the_old_answer_a_fault_or_its_own() -> None:
    def second(changed: str) -> int:
        replays: Replays[int] = Replays()
        settings = SimulatorSettings(request_id_changed=changed)
        replays.once("a", b"first", NOON, lambda: 1, settings)
        assert replays.once("a", b"first", NOON, lambda: 2, settings) == 1
        return replays.once("a", b"second", NOON, lambda: 3, settings)

    assert (second("replayed"), second("executed")) == (1, 3)
    with pytest.raises(FaultedError, match="600"):
        second("refused")


@pytest.mark.parametrize("remembered", [True, False])
def test_a_refusal_is_remembered_where_the_settings_say_so(remembered: bool) -> None:
    replays: Replays[int] = Replays()
    settings = SimulatorSettings(request_id_faults=remembered)

    def refuse() -> int:
        raise FaultedError(OBJECT_NOT_FOUND)

    with pytest.raises(FaultedError):
        replays.once("a", b"", NOON, refuse, settings)
    if remembered:
        with pytest.raises(FaultedError, match="610"):
            replays.once("a", b"", NOON, lambda: 1, settings)
    else:
        assert replays.once("a", b"", NOON, lambda: 1, settings) == 1


@pytest.mark.parametrize(("again", "code"), [("refused", "600"), ("unexpected", "6000")])
def test_the_same_again_may_be_refused(again: str, code: str) -> None:
    settings = SimulatorSettings(request_id_again=again)
    replays: Replays[int] = Replays()
    assert replays.once("a", b"", NOON, lambda: 1, settings) == 1
    with pytest.raises(FaultedError, match=code):
        replays.once("a", b"", NOON, lambda: 2, settings)


def test_the_same_again_may_be_done_again() -> None:
    settings = SimulatorSettings(request_id_again="executed")
    replays: Replays[int] = Replays()
    assert [replays.once("a", b"", NOON, lambda made=made: made, settings) for made in (1, 2)] == [1, 2]
