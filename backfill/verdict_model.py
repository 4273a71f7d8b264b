"""The words of verifications as types. Nothing here does anything."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import msgspec


class DifferenceKind(StrEnum):
    """How what is landed differs from the company."""

    MISSING = "missing"
    """The company has it, and it is not landed."""
    EXTRA = "extra"
    """It is landed, and the company has none."""
    ALTERED = "altered"
    """Both have it, and the documents are not equal."""


LEFT_UNREAD = "could not be read"
"""Stands in the note of a verdict that is not of all: more may differ than is named."""


class Difference(msgspec.Struct, frozen=True):
    """One object, or one account of a trial balance, that is not the same on both sides."""

    id: str
    kind: DifferenceKind
    about: str
    """What a person knows it by: number, name, date, amount."""
    detail: str = ""
    """The members that differ, with both values."""


class Verdict(msgspec.Struct, frozen=True):
    """What a comparison of one entity, or of the trial balance, found."""

    entity: str
    equal: bool | None
    """None: nothing could be compared, and `note` says why."""
    counted: int | None
    held: int
    compared: int
    differences: Sequence[Difference] = ()
    note: str = ""
    comparable: bool = True
    """False: the reason why nothing could be compared lies in the company, so that no later look can tell either."""
    unnamed: int = 0
    """How many more differ than `differences` names."""

    @property
    def differing(self) -> int:
        """How many objects, or accounts, are not the same on both sides."""
        return len(self.differences) + self.unnamed


def since_then(note: str) -> str:
    """What is said of differences that were found, and could not be looked at since because of `note`."""
    return f"these were found, and not looked at since: {note}"
