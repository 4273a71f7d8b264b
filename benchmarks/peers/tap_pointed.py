"""singer-io's tap-quickbooks, pointed at our server: it has no setting for that. Its own limit of calls is off.

Run by `tap_and_target.py`, which says in the environment where the server is and which entities are wanted.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

import singer

logging.disable(logging.WARNING)  # it logs a line for each call, and we measure rows
# The tap takes its limit, 495 calls a minute, when it is imported.
singer.utils.ratelimit = lambda *_limit: lambda call: call

import tap_quickbooks  # noqa: E402 # after its limit is off
from tap_quickbooks import client, sync  # noqa: E402 # as above
from tap_quickbooks.streams import BATCH_STREAMS  # noqa: E402 # as above


def main() -> None:
    """Read the wanted entities, in the tap's own way, and say how many rows it wrote."""
    client.PROD_ENDPOINT_BASE = os.environ["TAP_ADDRESS"]
    wanted = {name for name, stream in BATCH_STREAMS.items() if stream.table_name in _entities()}
    discover = tap_quickbooks.do_discover
    tap_quickbooks.do_discover = lambda: _chosen(discover(), wanted)
    counter = _Counter(sync.singer.write_record)
    sync.singer.write_record = counter
    tap_quickbooks.main()
    Path(os.environ["TAP_COUNT"]).write_text(str(counter.rows))


def _entities() -> list[str]:
    return os.environ["TAP_ENTITIES"].split(",")


def _chosen(catalog: singer.Catalog, wanted: set[str]) -> singer.Catalog:
    for stream in catalog.streams:
        chosen = singer.metadata.to_map(stream.metadata)
        chosen = singer.metadata.write(chosen, (), "selected", stream.tap_stream_id in wanted)
        stream.metadata = singer.metadata.to_list(chosen)
    return catalog


class _Counter:
    def __init__(self, write: Callable[..., None]) -> None:
        self.rows = 0
        self._write = write

    def __call__(self, *record: object) -> None:
        self.rows += 1
        self._write(*record)


if __name__ == "__main__":
    main()
