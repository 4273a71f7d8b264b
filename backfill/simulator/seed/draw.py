"""Chances, drawn from a seeded source by its cheapest call: a large company takes a million draws."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")


def pick(rng: Random, options: Sequence[T]) -> T:
    """One of the options, all alike. Raises `IndexError` where there are none."""
    return options[int(rng.random() * len(options))]


def chance(rng: Random, probability: float) -> bool:
    return rng.random() < probability


def between(rng: Random, lowest: int, highest: int) -> int:
    """A whole number, both ends included."""
    return lowest + int(rng.random() * (highest - lowest + 1))
