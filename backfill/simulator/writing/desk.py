"""Where one write is worked on: the company, the instant, the object as it was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from backfill.simulator.catalogue import TRAITS, EntityTraits
from backfill.simulator.company import Company
from backfill.simulator.documents import Doc, decode

HEAD = frozenset({"domain", "sparse", "Id", "SyncToken", "MetaData"})
"""What the company gives every object by itself."""


@dataclass(frozen=True, slots=True)
class Desk:
    """One write at one company. `before` is the object without its head; None: there is none yet."""

    company: Company
    entity: str
    today: str
    before: Doc | None = None
    object_id: str = ""
    is_template: bool = False
    """Of a RecurringTransaction: nothing happens yet, and it has no number and no day."""
    include: frozenset[str] = frozenset()
    """Options of the request: `allowduplicatedocnum`, `void`."""

    @property
    def traits(self) -> EntityTraits:
        return TRAITS[self.entity]

    @property
    def is_american(self) -> bool:
        """Where sales lines are taxed or not, and the rates are the transaction's."""
        return self.company.country == "US"

    @property
    def preferences(self) -> Mapping[str, Any]:
        """The company's settings; {} for one that has none."""
        rows = self.company.table("Preferences").all()
        return decode(rows[0].doc) if rows else {}

    def preference(self, group: str, name: str) -> Any:
        """One setting, None where it is not set."""
        return self.preferences.get(group, {}).get(name)

    def other_preference(self, name: str) -> str:
        """One of the settings that are kept as names and values; "" where it is not set."""
        pairs = self.preferences.get("OtherPrefs", {}).get("NameValue", ())
        return next((str(pair.get("Value", "")) for pair in pairs if pair.get("Name") == name), "")

    def lookup(self, entity: str, reference: Mapping[str, Any] | None) -> Doc | None:
        """The object that a reference names, None where there is none."""
        row = self.company.table(entity).get(str(reference.get("value", ""))) if reference else None
        return decode(row.doc) if row else None


def headless(doc: Mapping[str, Any]) -> Doc:
    """A stored object without what the company gave it."""
    return {name: value for name, value in doc.items() if name not in HEAD}
