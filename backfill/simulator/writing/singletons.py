"""The company's settings: groups that are changed one by one, the rest of each left as it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backfill.simulator.catalogue import TRAITS
from backfill.simulator.company import Company
from backfill.simulator.documents import Doc
from backfill.simulator.faults import FaultedError, unsupported
from backfill.simulator.writing.desk import Desk, headless
from backfill.simulator.writing.shaping import shaped
from backfill.simulator.writing.writer import member, opened

_READ_ONLY = frozenset({"HomeCurrency", "MultiCurrencyEnabled"})
"""Settings that nobody changes by this API."""


def write_preferences(company: Company, operation: str, body: Mapping[str, Any]) -> bytes:
    """An update of Preferences; the member of the answer. Raises `FaultedError`."""
    if operation not in {"", "update"}:
        raise FaultedError(unsupported(operation))
    row, desk = opened(Desk(company, "Preferences", ""), body)
    assert desk.before is not None
    asked = headless(shaped("Preferences", body))
    doc: Doc = _laid_over(desk.before, asked)
    if doc == desk.before:
        return member(TRAITS["Preferences"], row)
    return member(TRAITS["Preferences"], company.replace("Preferences", row.id, doc))


def _laid_over(old: Any, new: Any) -> Any:
    """The old settings with the new ones laid over them, group by group; null leaves a setting out."""
    if not isinstance(old, Mapping) or not isinstance(new, Mapping):
        return new
    found = dict(old)
    for name, value in new.items():
        if name in _READ_ONLY:
            continue
        if value is None or value == "":
            found.pop(name, None)
        else:
            found[name] = _laid_over(old.get(name), value)
    return found
