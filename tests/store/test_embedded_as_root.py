"""Root's ways of starting an embedded server, which refuses to be root."""

from __future__ import annotations

import pytest

from backfill.errors import UnavailableError
from backfill.store.embedded import embedded_postgres
from backfill.store.privileges import RunAs
from backfill.store.server_files import ServerFiles
from tests.processes import kill_and_wait
from tests.store.servers import answer, postmaster_of, supervisor_of, user_of, wait_until_gone


class TestAsRoot:
    """Root's ways of starting a server that refuses to be root."""

    pytestmark = pytest.mark.parametrize("run_as", [RunAs.NAMESPACE, RunAs.NOBODY])

    @pytest.fixture
    def reachable(self, files: ServerFiles) -> ServerFiles:
        """pytest keeps its folders private; `nobody` must be able to pass."""
        for folder in files.root.parents:
            if folder.stat().st_mode & 0o011 == 0:
                folder.chmod(0o711)
        return files

    async def test_it_starts_and_stops(self, reachable: ServerFiles, run_as: RunAs) -> None:
        for _ in range(2):
            async with embedded_postgres(reachable.root, run_as=run_as) as dsn:
                assert await answer(dsn) == 42
                assert (user_of(postmaster_of(reachable)) == 0) == (run_as is RunAs.NAMESPACE)
                assert reachable.cluster.stat().st_mode & 0o077 == 0
            wait_until_gone(reachable)
        assert not reachable.binaries_copy.exists()
        assert "immediate" not in reachable.log_tail()

    async def test_it_goes_with_a_killed_supervisor(self, reachable: ServerFiles, run_as: RunAs) -> None:
        async with embedded_postgres(reachable.root, run_as=run_as):
            kill_and_wait(supervisor_of(reachable))
            wait_until_gone(reachable)
        async with embedded_postgres(reachable.root, run_as=run_as) as dsn:
            assert await answer(dsn) == 42

    async def test_data_change_hands_with_the_way(self, reachable: ServerFiles, run_as: RunAs) -> None:
        other = RunAs.NOBODY if run_as is RunAs.NAMESPACE else RunAs.NAMESPACE
        for way in (other, run_as):
            async with embedded_postgres(reachable.root, run_as=way) as dsn:
                assert await answer(dsn) == 42
            wait_until_gone(reachable)


async def test_nobody_who_cannot_reach_the_data_is_said_plainly(fresh: ServerFiles) -> None:
    fresh.root.parent.chmod(0o700)
    with pytest.raises(UnavailableError, match="cannot reach"):
        async with embedded_postgres(fresh.root, run_as=RunAs.NOBODY):
            pass
