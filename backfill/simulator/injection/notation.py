"""Injections as they are written: a line of the command, a table of a profile, JSON at run time.

    lost_reply lanes=write probability=0.02
    api_fault code=6000 entities=Invoice,Bill operations=create every=10

A table has `mishap`, its name, and beside it the settings of the mishap and those of `Injection` under their own names.
"""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from typing import Any

from backfill.errors import UsageError
from backfill.simulator.injection.injection import Injection
from backfill.simulator.injection.injections import Count
from backfill.simulator.injection.kinds import MISHAPS
from backfill.simulator.injection.values import converted

WHOM = tuple(field.name for field in fields(Injection) if field.name != "mishap")
"""What says who is befallen, when and how often. No mishap has a setting of such a name, as a test sees to."""


def read_line(text: str) -> Injection:
    """The mishap's name, then `setting=value` with blanks between; quotes as in a shell. Raises `UsageError`."""
    try:
        name, *parts = shlex.split(text)
    except ValueError as error:
        raise UsageError(f"the injection {text!r} cannot be read: {error}", action=_EXAMPLE) from error
    table: dict[str, Any] = {"mishap": name}
    for part in parts:
        key, equals, value = part.partition("=")
        if not equals:
            raise UsageError(f"the injection {text!r} has {part!r} where setting=value belongs", action=_EXAMPLE)
        *outer, inner = key.split(".")
        within = table
        for name_of_table in outer:  # settings.limit_plus_one=true, settings.reports.cells=5000
            within = within.setdefault(name_of_table, {})
        within[inner] = value
    return read_table(table)


def read_table(table: Mapping[str, Any]) -> Injection:
    """A table of TOML or JSON. Raises `UsageError`."""
    name = table.get("mishap")
    kind = MISHAPS.get(name) if isinstance(name, str) else None
    if kind is None:
        near = difflib.get_close_matches(str(name), MISHAPS, n=3) or MISHAPS
        raise UsageError(f"there is no mishap {name!r}", action=f"give {' or '.join(near)}")
    whom = {key: value for key, value in table.items() if key in WHOM}
    own = {key: value for key, value in table.items() if key not in WHOM and key != "mishap"}
    mishap = kind(**converted(str(name), kind, own))
    return Injection(mishap, **converted("the injection", Injection, whom, names=WHOM))


def written(injection: Injection) -> dict[str, Any]:
    """The table that reads as this injection; what is as it would be anyway is left out."""
    table: dict[str, Any] = {"mishap": injection.mishap.kind()}
    for part in (injection.mishap, injection):
        for field in fields(part):  # type: ignore[arg-type]  # every mishap is a dataclass, which its base cannot say
            value = getattr(part, field.name)
            if field.name != "mishap" and value != _default(field):
                table[field.name] = dict(value) if isinstance(value, Mapping) else value
    return table


def counted(count: Count) -> dict[str, Any]:
    """The table of an injection that is switched on, with its number and how often it matched and struck."""
    return {"id": count.id, "matched": count.matched, "struck": count.struck, **written(count.injection)}


def described() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every mishap: its name, what it is, and its settings with their defaults."""
    for name, kind in MISHAPS.items():
        said = " ".join((kind.__doc__ or "").split("\n\n")[0].split())
        made = kind()
        settings = {field.name: getattr(made, field.name) for field in fields(made)}  # type: ignore[arg-type]  # as above
        yield name, said, {key: dict(value) if isinstance(value, Mapping) else value for key, value in settings.items()}


def _default(field: Any) -> Any:
    return field.default_factory() if field.default_factory is not MISSING else field.default


_EXAMPLE = "write it as in: lost_reply lanes=write probability=0.02"
