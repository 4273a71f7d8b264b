"""What is wrong with a file that a user wrote, all of it at once, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType, UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from backfill.errors import UsageError, meant

Path = tuple[str, ...]
"""The keys on the way to a value, from the outermost on."""

Place = tuple[int | str, ...]
"""The same with the index of each of several values or tables."""

_NO_NAMES: Mapping[Path, str] = MappingProxyType({})


def faults_in_words(
    error: ValidationError, model: type[BaseModel], source: str, names: Mapping[Path, str] = _NO_NAMES
) -> UsageError:
    """An error that names every faulty key of `model` at once. No value stands in it: it may be a secret.

    `source` begins the sentence; `names`: what a value is called that came from elsewhere than the file.
    """
    faults = [f"  {line}" for line in _faults(error.errors(), model, names)]
    number = f"{len(faults)} fault{'' if len(faults) == 1 else 's'}"
    return UsageError("\n".join([f"{source} has {number}:", *faults]))


def _faults(errors: list[ErrorDetails], model: type[BaseModel], names: Mapping[Path, str]) -> Iterator[str]:
    for error in errors:
        place = error["loc"]
        name = names.get(tuple(map(str, place))) or _named(place) or "(together)"
        message = error["msg"].removeprefix("Value error, ")
        if error["type"] == "extra_forbidden":
            known = _keys(model, place[:-1])
            near = meant(str(place[-1]), known, otherwise=f"Known: {', '.join(known)}.")
            message = f"there is no such key. {near}"
        elif error["type"] == "model_type":
            message = f"this is to be a table. Its keys: {', '.join(_keys(model, place))}."
        yield f"{name}: {message}"


def _named(place: Place) -> str:
    """`table.key`; of several values or tables with their number, from one on: `tables #2.key`."""
    return "".join(f" #{part + 1}" if isinstance(part, int) else f".{part}" for part in place).removeprefix(".")


def _keys(model: type[BaseModel], place: Place) -> list[str]:
    """The keys of the table that `place` leads to; none if it is no table of known keys."""
    for key in place:
        if isinstance(key, int):  # one of several tables
            continue
        field = model.model_fields.get(key)
        inner = _model_in(field.annotation) if field is not None else None
        if inner is None:
            return []
        model = inner
    return list(model.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model that values of a type are, or consist of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in {tuple, list, Union, UnionType}:
        return next((found for part in get_args(annotation) if (found := _model_in(part)) is not None), None)
    return None
