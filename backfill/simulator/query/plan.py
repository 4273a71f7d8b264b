"""A statement checked against the entity it asks for: what to look up, what to test, in which order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Literal

from backfill.simulator.catalogue import TRAITS, EntityTraits
from backfill.simulator.faults import (
    UNCOUNTED,
    Fault,
    FaultedError,
    unknown_entity,
    unknown_property,
    unqueryable_entity,
    validation_fault,
)
from backfill.simulator.query.properties import resolved
from backfill.simulator.query.statement import Condition, LiteralKind, Operator, Statement
from backfill.simulator.query.values import ORDERED, instant_of, matcher
from backfill.simulator.settings import SimulatorSettings
from backfill.simulator.stored import StoredObject

TimeColumn = Literal["created", "updated"]

_ENTITIES = {name.lower(): traits for name, traits in TRAITS.items()}
_TIME_COLUMNS: dict[tuple[str, ...], TimeColumn] = {
    ("MetaData", "CreateTime"): "created",
    ("MetaData", "LastUpdatedTime"): "updated",
}
_ID = ("Id",)
_ACTIVE = ("Active",)
_ID_OPERATORS = (Operator.EQUAL, Operator.IN)


@dataclass(frozen=True, slots=True)
class TimeCondition:
    """A bound on CreateTime or LastUpdatedTime; `instants` are epoch seconds, more than one only with IN."""

    column: TimeColumn
    operator: Operator
    instants: tuple[float, ...]

    def holds(self, row: StoredObject) -> bool:
        at = row.created if self.column == "created" else row.updated
        if self.operator is Operator.IN:
            return at in self.instants
        return ORDERED[self.operator](at, self.instants[0])


@dataclass(frozen=True, slots=True)
class DocumentCondition:
    """A condition that needs the object's document. True if any leaf at `path` passes."""

    path: tuple[str, ...]
    matches: Callable[[object], bool]


@dataclass(frozen=True, slots=True)
class SortKey:
    """`column` is set for what is known without the document: a time, or the Id."""

    path: tuple[str, ...]
    column: TimeColumn | Literal["id"] | None
    descending: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """All that evaluation needs. `ids` None: not filtered by Id; `active` None: both kinds."""

    traits: EntityTraits
    count: bool
    columns: tuple[tuple[str, ...], ...]
    """Empty: whole objects."""
    left_out: str
    """An attribute that whole objects do not have, as it was not named; empty: none."""
    ids: frozenset[str] | None
    active: frozenset[bool] | None
    times: tuple[TimeCondition, ...]
    documents: tuple[DocumentCondition, ...]
    order: tuple[SortKey, ...]
    """Empty: the entity's default order."""
    start: int
    limit: int
    words_beyond: bool = False
    """Whether rows whose Id is a word are no part of the paging, but all on the first page."""


def plan(statement: Statement, settings: SimulatorSettings, *, today: date) -> Plan:
    """Check the statement's names and what may be asked of them. Raises `FaultedError` (4001)."""
    traits = _ENTITIES.get(statement.entity.lower())
    if traits is None:
        raise FaultedError(unknown_entity(statement.entity))
    if not traits.queryable or traits.name in settings.unqueried:
        raise FaultedError(unqueryable_entity(traits.name))
    if statement.count and traits.name in settings.uncounted:
        raise FaultedError(UNCOUNTED)
    conditions = [
        (resolved(traits.name, condition.path, unfilterable=settings.unfilterable), condition)
        for condition in statement.where
    ]
    if settings.bare_rates == "refused":
        _check_required(traits, [path for path, _ in conditions])
    return Plan(
        traits=traits,
        count=statement.count,
        columns=_columns(statement, traits),
        left_out=_left_out(statement, traits, settings),
        ids=_ids(traits, conditions),
        active=_active(traits, conditions),
        times=tuple(
            _time_condition(column, condition, today)
            for path, condition in conditions
            if (column := _TIME_COLUMNS.get(path)) is not None
        ),
        documents=tuple(
            DocumentCondition(path, matcher(condition.operator, condition.values, today))
            for path, condition in conditions
            if path not in _TIME_COLUMNS and path not in (_ID, _ACTIVE)
        ),
        order=_order(statement, traits, settings),
        start=statement.start,
        limit=statement.limit + settings.limit_plus_one,
        words_beyond=settings.word_tax_codes and traits.name == "TaxCode" and not statement.order,
    )


def _columns(statement: Statement, traits: EntityTraits) -> tuple[tuple[str, ...], ...]:
    named = tuple(resolved(traits.name, path, filtering=False) for path in statement.columns)
    return () if statement.every_column else named


def _left_out(statement: Statement, traits: EntityTraits, settings: SimulatorSettings) -> str:
    is_named = any(column.lower() == "sku" for column in statement.columns)
    return "Sku" if traits.name == "Item" and settings.unnamed_sku == "left_out" and not is_named else ""


def _check_required(traits: EntityTraits, paths: list[tuple[str, ...]]) -> None:
    if traits.name == "ExchangeRate" and not {("SourceCurrencyCode",), ("AsOfDate",)} & set(paths):
        # The wording is ours: it is only documented that a currency or a date must be named.
        raise FaultedError(validation_fault("property 'SourceCurrencyCode' is required for Entity ExchangeRate"))


def _ids(traits: EntityTraits, conditions: list[tuple[tuple[str, ...], Condition]]) -> frozenset[str] | None:
    found: frozenset[str] | None = None
    for path, condition in conditions:
        if path != _ID:
            continue
        if not traits.has_id:
            raise FaultedError(unknown_property(condition.path, traits.name))
        if condition.operator not in _ID_OPERATORS:
            # It is only documented that nothing but = and IN is accepted.
            raise FaultedError(_bad_operator(condition, "Id"))
        if bad := next((value.text for value in condition.values if not _may_be_id(traits, value.text)), None):
            # That it is refused is asserted by a public client's tests; the wording is ours.
            raise FaultedError(validation_fault(f"value {bad} is not a valid number for property Id"))
        named = frozenset(value.text for value in condition.values)
        found = named if found is None else found & named
    return found


def _may_be_id(traits: EntityTraits, text: str) -> bool:
    """Ids are whole numbers, but for the tax codes that are words."""
    return traits.name == "TaxCode" or text.strip().isdecimal() or not text.strip()


def _active(traits: EntityTraits, conditions: list[tuple[tuple[str, ...], Condition]]) -> frozenset[bool] | None:
    """Inactive rows of a list are hidden from a statement that says nothing of Active."""
    named = [condition for path, condition in conditions if path == _ACTIVE]
    if not named:
        return frozenset({True}) if traits.is_list else None
    found = frozenset({True, False})
    for condition in named:
        values = frozenset(_boolean(value.text) for value in condition.values)
        if condition.operator is Operator.NOT_EQUAL:
            values = frozenset({True, False}) - values
        elif condition.operator not in _ID_OPERATORS:
            raise FaultedError(_bad_operator(condition, "Active"))
        found &= values
    return found


def _bad_operator(condition: Condition, name: str) -> Fault:
    """The wording is ours."""
    return validation_fault(f"operator {condition.operator.value} is not supported for property {name}")


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise FaultedError(validation_fault(f"value {text} is not a boolean"))
    return text.lower() == "true"


def _time_condition(column: TimeColumn, condition: Condition, today: date) -> TimeCondition:
    if condition.operator is Operator.LIKE:
        raise FaultedError(_bad_operator(condition, condition.path))
    instants: list[float] = []
    for literal in condition.values:
        quoted = literal.kind in (LiteralKind.STRING, LiteralKind.CURRENT_DATE)
        instant = instant_of(literal, today) if quoted else None
        if instant is None:
            # The wording is ours. A `+` that was not URL-encoded arrives as a blank and ends here.
            raise FaultedError(validation_fault(f"value {literal.text} is not a date for property {condition.path}"))
        instants.append(instant)
    return TimeCondition(column, condition.operator, tuple(instants))


def _order(statement: Statement, traits: EntityTraits, settings: SimulatorSettings) -> tuple[SortKey, ...]:
    keys: list[SortKey] = []
    for key in statement.order:
        path = resolved(traits.name, key.path, unfilterable=settings.unfilterable)
        if path == _ID:
            if settings.id_sort == "error":
                raise FaultedError(validation_fault("property 'Id' is not sortable"))
            if settings.id_sort == "honoured":
                keys.append(SortKey(path, "id", key.descending))
        else:
            keys.append(SortKey(path, _TIME_COLUMNS.get(path), key.descending))
    # TaxAgency takes an ORDERBY and does nothing with it.
    return () if traits.name == "TaxAgency" else tuple(keys)
