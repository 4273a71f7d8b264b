"""The words of a report: its titles, in the company's language and in the casing of the service that answers."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from backfill.simulator.reports.french import FRENCH, FRENCH_MONTHS

_SHORT_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_RENAMED: Mapping[str, str] = MappingProxyType({"Date": "Transaction date", "-Split-": ""})
"""What the modernised service calls otherwise, whatever the language."""


class Words:
    """Titles as the company reads them. `modern`: as the modernised service writes them, without capitals alone."""

    def __init__(self, language: str, *, modern: bool) -> None:
        self._language = language
        self._modern = modern

    @property
    def months(self) -> tuple[str, ...]:
        """Twelve short names."""
        return FRENCH_MONTHS if self._language == "fr" else _SHORT_MONTHS

    def __call__(self, text: str, *names: str) -> str:
        """The words for an English text of the old service, with `names` (which are the company's own) in `{}`."""
        if self._modern and text in _RENAMED:
            text = _RENAMED[text]
        said = FRENCH.get(text, text) if self._language == "fr" else text
        if self._modern and said.isupper() and len(said) > 1:
            said = " ".join(part.capitalize() for part in said.split(" "))
        return said.format(*names) if names else said
