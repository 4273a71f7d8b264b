"""Sends deliveries to an address on this machine: Intuit's side of a webhook is the one that asks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import aiohttp

from backfill.simulator.webhooks.emitter import Post

ANSWER_S = 3.0
"""Intuit waits no longer."""


@asynccontextmanager
async def http_post() -> AsyncIterator[Post]:
    """A way to send while the block runs. Proxies of the environment have no business on this machine."""
    timeout = aiohttp.ClientTimeout(total=ANSWER_S)
    async with aiohttp.ClientSession(timeout=timeout, trust_env=False) as session:

        async def post(url: str, headers: Mapping[str, str], body: bytes) -> int | None:
            try:
                async with session.post(url, data=body, headers=headers, allow_redirects=False) as answer:
                    return answer.status
            except (aiohttp.ClientError, TimeoutError):
                return None

        yield post
