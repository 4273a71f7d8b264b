"""What the commands leave on a machine that others use too: nothing that those could read, write or replace."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from tests.processes import Backfill, eventually

OTHERS_READ_OR_ENTER = 0o005
OTHERS_WRITE = 0o002
NOT_THE_OWNER_WRITES = 0o022


def modes_below(root: Path) -> dict[Path, int]:
    """`root` and all below it, folders before what is in them. A server at work removes files: one that is gone when
    it is looked at leaks nothing."""
    modes = {root: root.lstat().st_mode}
    for folder, folders, files in os.walk(root):
        for path in (Path(folder) / name for name in (*folders, *files)):
            with suppress(FileNotFoundError):
                modes[path] = path.lstat().st_mode
    return modes


def reachable(root: Path, modes: Mapping[Path, int]) -> list[Path]:
    """What another user of the machine can get at below `root`, whose own folders are as open as can be."""
    opened = {root}
    found = []
    for path, mode in modes.items():
        if path.parent not in opened:
            continue
        if not stat.S_ISDIR(mode):
            found.append(path)
        elif mode & OTHERS_READ_OR_ENTER:
            opened.add(path)
    return found


def test_others_get_at_nothing_that_is_ours(embedded_user: Backfill) -> None:
    home = embedded_user.home
    home.chmod(0o755)
    assert embedded_user.run("realms", "import", "-", stdin=b'{"realm_id":"1","refresh_token":"AB11"}').code == 0
    with embedded_user.started("sql", "SELECT pg_sleep(600)"):
        assert eventually(lambda: any(stat.S_ISSOCK(mode) for mode in modes_below(home / "data").values()))
        every = modes_below(home)
        modes = {path: mode for path, mode in every.items() if not stat.S_ISLNK(mode)}
        assert len(modes) > 500, "a database's files"
        writable = [path for path, mode in modes.items() if mode & OTHERS_WRITE and not stat.S_ISSOCK(mode)]
        assert writable == []
        assert reachable(home, every) == [], "key, data and sockets are behind folders that are closed"
        programs = [path for path, mode in modes.items() if stat.S_ISREG(mode) and mode & 0o111]
        replaceable = [path for path in programs if (modes[path] | modes[path.parent]) & NOT_THE_OWNER_WRITES]
        assert replaceable == []
    assert embedded_user.run("calls", "--export", "calls.csv").code == 0
    after = modes_below(home)
    assert [path.name for path in reachable(home, after) if after[path] & 0o077] == []
