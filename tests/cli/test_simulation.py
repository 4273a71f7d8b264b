"""The profile of a simulation: one name for a setting in file and code, and every fault said at once."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest

from backfill.cli.simulation import DEFAULTS, World, simulation
from backfill.errors import UsageError
from backfill.simulator.injection.behaviour import Behaviour
from backfill.simulator.injection.injection import Injection
from backfill.simulator.injection.network import LostReply
from backfill.simulator.injection.refusals import ErrorPage
from backfill.simulator.settings import App, ReportSettings, ServerLimits, SimulatorSettings

BY_DEFAULT = SimulatorSettings(**{**DEFAULTS, "reports": ReportSettings(**DEFAULTS["reports"])})


@pytest.fixture
def profile(tmp_path: Path):
    def write(text: str) -> Path:
        file = tmp_path / "profile.toml"
        file.write_text(text)
        return file

    return write


def test_without_file_and_options_it_is_the_defaults() -> None:
    found = simulation(None, {})
    assert found.world == World()
    assert found.settings == BY_DEFAULT


def test_a_file_may_hold_every_key(profile) -> None:
    text = """
        port = 1
        realms = 2
        seed = 3
        rows = "4:5"
        latency_s = 0.5
        window = "bucket"
        id_sort = "error"
        batch_object_cap = "off"
        limits = { requests_per_minute = 100, in_flight = "off" }
        redirect_uris = ["https://a.example/b"]
        [reports]
        cells = 5000
        shape = "modern"
        [[apps]]
        name = "A"
        client_id = "a"
        client_secret = "b"
        [[poisoned]]
        realm = "7"
        entity = "Invoice"
        ids = ["8", "9"]
        """
    found = simulation(profile(text), {})
    assert found.world == World(port=1, realms=2, seed=3, rows="4:5")
    assert found.settings == SimulatorSettings(
        latency_s=0.5,
        jitter_s=0.05,
        window="bucket",
        id_sort="error",
        batch_object_cap=None,
        limits=ServerLimits(requests_per_minute=100, in_flight=None),
        redirect_uris=("https://a.example/b",),
        apps=(App(name="A", client_id="a", client_secret="b"),),
        reports=ReportSettings(cells=5_000, shape="modern", **DEFAULTS["reports"]),
        poisoned={("7", "Invoice"): frozenset({"8", "9"})},
    )


def test_the_example_is_the_defaults_with_one_more_app() -> None:
    example = Path(__file__).resolve().parents[2] / "configs" / "simulator.toml"
    found = simulation(example, {})
    assert found.world == World()
    assert replace(found.settings, apps=()) == BY_DEFAULT
    assert [app.name for app in found.settings.apps] == ["Payroll"]


def test_what_is_given_goes_before_the_file(profile) -> None:
    found = simulation(profile("realms = 2\nlatency_s = 1"), {"realms": 3, "latency_s": 0.0, "seed": None})
    assert (found.world.realms, found.world.seed, found.settings.latency_s) == (3, 1, 0.0)


def test_every_fault_is_said_and_no_value(profile) -> None:
    text = """
        realmz = 3
        window = "fixd"
        limits = { requests_per_minutes = 100 }
        webhooks = 5
        [[apps]]
        name = "A"
        client_id = "a"
        client_secret = ["hush"]
        """
    with pytest.raises(UsageError) as caught:
        simulation(profile(text), {"seed": "x"})
    said = caught.value.message
    for part in (
        "realmz: there is no such key. Did you mean realms",
        "limits.requests_per_minutes: there is no such key. Did you mean requests_per_minute",
        "window: ",
        "apps.0.client_secret: ",
        "webhooks: it is a table, headed [webhooks]",
        "seed: ",
        "is not right",
    ):
        assert part in said
    assert "hush" not in said


@pytest.mark.parametrize(
    "text", ["realms = ", "limits_scale = 0", "[[poisoned]]\nrealm = '1'", "x" * (1024 * 1024 + 1), "\udcff"]
)
def test_what_is_no_profile_is_said(profile, text: str, tmp_path: Path) -> None:
    file = tmp_path / "profile.toml"
    file.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(UsageError):
        simulation(file, {})


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        simulation(tmp_path / "nothing.toml", {})


@pytest.mark.parametrize("rows", ["5", "5:1", "a:b", "0:4"])
def test_rows_are_two_numbers(rows: str) -> None:
    with pytest.raises(UsageError, match="--rows"):
        simulation(None, {"rows": rows}).simulator()


def test_no_key_means_two_things() -> None:
    assert {field.name for field in fields(World)} & {field.name for field in fields(SimulatorSettings)} == set()


def test_what_goes_wrong_is_in_the_file_or_given(profile) -> None:
    text = """
        [[injections]]
        mishap = "error_page"
        status = 502
        lanes = ["query"]
        [[injections]]
        mishap = "behaviour"
        settings = { batch_object_cap = "off" }
        """
    found = simulation(profile(text), {}, ["lost_reply lanes=write every=3"])
    assert found.injections == (
        Injection(ErrorPage(status=502), lanes=("query",)),
        Injection(Behaviour(settings={"batch_object_cap": None})),
        Injection(LostReply(), lanes=("write",), every=3),
    )
    assert [count.injection for count in found.simulator().injections.counts()] == list(found.injections)


@pytest.mark.parametrize(
    ("text", "lines", "said"),
    [
        ("injections = 1", [], "injections: each is a table of its own"),
        ("injections = ['x']", [], "injections: each is a table of its own"),
        ("[[injections]]\nmishap = 'lost'", ["cut_reply share=2"], "there is no mishap 'lost'"),
        ("[[injections]]\nmishap = 'lost'", ["cut_reply share=2"], "share is at least 0 and below 1"),
        ("realmz = 1", ["cut_reply share=2"], "there is no such key"),
    ],
)
def test_what_cannot_go_wrong_is_said_with_the_other_faults(profile, text: str, lines: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        simulation(profile(text), {}, lines)
