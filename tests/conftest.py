"""Fixtures that every test may use, and the choice of event loop."""

from __future__ import annotations
