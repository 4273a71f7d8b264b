"""What is quoted of a text in words for a person: a part that has a bound, around what matters, and how long it was."""

from __future__ import annotations

QUOTED_MAX = 120
"""Characters: about a line, which is as much as anybody compares by eye."""

_AHEAD = 40
"""Of those ahead of what matters: so much that a person finds the place."""


def quoted(text: str, *, around: int = 0) -> str:
    """`text` if it is short, else the part of it around a place, with its whole length."""
    if len(text) <= QUOTED_MAX:
        return text
    begin = max(0, around - _AHEAD)
    end = begin + QUOTED_MAX
    before, after = "..." if begin else "", "..." if end < len(text) else ""
    return f"{before}{text[begin:end]}{after} ({len(text):,} characters)"


def first_difference(one: str, other: str) -> int:
    """From which character on two texts differ; the shorter one's length if the other only goes on.

    Compared in pieces, at memory's speed: ever smaller ones where a piece differs.
    """
    shorter = min(len(one), len(other))
    at, piece = 0, shorter
    while piece and at < shorter:
        if one[at : at + piece] == other[at : at + piece]:
            at += piece
        else:
            piece //= 2
    return min(at, shorter)
