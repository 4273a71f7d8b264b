"""The cut of a report that is too large: how much is left, and what is missing."""

from __future__ import annotations

from random import Random

import msgspec

from backfill.simulator.reports.nodes import Cell, Node, cut_after, data, every_row, section, total

NOTICE = "too much"


def _tree(rng: Random, depth: int = 0) -> list[Node]:
    found: list[Node] = []
    for number in range(rng.randrange(1, 4)):
        name = f"{depth}.{number}.{rng.random()}"
        kind = rng.randrange(4)
        if kind == 0 and depth < 4:
            found.append(section([Cell(name)], _tree(rng, depth + 1), [Cell(f"total {name}")]))
        elif kind == 1 and depth < 4:
            found.append(section(None, _tree(rng, depth + 1), [Cell(f"total {name}")]))
        elif kind == 2:
            found.append(total([Cell(name)], "Total"))
        else:
            found.append(data([Cell(name)]))
    return found


def test_what_is_kept_is_what_comes_first_then_the_notice_and_nothing_else() -> None:
    for seed in range(200):
        rows = _tree(Random(seed))
        everything = [cells[0].value for cells in every_row(rows)]
        for most in range(len(everything)):
            kept = [cells[0].value for cells in every_row(cut_after(rows, most, NOTICE, 1))]
            assert kept == [*everything[:most], NOTICE], seed


def test_sections_that_were_open_have_no_summary() -> None:
    inner = section(
        [Cell("inner")], [data([Cell("a"), Cell("1")]), data([Cell("b"), Cell("2")])], [Cell("sum"), Cell("3")]
    )
    rows: list[Node] = [section([Cell("outer")], [inner], [Cell("all")]), data([Cell("later")])]
    cut = msgspec.json.decode(msgspec.json.encode(cut_after(rows, 3, NOTICE, 2)))
    assert cut == [
        {
            "Header": {"ColData": [{"value": "outer"}]},
            "Rows": {
                "Row": [
                    {
                        "Header": {"ColData": [{"value": "inner"}]},
                        "Rows": {
                            "Row": [
                                {"ColData": [{"value": "a"}, {"value": "1"}], "type": "Data"},
                                {"ColData": [{"value": NOTICE}, {"value": ""}], "type": "Data"},
                            ]
                        },
                        "type": "Section",
                    }
                ]
            },
            "type": "Section",
        }
    ]
