"""A world of realms: the same from the same seed, each company on its own."""

from __future__ import annotations

import gc
import hashlib
import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from backfill.errors import UsageError
from backfill.simulator.company import Company
from backfill.simulator.fleet import Fleet, UnknownRealmError
from backfill.simulator.seed.profile import SMALLEST


def _fleet(
    seed: int = 7, *, realms: int = 60, hour: int = 12, rows: tuple[int, int] = (100, 3_000), **held: int
) -> Fleet:
    def now() -> datetime:
        return datetime(2026, 11, 20, hour, tzinfo=UTC)

    return Fleet(realms=realms, seed=seed, now=now, rows_min=rows[0], rows_max=rows[1], **held)


def _digest(company: Company) -> str:
    whole = hashlib.sha256()
    for entity, docs in company.state_at(company.stamp()).items():
        whole.update(entity.encode() + b"".join(docs.values()))
        whole.update(repr(company.deleted_since(entity, 0)).encode())
    return whole.hexdigest()


def test_the_same_seed_gives_the_same_bytes_in_whatever_order_realms_are_touched() -> None:
    first, second = _fleet(hour=1), _fleet(hour=23)
    realms = first.realm_ids[:4]
    digests = {realm: _digest(first.company(realm)) for realm in realms}
    assert {realm: _digest(second.company(realm)) for realm in reversed(realms)} == digests
    assert len(set(digests.values())) == len(realms)


_DIGEST_ELSEWHERE = """
import zlib
from datetime import UTC, datetime
from random import Random
from backfill.simulator.fleet import Fleet
from backfill.simulator.people import People
now = datetime(2026, 11, 20, 12, tzinfo=UTC)
for rows, changes in ((500, 200), (4_000, 40)):
    fleet = Fleet(realms=1, seed=7, now=lambda: now, rows_min=rows, rows_max=rows)
    company = fleet.company(fleet.realm_ids[0])
    print(zlib.crc32(repr(company.state_at(company.stamp())).encode()))
    People(company, Random(1), changes_per_minute=1).act(changes)
    print(zlib.crc32(repr(company.state_at(company.stamp())).encode()))
"""


def test_another_process_gives_the_same_bytes() -> None:
    """Python orders sets of text differently in each process; nothing may depend on it, in copies neither."""
    digests = {
        subprocess.run(
            [sys.executable, "-c", _DIGEST_ELSEWHERE],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            timeout=30,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(digests) == 1
    assert len(set(digests.pop().split())) == 4


def test_what_was_forgotten_is_sown_again_and_what_was_changed_is_kept() -> None:
    """Memory for two companies at most: each question to another realm forgets one."""
    small = _fleet(rows=(1_500, 1_500), rows_held=1_200, companies_held=2)
    realms = small.realm_ids[:6]
    digests = {realm: _digest(small.company(realm)) for realm in realms}
    changed = small.company(realms[0])
    first = changed.table("Invoice").all()[0]
    changed.replace("Invoice", first.id, {"DocNumber": "changed"})
    before = _digest(changed)
    del changed
    for _ in range(2):
        assert [_digest(small.company(realm)) for realm in realms[1:]] == [digests[realm] for realm in realms[1:]]
    assert _digest(small.company(realms[0])) == before != digests[realms[0]]
    assert small.held.histories <= 2
    assert small.held.companies <= 3, "the changed one and two others"


def test_a_company_in_use_is_not_made_twice_and_no_instant_is_stated_twice() -> None:
    world = _fleet(rows=(100, 100), rows_held=100, companies_held=1)
    in_use, others = world.company(world.realm_ids[0]), world.realm_ids[1:4]
    for realm in others:
        world.company(realm)
    assert world.company(world.realm_ids[0]) is in_use
    stated = max(in_use.stamp() for _ in range(5_000))  # time stands still: the instants run ahead of it
    del in_use
    for realm in others:
        world.company(realm)
    gc.collect()
    assert world.company(world.realm_ids[0]).stamp() > stated


def test_another_seed_gives_another_world() -> None:
    one, other = _fleet(1), _fleet(2)
    assert set(one.realm_ids).isdisjoint(other.realm_ids)


def test_sizes_are_known_without_seeding_and_hold() -> None:
    fleet = _fleet()
    for realm in fleet.realm_ids[:8]:
        assert fleet.company(realm).rows == fleet.size_of(realm)


def test_sizes_are_spread_log_uniformly_between_the_bounds() -> None:
    fleet = _fleet(realms=400, rows=(100, 10_000))
    sizes = sorted(fleet.size_of(realm) for realm in fleet.realm_ids)
    assert 100 <= sizes[0] < 150
    assert 6_500 < sizes[-1] <= 10_000
    assert 750 < sizes[200] < 1_350  # the median is the geometric middle, 1,000


def test_no_company_is_smaller_than_quickbooks_makes_them() -> None:
    fleet = _fleet(realms=8, rows=(1, 1))
    for realm in fleet.realm_ids:
        assert fleet.size_of(realm) == fleet.company(realm).rows == SMALLEST


def test_realm_ids_are_distinct_and_some_are_more_than_a_float_can_hold() -> None:
    fleet = _fleet(realms=5_000)
    assert len(set(fleet.realm_ids)) == 5_000
    large = [realm for realm in fleet.realm_ids if int(realm) > 2**53]
    assert 0 < len(large) < 5_000
    assert all(realm.startswith("9130357") for realm in large)


def test_the_mix_of_countries_and_currencies() -> None:
    fleet = _fleet(realms=400)
    profiles = [fleet.profile(realm) for realm in fleet.realm_ids]
    assert {profile.country for profile in profiles} == {"US", "CA", "GB", "FR"}
    assert 0.7 < sum(profile.country == "US" for profile in profiles) / 400 < 0.9
    assert 0.18 < sum(profile.multicurrency for profile in profiles) / 400 < 0.32


def test_a_company_is_seeded_once_and_an_unknown_realm_is_refused() -> None:
    fleet = _fleet()
    assert fleet.company(fleet.realm_ids[0]) is fleet.company(fleet.realm_ids[0])
    for ask in (fleet.company, fleet.size_of):
        with pytest.raises(UnknownRealmError, match="12345"):
            ask("12345")


@pytest.mark.parametrize("world", [{"realms": 0}, {"rows": (0, 5)}, {"rows": (9, 5)}])
def test_an_impossible_world_is_refused(world: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        _fleet(**world)  # type: ignore[arg-type]  # the parameters are _fleet's own
