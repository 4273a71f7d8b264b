"""What a refusal is taken for, how long the realm rests, and how it comes back: traces by the second."""

from __future__ import annotations

import pytest

from backfill.pacing.congestion import STRETCH_MAX, Congestion, Reason, Refusal
from backfill.pacing.limits import load_limits


def refuse(
    congestion: Congestion,
    now: float,
    *,
    sent_at: float | None = None,
    unanswered: int = 0,
    retry_after_s: float | None = None,
    episode: int | None = None,
) -> Refusal:
    return congestion.refused(
        now,
        sent_at=now - 0.3 if sent_at is None else sent_at,
        episode=congestion.episode if episode is None else episode,
        unanswered=unanswered,
        retry_after_s=retry_after_s,
        jitter_s=2.0,
    )


def answer(congestion: Congestion, now: float) -> None:
    congestion.answered(now, episode=congestion.episode)


def test_a_refusal_in_quiet_is_for_the_minute_and_rests_a_minute_and_the_jitter() -> None:
    congestion = Congestion(load_limits())
    refusal = refuse(congestion, 100.0)
    assert refusal == Refusal(Reason.MINUTE, freeze_s=62.0, lasting_s=0.0)
    assert congestion.resting
    assert congestion.frozen_until == 162.0


@pytest.mark.parametrize(("others", "reason"), [(9, Reason.MINUTE), (10, Reason.SECOND)])
def test_ten_others_fill_a_second_though_all_of_them_are_answered(others: int, reason: Reason) -> None:
    congestion = Congestion(load_limits())
    for number in range(others):
        answer(congestion, 100.0 + number / 100)
    assert refuse(congestion, 100.3, sent_at=100.0, unanswered=0).reason is reason


def test_it_comes_back_at_half_speed_and_climbs_a_tenth_a_window() -> None:
    congestion = Congestion(load_limits())
    refuse(congestion, 100.0)
    assert congestion.speed(170.0) == 0.5
    answer(congestion, 170.0)
    trace = [round(congestion.speed(170.0 + minute * 60), 3) for minute in range(8)]
    assert trace == [0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.0, 1.0]


def test_each_refusal_after_coming_back_halves_what_was_reached() -> None:
    congestion = Congestion(load_limits())
    refuse(congestion, 0.0)
    answer(congestion, 70.0)
    refuse(congestion, 70.0 + 180)
    assert congestion.speed(300.0) == pytest.approx(0.4)  # half of 0.8
    answer(congestion, 330.0)
    assert congestion.speed(330.0 + 60) == pytest.approx(0.5)


def test_the_speed_never_falls_below_one_request_a_window() -> None:
    congestion = Congestion(load_limits())
    for number in range(40):
        refuse(congestion, number * 100.0)
        answer(congestion, number * 100.0 + 70)
    assert congestion.speed(39 * 100 + 70) == pytest.approx(1 / 450)


def test_refusals_of_one_moment_halve_once() -> None:
    congestion = Congestion(load_limits())
    refuse(congestion, 100.0)
    for number in range(9):
        refusal = refuse(congestion, 100.1 + number / 100, episode=0)
        assert refusal.freeze_s == pytest.approx(62.0 - 0.1 - number / 100)
    assert congestion.frozen_until == 162.0
    answer(congestion, 170.0)
    assert congestion.speed(170.0) == 0.5


def test_an_answer_to_a_request_of_before_does_not_end_the_rest() -> None:
    congestion = Congestion(load_limits())
    refuse(congestion, 100.0)
    congestion.answered(100.2, episode=0)
    assert congestion.resting


def test_being_refused_again_and_again_is_counted_from_the_first_and_halves_once() -> None:
    congestion = Congestion(load_limits())
    now = 0.0
    for number in range(12):
        refusal = refuse(congestion, now)
        assert refusal.lasting_s == pytest.approx(number * 62)
        now = congestion.frozen_until
    answer(congestion, now)
    assert congestion.speed(now) == 0.5
    assert refuse(congestion, now + 1).lasting_s == 0


def test_a_refusal_among_ten_others_in_a_second_may_be_for_the_second_so_a_second_is_waited() -> None:
    congestion = Congestion(load_limits())
    for number in range(7):
        answer(congestion, 10.0 + number / 10)
    refusal = refuse(congestion, 10.7, sent_at=10.4, unanswered=3)
    assert refusal == Refusal(Reason.SECOND, freeze_s=1.0, lasting_s=0.0)
    assert congestion.speed(11.7) == 1.0  # nothing says that the minute is full


def test_with_nine_others_it_can_only_be_the_minute() -> None:
    congestion = Congestion(load_limits())
    for number in range(6):
        answer(congestion, 10.0 + number / 10)
    assert refuse(congestion, 10.7, sent_at=10.4, unanswered=3).reason is Reason.MINUTE


def test_answers_of_more_than_a_second_before_cannot_have_filled_the_second() -> None:
    congestion = Congestion(load_limits())
    for number in range(10):
        answer(congestion, 9.0 + number / 100)
    assert refuse(congestion, 10.7, sent_at=10.4, unanswered=3).reason is Reason.MINUTE


def for_the_second(congestion: Congestion, now: float) -> None:
    assert refuse(congestion, now, unanswered=10).reason is Reason.SECOND


def test_it_was_the_second_if_it_answers_after_one_and_the_starts_are_spaced_wider_for_a_while() -> None:
    congestion = Congestion(load_limits())
    for_the_second(congestion, 10.0)
    answer(congestion, 12.0)
    assert not congestion.resting
    trace = [round(congestion.stretch(12.0 + minute * 60), 3) for minute in range(7)]
    assert trace == [1.25, 1.2, 1.15, 1.1, 1.05, 1.0, 1.0]
    assert congestion.speed(12.0) == 1.0


def test_the_spacing_has_a_bound() -> None:
    congestion = Congestion(load_limits())
    for number in range(20):
        for_the_second(congestion, number * 5.0)
        answer(congestion, number * 5.0 + 1.1)
    assert congestion.stretch(96.1) == STRETCH_MAX


def test_it_was_the_minute_if_it_refuses_after_a_second_again() -> None:
    congestion = Congestion(load_limits())
    for_the_second(congestion, 10.0)
    refusal = refuse(congestion, 11.2, unanswered=10)  # whatever else is out: only this one asked
    assert refusal.reason is Reason.MINUTE
    assert refusal.freeze_s == 62.0
    assert refusal.lasting_s == pytest.approx(1.2)
    answer(congestion, 75.0)
    assert (congestion.speed(75.0), congestion.stretch(75.0)) == (0.5, 1.0)


@pytest.mark.parametrize(
    ("retry_after_s", "freeze_s"),
    [(None, 62.0), (30.0, 30.0), (90.0, 90.0), (0.0, 1.0), (-5.0, 1.0), (86400.0, 600.0)],
)
def test_what_the_server_asks_for_counts_within_bounds(retry_after_s: float | None, freeze_s: float) -> None:
    assert refuse(Congestion(load_limits()), 0.0, retry_after_s=retry_after_s).freeze_s == freeze_s


def test_a_server_that_refuses_after_the_rest_it_asked_for_gets_the_long_rest() -> None:
    congestion = Congestion(load_limits())
    refuse(congestion, 0.0, retry_after_s=5.0)
    assert refuse(congestion, 5.3, retry_after_s=5.0).freeze_s == 62.0


def test_a_longer_wish_of_the_same_moment_prolongs_the_rest() -> None:
    congestion = Congestion(load_limits())
    refuse(congestion, 0.0)
    refuse(congestion, 0.1, episode=0, retry_after_s=100.0)
    assert congestion.frozen_until == pytest.approx(100.1)


def test_a_named_minute_is_no_second_however_many_are_out() -> None:
    assert refuse(Congestion(load_limits()), 0.0, unanswered=10, retry_after_s=60.0).reason is Reason.MINUTE


def test_a_late_refusal_of_what_was_sent_before_a_rest_that_is_over_freezes_nothing() -> None:
    congestion = Congestion(load_limits())
    refuse(congestion, 100.0)
    answer(congestion, 163.0)
    assert refuse(congestion, 164.0, episode=0, retry_after_s=30.0).freeze_s == 0
    assert not congestion.resting


def test_a_late_refusal_does_not_shorten_the_rest() -> None:
    congestion = Congestion(load_limits())
    refuse(congestion, 100.0)
    refuse(congestion, 101.0, episode=0, retry_after_s=5.0)
    assert congestion.frozen_until == 162.0


def test_who_asks_for_a_second_may_mean_the_second() -> None:
    assert refuse(Congestion(load_limits()), 100.0, unanswered=10, retry_after_s=1.0).reason is Reason.SECOND
    assert refuse(Congestion(load_limits()), 100.0, unanswered=10, retry_after_s=2.0).reason is Reason.MINUTE
