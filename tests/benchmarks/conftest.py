"""The benchmarks are no part of the installed package: they are imported from the checkout."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.postgres import postgres_server

__all__ = ["postgres_server"]

sys.path.append(str(Path(__file__).resolve().parents[2]))
