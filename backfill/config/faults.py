"""What is wrong with a file that a user wrote, all of it at once, in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType, UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from backfill.errors import UsageError, meant

Path = tuple[str, ...]
"""The keys on the way to a value, from the outermost on."""

Place = tuple[int | str, ...]
"""The same with the index of each of several values or tables."""

_NO_NAMES: Mapping[Path, str] = MappingProxyType({})


def refused(source: str, faults: Iterable[str]) -> UsageError:
    """An error that names all the faults of what `source` begins the sentence with."""
    lines = [f"  {fault}" for fault in faults]
    number = f"{len(lines)} fault{'' if len(lines) == 1 else 's'}"
    return UsageError("\n".join([f"{source} has {number}:", *lines]))


def faults_of(error: ValidationError, model: type[BaseModel], names: Mapping[Path, str] = _NO_NAMES) -> Iterator[str]:
    """Every faulty key of `model` with what may stand there, and no value, for it may be a secret.

    `names`: what a value is called that came from elsewhere than the file.
    """
    for fault in error.errors():
        place = fault["loc"]
        name = names.get(tuple(map(str, place))) or _named(place) or "(together)"
        message = fault["msg"].removeprefix("Value error, ")
        known = ", ".join(_keys(model, place[:-1] if fault["type"] == "extra_forbidden" else place))
        if fault["type"] == "extra_forbidden":
            near = meant(str(place[-1]), known.split(", "), otherwise=f"Known: {known}.")
            message = f"there is no such key. {near}"
        elif fault["type"] in {"model_type", "dict_type"}:
            headed = "" if not place or any(isinstance(part, int) for part in place) else f", headed [{name}]"
            message = f"it is a table{headed}. Its keys: {known}." if known else f"it is a table{headed}"
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
