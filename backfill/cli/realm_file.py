"""The file of realms: CSV or JSONL with a row for each company whose owner granted access."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import orjson
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from backfill.errors import UsageError
from backfill.model import RealmId, Secret
from backfill.store.realms import RealmGrant

FAULTS_SHOWN_MAX = 100
"""Faulty lines named in one go; a file with more is wrong as a whole."""


class RealmRow(BaseModel):
    """One row, as the file has it."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, str_strip_whitespace=True)

    realm_id: Annotated[str, Field(pattern=r"^[0-9]{1,32}$")]
    refresh_token: Annotated[SecretStr, Field(min_length=1, max_length=512)]
    access_token: Annotated[SecretStr, Field(min_length=1, max_length=4096)] | None = None
    access_token_expires_at: AwareDatetime | None = None
    name: str | None = None
    weight: Annotated[float, Field(gt=0, le=1000)] | None = None
    client_id: SecretStr | None = None
    client_secret: SecretStr | None = None

    @field_validator("realm_id", mode="before")
    @classmethod
    def _as_text(cls, value: object) -> object:
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def grants(rows: Sequence[RealmRow]) -> list[RealmGrant]:
    """The rows as the store takes them. An access token without its end is left out: it may be long dead."""
    return [
        RealmGrant(
            realm_id=RealmId(row.realm_id),
            refresh_token=Secret(row.refresh_token.get_secret_value()),
            access_token=_secret(row.access_token) if row.access_token_expires_at else None,
            access_expires_at=row.access_token_expires_at,
            name=row.name,
            weight=row.weight,
            client_id=_secret(row.client_id),
            client_secret=_secret(row.client_secret),
        )
        for row in rows
    ]


def _secret(value: SecretStr | None) -> Secret | None:
    return None if value is None else Secret(value.get_secret_value())


def read_realm_file(source: str) -> list[RealmRow]:
    """The rows of the file (`-`: stdin). Raises `UsageError` that names every faulty line; then nothing is imported."""
    rows: list[RealmRow] = []
    faults: list[str] = []
    seen: dict[str, int] = {}
    for line, record in _records(_text(source), source):
        try:
            row = RealmRow.model_validate(record)
        except ValidationError as error:
            faults += [f"line {line}: {'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
            continue
        if row.realm_id in seen:
            faults.append(f"line {line}: realm {row.realm_id} stands in line {seen[row.realm_id]} already")
        seen[row.realm_id] = line
        rows.append(row)
    if faults:
        shown = [f"  {fault}" for fault in faults[:FAULTS_SHOWN_MAX]]
        more = [f"  and {len(faults) - FAULTS_SHOWN_MAX} more"] if len(faults) > FAULTS_SHOWN_MAX else []
        raise UsageError(
            "\n".join([f"{source} has {len(faults)} faults; nothing was imported:", *shown, *more]),
            action="Columns: realm_id, refresh_token; optional: access_token, access_token_expires_at, name, weight.",
        )
    if not rows:
        raise UsageError(f"{source} has no rows.", action="Give a CSV or JSONL file with realm_id and refresh_token.")
    return rows


def _text(source: str) -> str:
    try:
        return sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f"{source} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{source} is not UTF-8 (byte {error.start}).") from error


def _records(text: str, source: str) -> Iterator[tuple[int, Mapping[str, object]]]:
    """Line number and record. The first character tells JSONL from CSV."""
    return _json_lines(text, source) if text.lstrip().startswith("{") else _csv_rows(text)


def _json_lines(text: str, source: str) -> Iterator[tuple[int, Mapping[str, object]]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            record = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise UsageError(f"{source}, line {number}, column {error.colno}: not JSON: {error.msg}.") from None
        if not isinstance(record, dict):
            raise UsageError(f"{source}, line {number}: a row is a JSON object.")
        yield number, record


def _csv_rows(text: str) -> Iterator[tuple[int, Mapping[str, object]]]:
    reader = csv.DictReader(io.StringIO(text))
    for record in reader:
        extra: Sequence[str] = record.pop(None, None) or ()  # cells beyond the header
        named: dict[str, object] = {key: value for key, value in record.items() if value not in {None, ""}}
        if extra:
            named["(beyond the header)"] = ",".join(extra)
        yield reader.line_num, named
