"""What a rehearsal says of its worlds, to a person and to a script."""

from __future__ import annotations

from backfill.cli.rehearsal_words import as_json, in_words
from backfill.qbo.faults import FAULTS
from backfill.rehearsal.rehearsal import Verdict
from backfill.rehearsal.stage import Breach
from backfill.rehearsal.swarm import Tally


def verdict(seed: int, *, told: frozenset[str], breaches: tuple[Breach, ...] = ()) -> Verdict:
    return Verdict(
        seed=seed, world=f"  world {seed}", breaches=breaches, struck={"crash": 2, "pause": 0}, told=told,
        requests=10, deaths=2, tokens_lost=0, virtual_s=60.0, digest="", trace=("1.0 killed",),
    )  # fmt: skip


def tally(*verdicts: Verdict) -> Tally:
    added = Tally()
    for each in verdicts:
        added.add(each)
    return added


def test_each_fault_is_told_with_how_often_it_was_injected_and_survived() -> None:
    broken = verdict(2, told=frozenset(), breaches=(Breach("complete", "a row is missing"),))
    told = tally(verdict(1, told=frozenset()), broken)
    assert as_json(told, 1.0)["faults"] == {"crash": {"injected": 4, "worlds": 2, "survived": 1}}
    said = "\n".join(in_words(told, 1.0, with_trace=False))
    assert "backfill rehearse --seed 2" in said
    assert "a row is missing" in said


def test_the_share_of_the_table_of_faults_counts_what_was_survived_only() -> None:
    broken = verdict(2, told=frozenset({"5010"}), breaches=(Breach("ends", "it went round"),))
    told = tally(verdict(1, told=frozenset({"3200", "610"})), verdict(3, told=frozenset({"610"})), broken)
    share = as_json(told, 1.0)["fault_codes"]
    assert share == {
        "in_table": len(FAULTS),
        "survived": {"610": 2, "3200": 1},
        "not_told": sorted(FAULTS.keys() - {"610", "3200"}, key=int),
    }
    said = "\n".join(in_words(told, 1.0, with_trace=False))
    assert f"Of the {len(FAULTS)} codes in the table of Intuit's faults 2 were told and survived" in said
    assert "but not 100, 110" in said
    all_of_them = "\n".join(in_words(tally(verdict(1, told=frozenset(FAULTS))), 1.0, with_trace=False))
    assert f"{len(FAULTS)} were told and survived" in all_of_them
    assert "but not" not in all_of_them
