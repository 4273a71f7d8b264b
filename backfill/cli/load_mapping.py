"""The mapping of a CSV file: how its columns become the objects of QuickBooks. TOML; see `configs/payroll.toml`.

A text of the mapping may name columns in braces: `"{pay_date}"`. A text that is one column alone may say what it is:
`"{wages:number}"`, `"{count:count}"`, `"{taxable:flag}"`; without that it is a text. A property whose columns are all
empty is left out, and so is a line whose Amount is empty or zero.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from backfill.config.toml_file import read_toml
from backfill.errors import UsageError
from backfill.jobs.load.references import MARK

_COLUMN = re.compile(r"\{([^{}:]+)(?::(number|count|flag|text))?\}")

_NUMBER = re.compile(r"[+-]?([0-9]+|[0-9]{1,3}(,[0-9]{3})+)?(\.[0-9]*)?")
"""A comma is one between thousands only: `12,50` would else be a hundred times what it says."""

_FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True, slots=True)
class CsvRow:
    """One row: the line where it ends, and its cells by column."""

    line: int
    cells: Mapping[str, str]


class CsvMapping(BaseModel):
    """A mapping, as its file has it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    entity: str
    operation: Literal["create", "update", "full_update", "delete", "void"] = "create"
    realm_id: str = ""
    """Empty: what the command says."""
    source_key: str
    """Rows that follow one another with the same key are one object."""
    payload: dict[str, Any] = {}
    """Of the group's first row."""
    line: tuple[dict[str, Any], ...] = ()
    """Lines that each row of the group adds."""

    def check(self, columns: Sequence[str]) -> None:
        """Raises `UsageError` if the mapping names a column that is not there, or there more than once, or has braces
        that name none, which would else be written as they stand."""
        texts = _texts(self.model_dump())
        named = set(_columns_of(*texts))
        odd = sorted({text for text in texts if {"{", "}"} & set(_COLUMN.sub("", text))})
        if odd:
            raise UsageError(
                f"The mapping has braces that name no column: {', '.join(map(repr, odd))}.",
                action="Write {column}, or {column:number}, {column:count}, {column:flag}, {column:text}.",
            )
        missing = sorted(named - set(columns))
        twice = sorted(name for name in named if columns.count(name) > 1)
        if twice:
            raise UsageError(f"The mapping names columns that are there more than once: {', '.join(twice)}.")
        if missing:
            raise UsageError(
                f"The mapping names columns that are not there: {', '.join(missing)}.",
                action=f"The columns are: {', '.join(columns) or 'none'}.",
            )

    def key_of(self, row: CsvRow) -> tuple[str, ...]:
        """What tells the row's object from others: the cells that its realm, entity and key are made of, whatever they
        are to become."""
        return tuple(_cell(row, name) for name in _columns_of(self.realm_id, self.entity, self.source_key))

    def record_of(self, group: Sequence[CsvRow]) -> dict[str, Any]:
        """The record of some rows. Raises `UsageError` for a cell that is not what the mapping says, and where a later
        row has something else than the first for what an object has once: it would be lost."""
        for name in _columns_of(*_texts(self.payload)):
            cell = _cell(group[0], name)
            for row in group[1:]:
                if (other := _cell(row, name)) not in {"", cell}:
                    raise UsageError(
                        f"column {name} is {other!r} in line {row.line}, and {cell!r} in the first row of the same key:"
                        " an object has one of it"
                    )
        first = group[0].cells
        payload = _filled(self.payload, first) or {}
        lines = [line for row in group for template in self.line if (line := _line(template, row))]
        if lines:
            payload["Line"] = [*payload.get("Line", ()), *lines]
        record = {
            "entity": _filled(self.entity, first),
            "operation": self.operation,
            "source_key": _filled(self.source_key, first),
            "payload": payload,
        }
        return record | ({"realm_id": _filled(self.realm_id, first)} if self.realm_id else {})


def read_mapping(file: Path) -> CsvMapping:
    """Raises `UsageError` that names every fault."""
    try:
        return CsvMapping.model_validate(read_toml(file, "mapping"))
    except ValidationError as error:
        faults = [f"  {'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
        raise UsageError("\n".join([f"The mapping {file} is not right:", *faults])) from None


def _columns_of(*texts: str) -> list[str]:
    return [name for text in texts for name, _ in _COLUMN.findall(text)]


def _cell(row: CsvRow, name: str) -> str:
    return row.cells.get(name, "").strip()


def _line(template: Mapping[str, Any], row: CsvRow) -> dict[str, Any] | None:
    line = _filled(dict(template), row.cells)
    return line if line and (line.get("Amount") or "Amount" not in template) else None


def _filled(value: Any, cells: Mapping[str, str]) -> Any:
    """The template with its columns' cells in place; None where all of them are empty."""
    if isinstance(value, str):
        return _text(value, cells)
    if isinstance(value, dict):
        kept = {key: part for key, each in value.items() if (part := _filled(each, cells)) is not None}
        # A reference that lost the name it had to have is none.
        return None if not kept or (MARK in value and len(kept) < len(value)) else kept
    if isinstance(value, list):
        return [part for each in value if (part := _filled(each, cells)) is not None]
    return Decimal(str(value)) if isinstance(value, float) else value


def _text(template: str, cells: Mapping[str, str]) -> Any:
    columns = _COLUMN.findall(template)
    if not columns:
        return template
    if not any(cells.get(name, "").strip() for name, _ in columns):
        return None
    if _COLUMN.fullmatch(template):
        ((name, kind),) = columns
        return _typed(name, kind, cells[name].strip())
    return _COLUMN.sub(lambda match: cells.get(match.group(1), "").strip(), template)


def _typed(name: str, kind: str, cell: str) -> Any:
    try:
        match kind:
            case "number":
                return _number(cell)
            case "count":
                return int(cell)
            case "flag":
                return _FLAGS[cell.lower()]
            case _:
                return cell
    except (InvalidOperation, ValueError, KeyError):
        raise UsageError(f"column {name} is no {kind}: {cell!r}") from None


def _number(cell: str) -> Decimal:
    if not _NUMBER.fullmatch(cell):
        raise InvalidOperation
    return Decimal(cell.replace(",", ""))


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        value = list(value.values())
    return [text for part in value for text in _texts(part)] if isinstance(value, list | tuple) else []
