"""Another reading of what Intuit does not document, for some calls and for some time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, ClassVar

from backfill.simulator.envelopes import Answer
from backfill.simulator.injection.mishap import Mishap, Proceed, Strike
from backfill.simulator.injection.values import converted
from backfill.simulator.settings import SimulatorSettings, require

CHANGEABLE = frozenset(
    {
        "id_sort",
        "not_equal",
        "uncounted",
        "unfilterable",
        "unqueried",
        "unnamed_sku",
        "word_tax_codes",
        "bare_rates",
        "limit_plus_one",
        "batch_object_cap",
        "batch_shuffled",
        "cdc_object_cap",
        "cdc_max_age_days",
        "cdc_also",
        "cdc_left_out",
        "batch_items",
        "batch_void",
        "request_id_life_s",
        "request_id_again",
        "request_id_changed",
        "request_id_faults",
        "retry_after",
        "throttle_body",
        "poison_code",
        "reports",
    }
)
"""Settings that are looked at anew in every call, those of a refusal by the throttle among them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour(Mishap):
    """The service behaves as though these settings were others. Raises `UsageError` for what they cannot be."""

    at_gateway: ClassVar[bool] = True
    settings: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({"limit_plus_one": True}))
    """Names of `SimulatorSettings` that are looked at in every call (`CHANGEABLE`), and their values."""

    def __post_init__(self) -> None:
        require("the behaviour", [("settings names at least one", bool(self.settings))])
        values = converted("a behaviour", SimulatorSettings, self.settings, names=CHANGEABLE)
        object.__setattr__(self, "settings", MappingProxyType(values))

    async def befall(self, strike: Strike, proceed: Proceed) -> Answer:
        return await proceed(replace(strike, settings=replace(strike.settings, **self.settings)))
