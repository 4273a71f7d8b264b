"""A process is taken for dead only if it is dead for certain."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from backfill.store import owners
from backfill.store.owners import Owner, owner_in_words
from tests.processes import running

TELL_AND_WAIT = "from backfill.store.owners import Owner; print(Owner.current(), flush=True); input()"


def test_an_owner_reads_back_as_written() -> None:
    owner = Owner("host.example", "0f-1.40265", 12, 345)
    assert str(owner) == "host.example/0f-1.40265:12:345"
    assert Owner.parse(str(owner)) == owner
    assert owner_in_words(str(owner)) == "process 12 on host.example"


@pytest.mark.parametrize("text", ["", "someone", "host/boot:x:1", "host/boot:1", "/boot:1:1"])
def test_anything_else_is_nobody_we_know(text: str) -> None:
    assert Owner.parse(text) is None
    assert owner_in_words(text) == text


def test_we_are_alive() -> None:
    assert not Owner.current().is_surely_dead()


def test_a_living_child_is_alive_and_an_ended_one_is_dead_reaped_or_not() -> None:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with running([sys.executable, "-c", TELL_AND_WAIT], **pipes) as child:
        assert child.stdout is not None
        owner = Owner.parse(child.stdout.readline().strip())
        assert owner is not None
        assert not owner.is_surely_dead()
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # ended, and still a zombie
        assert owner.is_surely_dead()
        child.wait()
        assert owner.is_surely_dead()


def test_a_number_that_is_another_process_by_now_is_dead() -> None:
    here = Owner.current()
    assert replace(here, start_time=here.start_time - 1).is_surely_dead()


@pytest.mark.parametrize("change", [{"host": "elsewhere"}, {"boot": "another"}, {"boot": ""}], ids=str)
def test_of_other_machines_boots_and_containers_nothing_is_known(change: dict[str, str]) -> None:
    assert not replace(Owner.current(), pid=2**22 + 1, **change).is_surely_dead()


def test_where_the_system_does_not_tell_nothing_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a boot to compare, the number may have been given out before this boot, or in another container."""
    monkeypatch.setattr(owners, "PROC", tmp_path)
    here = Owner.current()
    assert here.boot == ""
    assert not replace(here, pid=2**22 + 1).is_surely_dead()
