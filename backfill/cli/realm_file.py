"""The file of realms: CSV or JSONL with a row for each company whose owner granted access."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Self

import orjson
from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails

from backfill.cli.input import named, opened
from backfill.cli.output import counted
from backfill.errors import UsageError
from backfill.model import REALM_ID, RealmId, Secret
from backfill.store.realms import RealmGrant

FAULTS_SHOWN_MAX = 100
"""Faulty lines named in one go; a file with more is wrong as a whole."""

FILE_BYTES_MAX = 256 * 1024 * 1024
"""A row has less than 2 kB, so this holds more than a hundred thousand companies."""

REQUIRED = ("realm_id", "refresh_token")

TIME_MIN, TIME_MAX = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
"""A token's end beyond these was never meant so, and in another zone it may be no time at all."""


class RealmRow(BaseModel):
    """One row, as the file has it."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, str_strip_whitespace=True)

    realm_id: Annotated[str, Field(pattern=f"^{REALM_ID.pattern}$")]
    refresh_token: Annotated[SecretStr, Field(min_length=1, max_length=512)]
    access_token: Annotated[SecretStr, Field(min_length=1, max_length=4096)] | None = None
    access_token_expires_at: Annotated[AwareDatetime, Field(ge=TIME_MIN, lt=TIME_MAX)] | None = None
    name: Annotated[str, Field(max_length=500)] | None = None
    weight: Annotated[float, Field(gt=0, le=1000)] | None = None
    client_id: Annotated[SecretStr, Field(min_length=1)] | None = None
    client_secret: Annotated[SecretStr, Field(min_length=1)] | None = None

    @field_validator("realm_id", mode="before")
    @classmethod
    def _as_text(cls, value: object) -> object:
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value

    @field_validator("refresh_token", "access_token")
    @classmethod
    def _as_sent(cls, value: SecretStr | None) -> SecretStr | None:
        token = "" if value is None else value.get_secret_value()
        if not token.isascii() or not token.isprintable() or " " in token:
            raise ValueError("it is no token: it has a blank, an end of line, or a character that is not ASCII")
        return value

    @model_validator(mode="after")
    def _of_one_app(self) -> Self:
        if (self.client_id is None) != (self.client_secret is None):
            raise ValueError("client_id and client_secret are one app's: give both, or neither")
        return self


OPTIONAL = tuple(name for name in RealmRow.model_fields if name not in REQUIRED)


def grants(rows: Sequence[RealmRow]) -> list[RealmGrant]:
    """The rows as the store takes them. An access token without its end is left out: it may be long dead. And so is an
    end without its token."""
    return [
        RealmGrant(
            realm_id=RealmId(row.realm_id),
            refresh_token=Secret(row.refresh_token.get_secret_value()),
            access_token=_secret(row.access_token) if row.access_token_expires_at else None,
            access_expires_at=row.access_token_expires_at if row.access_token else None,
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
    text = _text(source)
    # The first character tells JSONL from CSV.
    records = _json_lines(text) if text.lstrip().startswith("{") else _csv_rows(text)
    for line, record in records:
        if isinstance(record, str):
            faults.append(f"line {line}: {record}")
            continue
        try:
            row = RealmRow.model_validate(record)
        except ValidationError as error:
            faults += [f"line {line}: {_said(each)}" for each in error.errors()]
            continue
        if row.realm_id in seen:
            faults.append(f"line {line}: realm {row.realm_id} stands in line {seen[row.realm_id]} already")
        seen[row.realm_id] = line
        rows.append(row)
    if faults:
        shown = [f"  {fault}" for fault in faults[:FAULTS_SHOWN_MAX]]
        more = [f"  and {len(faults) - FAULTS_SHOWN_MAX} more"] if len(faults) > FAULTS_SHOWN_MAX else []
        raise UsageError(
            "\n".join([f"{named(source)} has {counted(len(faults), 'fault')}; nothing was imported:", *shown, *more]),
            action=f"Columns: {', '.join(REQUIRED)}; optional: {', '.join(OPTIONAL)}.",
        )
    if not rows:
        raise UsageError(
            f"{named(source)} has no rows.", action=f"Give a CSV or JSONL file with {' and '.join(REQUIRED)}."
        )
    return rows


def _said(fault: ErrorDetails) -> str:
    """What is wrong, and with which column if it is one. Never the value."""
    words = (".".join(map(str, fault["loc"])), fault["msg"].removeprefix("Value error, "))
    return ": ".join(filter(None, words))


def _text(source: str) -> str:
    with opened(source) as file:
        raw = file.read(FILE_BYTES_MAX + 1)
    if len(raw) > FILE_BYTES_MAX:
        raise UsageError(f"{named(source)} is larger than {FILE_BYTES_MAX // 2**20} MB.", action="Import it in parts.")
    try:
        return raw.decode("utf-8-sig")  # spreadsheets put a byte order mark in front
    except UnicodeDecodeError as error:
        raise UsageError(f"{named(source)} is not UTF-8 (byte {error.start}).") from error


Rows = Iterator[tuple[int, Mapping[str, object] | str]]
"""Line number and record, or what is wrong with the line. Never with a value of it: it may be a token."""


def _json_lines(text: str) -> Rows:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            record = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            yield number, f"column {error.colno}: not JSON: {error.msg.partition(':')[0]}"
            continue
        yield number, record if isinstance(record, dict) else "a row is a JSON object"


def _csv_rows(text: str) -> Rows:
    body = text.lstrip("\r\n")
    above = text[: len(text) - len(body)].count("\n")
    reader = csv.DictReader(io.StringIO(body, newline=""), strict=True)
    try:
        names = list(reader.fieldnames or ())
        missing = [name for name in REQUIRED if names and name not in names]
        twice = [name for name in RealmRow.model_fields if names.count(name) > 1]  # any other name may be a token
        if missing or twice:
            wrong = [f"lacks {' and '.join(missing)}"] if missing else []
            wrong += [f"has {' and '.join(twice)} more than once"] if twice else []
            yield above + reader.line_num, f"the first line names the columns, and {'; and '.join(wrong)}"
            return
        for record in reader:
            extra: Sequence[str] = record.pop(None, None) or ()  # cells beyond the header
            given: dict[str, object] = {key: value for key, value in record.items() if value not in {None, ""}}
            if extra:
                given["(beyond the header)"] = ",".join(extra)
            yield above + reader.line_num, given
    except csv.Error as error:
        yield above + reader.reader.line_num, f"not CSV: {error}"
