"""A scenario's file: every fault at once with its place, nothing taken for what it is not, and the sizes sampled."""

from __future__ import annotations

import re
from math import log
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfill.errors import UsageError
from backfill.planner.scenario import (
    COMPANIES_MAX,
    GROUPS_MAX,
    OBJECTS_MAX,
    SAMPLED_OBJECTS,
    SAMPLES,
    Companies,
    Intuit,
    Machine,
    Scenario,
    read_scenario,
)

SHIPPED = Path(__file__).parents[2] / "configs" / "scenario.toml"

FINE = '[[companies]]\nname = "fine"\ncount = 2\nobjects = 500\n'

SIZES = "a whole number, or [least, most]; 1 to 200,000"
GROUPS = "1 to 100 groups, each a table that begins with [[companies]]"


def read(tmp_path: Path, toml: str) -> Scenario:
    file = tmp_path / "scenario.toml"
    file.write_text(toml)
    return read_scenario(file)


def faults(tmp_path: Path, toml: str) -> dict[str, str]:
    """Place to what is wrong there."""
    with pytest.raises(UsageError) as caught:
        read(tmp_path, toml)
    head, *lines = caught.value.message.splitlines()
    number = f"{len(lines)} fault{'s' * (len(lines) != 1)}"
    assert head == f"The scenario {tmp_path / 'scenario.toml'} has {number}:"
    said = {place.strip(): what for place, _, what in (line.partition(": ") for line in lines)}
    assert len(said) == len(lines), "no place is named twice"
    return said


class TestFaults:
    def test_every_one_is_named_at_once_with_its_place(self, tmp_path: Path) -> None:
        toml = """
            metered_elsewere = 3
            seed = 1.5
            [[companies]]
            name = "first"
            count = 0
            objects = [5_000, 100]
            [[companies]]
            nam = "second"
            count = 2
            object = 300
            [intuit]
            latency = 0.2
            page_s = -1
            [machine]
            processors = 0
            postgres_processor = 2
            row_us = 0
            [machines]
            processors = 3
        """
        of_machine = (
            "processors, processes, postgres_processors, row_us, row_postgres_us, company_ms, company_postgres_ms"
        )
        assert of_machine == ", ".join(Machine.model_fields)
        assert faults(tmp_path, toml) == {
            "companies #1.count": "Input should be greater than or equal to 1",
            "companies #1.objects": SIZES,
            "companies #2.name": "Field required",
            "companies #2.objects": "Field required",
            "companies #2.nam": "there is no such key. Did you mean name?",
            "companies #2.object": "there is no such key. Did you mean objects?",
            "intuit.page_s": "Input should be greater than or equal to 0",
            "intuit.latency": "there is no such key. Did you mean latency_s?",
            "machine.processors": "Input should be greater than or equal to 1",
            "machine.row_us": "Input should be greater than 0",
            "machine.postgres_processor": (
                "there is no such key. Did you mean postgres_processors or processors or row_postgres_us?"
            ),
            "metered_elsewere": "there is no such key. Did you mean metered_elsewhere?",
            "seed": "Input should be a valid integer",
            "machines": "there is no such key. Did you mean machine?",
        }

    @pytest.mark.parametrize(
        ("toml", "place", "what"),
        [
            ("", "companies", "Field required"),
            ("companies = []", "companies", GROUPS),
            ("companies = 3", "companies", GROUPS),
            ('[companies]\nname = "a"\ncount = 1\nobjects = 9', "companies", GROUPS),
            ("companies = [3]", "companies #1", "it is a table. Its keys: name, count, objects."),
            (FINE + FINE, "companies", "two are called fine"),
            (FINE + "[[intuit]]\nlatency_s = 1", "intuit", "it is a table, headed [intuit]. Its keys: latency_s,"),
            (FINE + "[intuit]\nzebra = 1", "intuit.zebra", "there is no such key. Known: latency_s, page_s, changes_"),
            (FINE + "zebra = 1", "companies #1.zebra", "there is no such key. Known: name, count, objects."),
        ],
    )
    def test_one(self, tmp_path: Path, toml: str, place: str, what: str) -> None:
        said = faults(tmp_path, toml)
        assert list(said) == [place]
        assert said[place].startswith(what)

    @pytest.mark.parametrize(
        "line",
        [
            'name = ""',
            'name = " "',
            'name = "two\\nlines"',
            'name = "\\u001b[2J"',
            f'name = "{"x" * 41}"',
            "name = 7",
            "count = true",
            "count = 2.0",
            'count = "2"',
            f"count = {COMPANIES_MAX + 1}",
            "objects = true",
            "objects = 500.0",
            'objects = "500"',
            "objects = 0",
            "objects = -5",
            f"objects = {OBJECTS_MAX + 1}",
            f"objects = {10**40}",
            "objects = []",
            "objects = [500]",
            "objects = [1, 2, 3]",
            "objects = [0, 2]",
            "objects = [3, 2]",
            f"objects = [3, {OBJECTS_MAX + 1}]",
            "objects = [1.0, 2.0]",
            "objects = [true, 2]",
            'objects = ["1", 2]',
            "objects = [[1, 2], [3, 4]]",
            "objects = { least = 1, most = 2 }",
            "objects = 2026-01-01",
        ],
    )
    def test_what_a_group_cannot_be(self, tmp_path: Path, line: str) -> None:
        key = line.partition(" ")[0]
        others = [fine for fine in FINE.splitlines() if not fine.startswith(f"{key} ")]
        assert list(faults(tmp_path, "\n".join([*others, line]))) == [f"companies #1.{key}"]

    @pytest.mark.parametrize(
        ("table", "line"),
        [
            ("intuit", "latency_s = true"),
            ("intuit", 'latency_s = "0.3"'),
            ("intuit", "latency_s = -0.1"),
            ("intuit", "latency_s = 601"),
            ("intuit", "latency_s = nan"),
            ("intuit", "page_s = inf"),
            ("intuit", "changes_per_minute = 1_001"),
            ("intuit", "other_requests_per_minute = 10_001"),
            ("machine", "processors = 1.5"),
            ("machine", "processors = true"),
            ("machine", "processors = 1_025"),
            ("machine", "postgres_processors = 0"),
            ("machine", "row_us = nan"),
            ("machine", "row_postgres_us = 0"),
            ("machine", "company_ms = -1"),
            ("machine", "company_postgres_ms = inf"),
        ],
    )
    def test_what_the_rest_cannot_be(self, tmp_path: Path, table: str, line: str) -> None:
        assert list(faults(tmp_path, f"{FINE}[{table}]\n{line}")) == [f"{table}.{line.partition(' ')[0]}"]

    def test_so_many_groups_and_companies_and_no_more(self, tmp_path: Path) -> None:
        groups = [FINE.replace("fine", f"number {number}") for number in range(GROUPS_MAX + 1)]
        assert len(read(tmp_path, "".join(groups[:-1])).companies) == GROUPS_MAX
        assert faults(tmp_path, "".join(groups)) == {"companies": GROUPS}
        halves = [group.replace("count = 2", f"count = {COMPANIES_MAX // 2}") for group in groups[:2]]
        assert sum(group.count for group in read(tmp_path, "".join(halves)).companies) == COMPANIES_MAX
        assert faults(tmp_path, "".join(halves) + groups[2]) == {"companies": "more than 1,000,000 companies together"}

    def test_no_value_is_repeated(self, tmp_path: Path) -> None:
        """As of the configuration's file; which one is the wrong one is easily mistaken."""
        said = faults(tmp_path, FINE + '[intuit]\nlatency_s = "hunter2"\n')
        assert "hunter2" not in str(said)

    def test_a_file_that_is_none(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"The scenario .*nothing\.toml cannot be read: No such file"):
            read_scenario(tmp_path / "nothing.toml")
        with pytest.raises(UsageError, match=r"The scenario .* is not TOML: .*line 2"):
            read(tmp_path, "a = 1\nb = \n")


class TestWhatIsTaken:
    def test_all_but_the_companies_has_a_default(self, tmp_path: Path) -> None:
        scenario = read(tmp_path, FINE)
        assert (scenario.intuit, scenario.machine) == (Intuit(), Machine())
        assert scenario.machine.postgres_processors is None

    def test_a_whole_number_is_a_length_of_time_too(self, tmp_path: Path) -> None:
        assert read(tmp_path, FINE + "[intuit]\nlatency_s = 2\npage_s = 0").intuit.latency_s == 2

    def test_ranges_and_numbers(self, tmp_path: Path) -> None:
        assert read(tmp_path, FINE.replace("500", "[100, 200_000]")).companies[0].objects == (100, OBJECTS_MAX)
        assert read(tmp_path, FINE.replace("500", "1")).companies[0].objects == 1


class TestShipped:
    def test_it_can_be_read(self) -> None:
        scenario = read_scenario(SHIPPED)
        assert scenario.intuit == Intuit()
        assert scenario.machine == Machine()

    def test_every_key_stands_in_it(self) -> None:
        """Under its table, where those that are left out by default are commented."""
        named: dict[str, set[str]] = {"": set()}
        table = ""
        for line in SHIPPED.read_text(encoding="utf-8").splitlines():
            if begun := re.fullmatch(r"\[+(\w+)\]+", line):
                table = begun[1]
                named.setdefault(table, set())
            elif key := re.match(r"(?:# )?(\w+) = ", line):
                named[table].add(key[1])
        tables = {"companies": Companies, "intuit": Intuit, "machine": Machine}
        for name, model in tables.items():
            assert named.pop(name) == set(model.model_fields), name
        assert named == {"": set(Scenario.model_fields) - set(tables)}


def sizes(count: int, objects: int | tuple[int, int]) -> list[int]:
    return Companies(name="a", count=count, objects=objects).samples()


class TestSamples:
    @pytest.mark.parametrize(("count", "samples"), [(1, 1), (5, 5), (SAMPLES, SAMPLES), (COMPANIES_MAX, SAMPLES)])
    @pytest.mark.parametrize("objects", [800, (100, 5_000)])
    def test_no_more_than_there_are_companies(self, count: int, samples: int, objects: int | tuple[int, int]) -> None:
        assert len(sizes(count, objects)) == samples

    @pytest.mark.parametrize("objects", [60_000, (60_000, 60_000), OBJECTS_MAX])
    def test_of_large_ones_that_are_alike_fewer_but_two(self, objects: int | tuple[int, int]) -> None:
        made = sizes(1_000, objects)
        assert len(set(made)) == 1
        assert len(made) == 2
        assert sizes(1, objects) == made[:1]

    def test_of_middling_ones_as_many_as_there_may_be_objects(self) -> None:
        assert len(sizes(1_000, 20_000)) == SAMPLED_OBJECTS // 20_000 < SAMPLES

    @given(
        st.integers(1, 10_000),
        st.integers(1, OBJECTS_MAX),
        st.integers(1, OBJECTS_MAX),
    )
    def test_they_lie_in_the_range_and_go_up(self, count: int, one: int, other: int) -> None:
        least, most = sorted((one, other))
        made = sizes(count, (least, most))
        assert made == sorted(made)
        assert least <= made[0]
        assert made[-1] <= most

    @pytest.mark.parametrize("count", [1, 2, 7, 5_000])
    @pytest.mark.parametrize("objects", [(100, 5_000), (1_000, 200_000), (5_000, 5_001)])
    def test_together_they_have_the_objects_of_all(self, count: int, objects: tuple[int, int]) -> None:
        """The mean of a number whose logarithm is evenly spread."""
        least, most = objects
        made = sizes(count, objects)
        assert sum(made) / len(made) == pytest.approx((most - least) / log(most / least), rel=0.01)

    def test_small_ones_are_most(self) -> None:
        """As many between 100 and 1,000 as between 1,000 and 10,000."""
        made = sizes(5_000, (100, 10_000))
        assert sum(size < 1_000 for size in made) == SAMPLES // 2
