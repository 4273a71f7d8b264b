"""Fixtures of the tests of Intuit's API: recordings, and a repaired mock of HTTP."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from aioresponses import aioresponses, core

from tests.recordings import recording, skip_without_recordings


@pytest.fixture
def recorded() -> Callable[[str], list[SimpleNamespace]]:
    """A recording's exchanges by name: status, headers, and the body as bytes."""
    skip_without_recordings()

    def load(name: str) -> list[SimpleNamespace]:
        exchanges = json.loads(recording(name))
        return [
            SimpleNamespace(
                uri=exchange["request"]["uri"],
                status=exchange["response"]["status"],
                headers={key.lower(): value for key, value in exchange["response"]["headers"].items()},
                tree=exchange["response"]["body"],
                body=json.dumps(exchange["response"]["body"], ensure_ascii=False, separators=(",", ":")).encode(),
            )
            for exchange in exchanges
        ]

    return load


class _Response(aiohttp.ClientResponse):
    """aioresponses 0.7.9 does not pass `stream_writer`, which aiohttp 3.14 demands."""

    def __init__(self, *args: Any, **keywords: Any) -> None:
        keywords.setdefault("stream_writer", SimpleNamespace(output_size=0))
        super().__init__(*args, **keywords)


@pytest.fixture
def mocked(monkeypatch: pytest.MonkeyPatch) -> Iterator[aioresponses]:
    """aiohttp's client without a network."""
    if "stream_writer" in inspect.signature(aiohttp.ClientResponse.__init__).parameters:
        monkeypatch.setattr(core, "ClientResponse", _Response)
    with aioresponses() as mock:
        yield mock
