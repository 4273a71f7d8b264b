"""The swarm: worlds drawn from seeds, in each of which every law must hold. A failing seed is printed and replays."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from backfill.cli.rehearsal_words import in_words, not_told
from backfill.qbo.faults import FAULTS as INTUITS_FAULTS
from backfill.rehearsal.faults import FAULTS
from backfill.rehearsal.network import fault_codes
from backfill.rehearsal.swarm import Tally, rehearse_seed, rehearse_seeds
from backfill.rehearsal.world import draw_world

SEEDS = 1_000
BY_MISHAPS = {
    *("bad answers", "bad reports", "fault codes", "late commits"),
    *("refusals", "spent quota", "token trouble"),
}
"""Kinds of faults that are counted by what the simulator is told to let happen."""
LONG_SEEDS = 20_000
"""Up to here in the long mode, told by the thousand: each takes two minutes of two cores."""

DIGESTS = """
import json
from backfill.rehearsal.network import fault_codes
from backfill.rehearsal.swarm import rehearse_seed
print(json.dumps([rehearse_seed(seed).digest for seed in range(12)]))
"""


def unbroken(seeds: range) -> Tally:
    tally = rehearse_seeds(seeds, tell=lambda _tally: None)
    assert tally.failed == 0, "\n".join(in_words(tally, 1.0, with_trace=True))
    return tally


def test_a_thousand_worlds() -> None:
    """And each kind of fault strikes in enough of them to mean something."""
    tally = unbroken(range(SEEDS))
    assert tally.seeds == SEEDS
    names = {kind.name for kind in FAULTS} - BY_MISHAPS
    rare = {name for name in names if name not in tally.faults or tally.faults[name].worlds < SEEDS / 50}
    assert not rare, f"they hardly ever strike: {rare}"
    rows = len(INTUITS_FAULTS)
    assert len(not_told(tally)) < rows / 5, "nearly each row of the table of Intuit's faults is told, and survived"


@pytest.mark.parametrize(
    "body",
    [
        b'{"Fault":{"Error":[{"Message":"m","code":"006140"},{"code":"610"}],"type":"ValidationFault"}}',
        b'{"fault":{"error":[{"code":"6140"}],"type":"Fault"}, "error" : {"code" : "610"}}',
        b'<IntuitResponse><Fault type="SystemFault"><Error code="6140"/><Error code="610"/></Fault></IntuitResponse>',
    ],
)
def test_the_codes_of_an_answer_are_counted_in_every_form(body: bytes) -> None:
    assert set(fault_codes(body)) == {"6140", "610"}
    assert set(fault_codes(b'{"QueryResponse":{"TaxCode":[{"Code":"12"}]}}')) == set()


@pytest.mark.long
@pytest.mark.parametrize("first", range(SEEDS, LONG_SEEDS, SEEDS))
def test_many_thousand_worlds(first: int) -> None:
    unbroken(range(first, first + SEEDS))


def test_the_same_seed_is_the_same_world_in_every_process() -> None:
    """To the last exchange and commit, however Python orders its sets and wherever objects lie in memory."""
    ours = [rehearse_seed(seed).digest for seed in range(12)]
    for hash_seed in ("1", "77"):
        environment = os.environ | {"PYTHONHASHSEED": hash_seed}
        done = subprocess.run(
            [sys.executable, "-c", DIGESTS], capture_output=True, text=True, env=environment, check=True, timeout=300
        )
        assert json.loads(done.stdout) == ours, hash_seed


def test_another_seed_is_another_world() -> None:
    assert len({draw_world(seed).described() for seed in range(200)}) == 200
    assert rehearse_seed(1).digest != rehearse_seed(2).digest
