"""What the commands leave on a machine that others use too: nothing that those could read, write or replace."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from tests.processes import Backfill, eventually

OTHERS_READ_OR_ENTER = 0o005
OTHERS_WRITE = 0o002
NOT_THE_OWNER_WRITES = 0o022


def reachable(root: Path) -> list[Path]:
    """What another user of the machine can get at below `root`, whose own folders are as open as can be."""
    found = []
    for folder, folders, files in os.walk(root):
        closed = [name for name in folders if not (Path(folder) / name).stat().st_mode & OTHERS_READ_OR_ENTER]
        folders[:] = [name for name in folders if name not in closed]
        found += [Path(folder) / name for name in files]
    return found


def test_others_get_at_nothing_that_is_ours(embedded_user: Backfill) -> None:
    home = embedded_user.home
    home.chmod(0o755)
    assert embedded_user.run("realms", "import", "-", stdin=b'{"realm_id":"1","refresh_token":"AB11"}').code == 0
    with embedded_user.started("sql", "SELECT pg_sleep(600)"):
        sockets = lambda: [path for path in (home / "data").rglob("*") if stat.S_ISSOCK(path.stat().st_mode)]  # noqa: E731
        assert eventually(lambda: bool(sockets()))
        paths = [path for path in home.rglob("*") if path.exists() and not path.is_symlink()]
        assert len(paths) > 500, "a database's files"
        writable = [
            path for path in paths if path.stat().st_mode & OTHERS_WRITE and not stat.S_ISSOCK(path.stat().st_mode)
        ]
        assert writable == []
        assert reachable(home) == [], "key, data and sockets are behind folders that are closed"
        programs = [path for path in paths if path.is_file() and path.stat().st_mode & 0o111]
        replaceable = [
            path
            for path in programs
            if any(place.stat().st_mode & NOT_THE_OWNER_WRITES for place in (path, path.parent))
        ]
        assert replaceable == []
    assert embedded_user.run("calls", "--export", "calls.csv").code == 0
    assert [path.name for path in reachable(home) if path.stat().st_mode & 0o077] == []
