"""A parsed statement: what was asked, before anything is known about the entity."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

DEFAULT_ROWS = 100
MOST_ROWS = 1000


class Operator(Enum):
    EQUAL = "="
    NOT_EQUAL = "!="
    LESS = "<"
    GREATER = ">"
    LESS_OR_EQUAL = "<="
    GREATER_OR_EQUAL = ">="
    IN = "in"
    LIKE = "like"


class LiteralKind(Enum):
    STRING = "string"
    NUMBER = "number"
    BOOLEAN = "boolean"
    CURRENT_DATE = "current_date"


@dataclass(frozen=True, slots=True)
class Literal:
    """A value as written: a string without its quotes and escapes, `true`/`false` in lower case."""

    kind: LiteralKind
    text: str


@dataclass(frozen=True, slots=True)
class Condition:
    """`path` is dotted, in the case it was written; every operator but IN has one value."""

    path: str
    operator: Operator
    values: tuple[Literal, ...]


@dataclass(frozen=True, slots=True)
class OrderKey:
    path: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Statement:
    """One query. `columns` are the attributes named beside or instead of `*`; `count` is COUNT(*)."""

    entity: str
    every_column: bool = True
    count: bool = False
    columns: tuple[str, ...] = ()
    where: tuple[Condition, ...] = ()
    order: tuple[OrderKey, ...] = ()
    start: int = 1
    limit: int = DEFAULT_ROWS
