"""References of a payload to other objects, which are not known by their Ids yet.

Wherever QuickBooks wants an Id or a reference, a payload may name the object instead:

    {"$ref": "Customer/acme-17"}                       by the key of its own row in the ledger
    {"$ref": "Customer", "DisplayName": "Acme Ltd"}    by a natural key: a name, a number

As text a need is `Customer/acme-17` or `Customer?DisplayName=Acme Ltd`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from backfill.errors import UsageError
from backfill.load_model import Need
from backfill.qbo.catalogue import CATALOGUE
from backfill.qbo.catalogue import entity as find_entity
from backfill.qbo.operations import WRITINGS

MARK = "$ref"

_PLAIN = frozenset({"Id", "TxnId", "value"})
"""Properties that hold an Id itself; everywhere else a reference is an object with a `value`."""

_KEYS: Mapping[str, tuple[str, ...]] = {
    # Not written by us, and named by what we write.
    "TaxCode": ("Name",),
    "TaxRate": ("Name",),
    "CustomerType": ("Name",),
    **{name: (row.natural_key, *row.also_known_by) for name, row in WRITINGS.items() if row.natural_key},
}
"""Entity to the attributes by which a reference may name its objects."""


def text_of(need: Need) -> str:
    """`Customer/acme-17` or `Customer?DisplayName=Acme Ltd`."""
    return f"{need.entity}?{need.attribute}={need.value}" if need.attribute else f"{need.entity}/{need.value}"


def parsed(text: str) -> Need:
    """The need of that text."""
    if "?" in text.partition("/")[0]:
        entity, _, rest = text.partition("?")
        attribute, _, value = rest.partition("=")
        return Need(entity, attribute, value)
    entity, _, key = text.partition("/")
    return Need(entity, "", key)


def need_of(reference: Mapping[str, Any]) -> Need:
    """What a reference names. Raises `UsageError` for one that names nothing."""
    target = reference[MARK]
    more = {key: value for key, value in reference.items() if key not in {MARK, "name", "type"}}
    if not isinstance(target, str) or not target:
        raise UsageError('a reference is written {"$ref": "Customer/its-key"}')
    name, slash, key = target.partition("/")
    entity = find_entity(name).name
    if slash:
        if not key or more:
            raise UsageError(f"{target!r} names a row by its key, and nothing else stands beside it")
        return Need(entity, "", key)
    allowed = _KEYS.get(entity, ())
    if len(more) != 1 or not set(more) <= set(allowed):
        known = ", ".join(allowed) or "nothing: name its row by its key"
        raise UsageError(f"a reference to {entity} names one attribute of it: {known}")
    ((attribute, value),) = more.items()
    if not isinstance(value, str) or not value.strip():
        raise UsageError(f"a reference to {entity} by its {attribute} has a text there")
    return Need(entity, attribute, value.strip())


def substituted(value: Any, id_of: Callable[[Need], str], *, at: str = "") -> Any:
    """`value` with every reference replaced by what QuickBooks wants there. `id_of` gives a need's Id, or raises.

    Raises `UsageError` for a reference that names nothing.
    """
    if isinstance(value, dict):
        if MARK in value:
            object_id = id_of(need_of(value))
            return object_id if at in _PLAIN else {"value": object_id}
        return {key: substituted(part, id_of, at=key) for key, part in value.items()}
    if isinstance(value, list):
        return [substituted(part, id_of) for part in value]
    return value


def needs_of(payload: Any) -> tuple[Need, ...]:
    """All needs of a payload, each once, in order. Raises `UsageError` for a reference that names nothing."""
    return tuple(dict.fromkeys(_needs(payload)))


def _needs(value: Any) -> Iterator[Need]:
    if isinstance(value, dict):
        if MARK in value:
            yield need_of(value)
            return
        value = value.values()
    elif not isinstance(value, list):
        return
    for part in value:
        yield from _needs(part)


assert set(_KEYS) <= set(CATALOGUE), "an entity that is none"
