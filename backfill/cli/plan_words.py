"""What a forecast says: the groups, the time and what bounds it, the metered calls and what they cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from backfill.cli.output import counted, duration
from backfill.cli.tally import requests_by_lane
from backfill.config import Settings
from backfill.pacing.metering import READINGS, BatchCountsAs
from backfill.planner.forecast import BOUND_SHARE, Forecast
from backfill.planner.schedule import Bound, Schedule
from backfill.planner.tiers import Charge

BOUNDS: Mapping[Bound, str] = {
    Bound.INTUIT: "Intuit's limits and answers, with all companies open that are left",
    Bound.PLACES: "the places: other companies wait (extract.realms_at_once)",
    Bound.PROGRAM: "the program, of which each process uses all of one processor",
    Bound.PROCESSORS: "the processors that the program and Postgres share",
    Bound.POSTGRES: "the processors of Postgres",
    Bound.MEMORY: "the memory for pages (extract.memory_mb)",
}

GAIN_SHOWN = 0.05
"""What saves less of the time is not worth having."""


def in_words(planned: Forecast, settings: Settings) -> Iterator[str]:
    """For a person, line by line."""
    schedule = planned.schedule
    requests = sum(planned.requests.values())
    yield (
        f"{counted(planned.companies, 'company', 'companies')} with {planned.rows:,} rows: {duration(schedule.wall_s)},"
        f" {requests:,} requests."
    )
    yield ""
    yield f"{'companies':<24}{'number':>10}{'rows':>16}{'calls each':>12}{'seconds each, alone':>22}"
    yield "\N{BOX DRAWINGS LIGHT HORIZONTAL}" * 84
    for group in planned.groups:
        calls = sum(group.requests.values()) / group.companies
        least, most = (round(seconds) for seconds in group.seconds)
        seconds = f"{least}" if least == most else f"{least} to {most}"
        yield f"{group.name[:23]:<24}{group.companies:>10,}{group.rows:>16,}{calls:>12,.1f}{seconds:>22}"
    yield ""
    yield from time_in_words(planned)
    yield ""
    yield from _calls(planned, settings)


def time_in_words(planned: Forecast) -> Iterator[str]:
    """How long it takes, and what would have to be more for it to take less."""
    schedule = planned.schedule
    yield f"Time: {duration(schedule.wall_s)}, {planned.rows / schedule.wall_s:,.0f} rows a second. Bounded by"
    yield from _bounds(schedule)
    program, postgres = planned.program_s / schedule.wall_s, planned.postgres_s / schedule.wall_s
    yield f"  On average the program uses {program:.2f} processors, Postgres {postgres:.2f}."
    for words, other in planned.instead.items():
        if other.wall_s < schedule.wall_s * (1 - GAIN_SHOWN):
            yield f"  With {words} it would take {duration(other.wall_s)}, bounded most by {BOUNDS[other.bound]}."


def _bounds(schedule: Schedule) -> Iterator[str]:
    for bound, bound_s in sorted(schedule.bound_s.items(), key=lambda entry: -entry[1]):
        share = bound_s / schedule.wall_s
        if share >= BOUND_SHARE:
            yield f"  {share:>4.0%}  {BOUNDS[bound]}"


def _calls(planned: Forecast, settings: Settings) -> Iterator[str]:
    said = settings.metered.batch_counts_as
    for reading in BatchCountsAs if said is None else [said]:
        metered = planned.metered.read(reading)
        yield f"Metered calls, {READINGS[reading]}: {metered:,}."
        cap = settings.metered.monthly_cap
        if cap is not None:
            yield f"  {_months(-(-metered // cap))} under the monthly cap of {cap:,}."
        for charge in planned.charges[reading]:
            if charge.is_open:
                yield f"  {charge.tier.name:<9} {_charge(charge)}"
            if charge.is_open and charge.extra_usd == 0:
                break  # a larger tier costs more for nothing
    if said is None:
        yield "Intuit does not say which of the two it counts. Set metered.batch_counts_as if you know: until then"
        yield f"a run is made, and planned, counting {READINGS[settings.metered.counted_as]}."


def _charge(charge: Charge) -> str:
    fee = f"${charge.tier.month_usd:,} a month"
    if charge.extra_usd == 0:
        return f"{fee}, nothing beyond it"
    within = f"in {_months(charge.months)} nothing beyond it" if charge.months is not None else ""
    if charge.extra_usd is None:
        return f"{fee}: {within}" if within else f"{fee}: not possible, other work needs all that there is"
    at_once = f"at most ${charge.extra_usd:,} more if all is done in one"
    return f"{fee}, {at_once}; {within}" if within else f"{fee}, {at_once}"


def _months(months: int) -> str:
    return "1 calendar month" if months == 1 else f"{months:,} calendar months"


def as_json(planned: Forecast) -> Mapping[str, object]:
    """The same for a program, with the names of `extract`'s result where these are the same things."""
    schedule = planned.schedule
    return {
        "realms": {"total": planned.companies},
        "rows": {"landed": planned.rows},
        "requests": requests_by_lane(planned.requests),
        "metered": planned.metered._asdict(),
        "wall_s": round(schedule.wall_s, 3),
        "bound_s": _rounded(schedule),
        "processor_s": {"program": round(planned.program_s, 3), "postgres": round(planned.postgres_s, 3)},
        "instead": {
            words: {"wall_s": round(other.wall_s, 3), "bound_s": _rounded(other)}
            for words, other in planned.instead.items()
        },
        "groups": [
            {
                "name": group.name,
                "realms": group.companies,
                "rows": group.rows,
                "requests": requests_by_lane(group.requests),
                "metered": group.metered._asdict(),
                "seconds_alone": [round(seconds, 3) for seconds in group.seconds],
            }
            for group in planned.groups
        ],
        "charges": {
            reading.value: [
                {
                    "tier": charge.tier.name,
                    "usd_a_month": charge.tier.month_usd,
                    "is_open": charge.is_open,
                    "months_without_more": charge.months,
                    "usd_more_in_one_month": charge.extra_usd,
                }
                for charge in of_tiers
            ]
            for reading, of_tiers in planned.charges.items()
        },
    }


def _rounded(schedule: Schedule) -> Mapping[str, float]:
    return {bound.value: round(bound_s, 3) for bound, bound_s in schedule.bound_s.items()}
