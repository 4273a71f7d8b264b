"""Commands on the embedded Postgres: many at once share one server, and the last one takes it away, however it ends."""

from __future__ import annotations

from pathlib import Path

import anyio

from backfill.store.embedded import embedded_postgres
from tests.comparison import Comparison, compare
from tests.gate import gated
from tests.processes import Backfill, Intuit, ended, eventually, processes_naming, simulated


def left_behind(user: Backfill) -> dict[int, str]:
    """What still runs for the user's data directory once it has had the time to end."""
    eventually(lambda: not processes_naming(user.home / "data"))
    return processes_naming(user.home / "data")


def test_two_commands_at_once_one_ending_before_the_other(embedded_user: Backfill, tmp_path: Path) -> None:
    with simulated(tmp_path, realms=2, rows="300:400") as intuit, gated(intuit) as gate:
        connected = embedded_user.having(**intuit.variables)
        assert connected.run("realms", "import", intuit.realms_file).code == 0
        gate.let(3)
        with connected.having(QBO_BASE_URL=gate.url).started("extract", "--json") as long:
            gate.full(long)
            assert processes_naming(connected.home / "data"), "the server runs while a command does"
            short = connected.run("realms", "list", "--json")
            assert (short.code, len(short.json()["realms"])) == (0, 2)
            assert long.poll() is None, "the short one came and went while the long one worked"
            # The same companies: whoever comes second waits for the owner of each, then finds all of it there.
            with connected.started("extract", "--json", "--entity", "Term") as second:
                assert eventually(lambda: len(connected.run("status", "--json").json()["runs"]) == 2), "it has begun"
                gate.open()
                first_ended = ended(long)
                second_ended = ended(second)
        assert first_ended.code == 0, first_ended.stderr
        assert second_ended.code == 0, second_ended.stderr
        assert (first_ended.json()["run_id"], second_ended.json()["run_id"]) == (1, 2)
        assert left_behind(connected) == {}

        status = connected.run("status", "--json")
        assert [run["status"] for run in status.json()["runs"]] == ["done", "done"]
        compared = anyio.run(compare_embedded, connected, intuit)
        assert compared.differing == 0, compared.differences
    assert left_behind(connected) == {}


async def compare_embedded(user: Backfill, intuit: Intuit) -> Comparison:
    async with embedded_postgres(user.home / "data/postgres") as dsn:
        return await compare(dsn, intuit)


def test_a_killed_command_leaves_no_server_behind(embedded_user: Backfill, tmp_path: Path) -> None:
    with simulated(tmp_path, realms=2, rows="300:400") as intuit, gated(intuit) as gate:
        connected = embedded_user.having(**intuit.variables)
        assert connected.run("realms", "import", intuit.realms_file).code == 0
        gate.let(3)
        with connected.having(QBO_BASE_URL=gate.url).started("extract") as extract:
            gate.full(extract)
            assert len(processes_naming(connected.home / "data")) > 1, "a supervisor and its server"
            extract.kill()
        assert left_behind(connected) == {}
        again = connected.run("extract", "--json")
        assert again.code == 0, again.stderr
        assert again.json()["run_id"] == 1
    assert left_behind(connected) == {}
