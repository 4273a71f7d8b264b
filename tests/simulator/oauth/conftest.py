"""What the tests of the authorisation server share."""

from __future__ import annotations

import pytest

from backfill.simulator.oauth.authority import OAuth
from backfill.simulator.settings import SimulatorSettings


@pytest.fixture
def make_oauth(clock):
    """A maker of authorisation servers; the arguments are the simulator's settings."""

    def make(**settings: object) -> OAuth:
        return OAuth(SimulatorSettings(**settings), now=clock.now, seed=3)

    return make
