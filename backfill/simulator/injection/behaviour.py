"""Another reading of what Intuit does not document, for some calls and for some time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any, get_type_hints

import msgspec

from backfill.errors import UsageError
from backfill.simulator.envelopes import Answer
from backfill.simulator.injection.mishap import Mishap, Proceed, Strike
from backfill.simulator.settings import SimulatorSettings

CHANGEABLE = frozenset(
    {
        "id_sort",
        "not_equal",
        "limit_plus_one",
        "batch_object_cap",
        "batch_shuffled",
        "cdc_object_cap",
        "cdc_max_age_days",
        "poison_code",
    }
)
"""Settings that are looked at anew in every call of the API."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour(Mishap):
    """The service behaves as though these settings were others. Raises `UsageError` for what they cannot be."""

    settings: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({"limit_plus_one": True}))
    """Names of `SimulatorSettings` that are looked at in every call (`CHANGEABLE`), and their values."""

    def __post_init__(self) -> None:
        unknown = sorted(self.settings.keys() - CHANGEABLE)
        if unknown or not self.settings:
            raise UsageError(
                f"a behaviour cannot change {', '.join(unknown) or 'nothing'}",
                action=f"name some of {', '.join(sorted(CHANGEABLE))}",
            )
        object.__setattr__(self, "settings", MappingProxyType(_converted(self.settings)))

    async def befall(self, strike: Strike, proceed: Proceed) -> Answer:
        return await proceed(replace(strike, settings=replace(strike.settings, **self.settings)))


def _converted(settings: Mapping[str, object]) -> dict[str, object]:
    """The values in their settings' types: those of a line are all texts."""
    hints = get_type_hints(SimulatorSettings)
    converted: dict[str, object] = {}
    for name in (known.name for known in fields(SimulatorSettings) if known.name in settings):
        value = None if settings[name] == "off" else settings[name]
        try:
            converted[name] = msgspec.convert(value, hints[name], strict=False)
        except msgspec.ValidationError as error:
            raise UsageError(f"{name} cannot be {settings[name]!r}: {error}") from error
    return converted
