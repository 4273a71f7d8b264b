"""How many calls a company costs, census, catch-up and proof included, by its size.

    python -m benchmarks.show_calls

Runs the extract job on the virtual clock over simulated companies of five kinds (plain, multi-currency, French and
so on), compares what was landed with the companies, and counts the calls that the simulated server saw.
"""

from __future__ import annotations

from backfill.pacing.virtual_clock import run_virtual
from backfill.simulator.settings import SimulatorSettings
from tests.jobs.world import World, breaches

SIZES = (100, 800, 5_000, 60_000)
"""Objects a company; 60,000 is the reference company of ten years."""
COMPANIES = 5
WALL_LIMIT_S = 600.0


def main() -> None:
    """Print a line a size."""
    print(f"{'objects':>8}  {'calls: least':>12} {'most':>5}   by lane, in the company that cost most")
    for rows in SIZES:
        calls = run_virtual(_calls(rows), wall_limit_s=WALL_LIMIT_S)
        most = max(calls, key=lambda lanes: sum(lanes.values()))
        lanes = ", ".join(f"{count} {lane}" for lane, count in sorted(most.items()))
        totals = [sum(lanes_of.values()) for lanes_of in calls]
        print(f"{rows:>8,}  {min(totals):>12} {max(totals):>5}   {lanes}")


async def _calls(rows: int) -> list[dict[str, int]]:
    settings = SimulatorSettings(latency_s=0.1)
    world = World(seed=1, realms=COMPANIES, rows_min=rows, rows_max=rows, settings=settings)
    await world.extract()
    assert breaches(world) == [], "what was landed is not the company"
    summaries = world.simulator.log.summary()
    return [dict(summaries[realm_id].by_lane) for realm_id in world.realm_ids]


if __name__ == "__main__":
    main()
