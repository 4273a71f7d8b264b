"""Every mishap has a switch by its name."""

from __future__ import annotations

import pytest

from backfill.simulator.injection.kinds import MISHAPS
from backfill.simulator.injection.mishap import Mishap


@pytest.mark.parametrize("kind", MISHAPS)
def test_every_mishap_can_be_made_without_an_argument_and_has_a_docstring(kind: str) -> None:
    mishap = MISHAPS[kind]()
    assert mishap.kind() == kind
    assert not (type(mishap).__doc__ or "").startswith(f"{type(mishap).__name__}("), "not a generated one"


def test_every_mishap_has_a_switch() -> None:
    def below(kind: type[Mishap]) -> set[str]:
        return {kind.kind()}.union(*map(below, kind.__subclasses__()))

    assert below(Mishap) - {"mishap", "refusal", "row_mishap", "item_mishap"} == MISHAPS.keys()
