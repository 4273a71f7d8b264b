"""A QuickBooks that takes what is written and forgets it at once, served by bare threads: never the bottleneck.

Not the simulator: it has no books, no limits and no faults. What is made gets the next Id and comes back as it came.
It knows only how often each name or number came, by which a benchmark sees that nothing is missing or there twice.
Run as a process of its own:

    python -m benchmarks.writable

It prints its address, and serves until its stdin closes. `GET /made` says how many objects were made, and how many of
them had a name or number that another one of their company had.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from benchmarks.bare_http import Answer, serve

NAMES = ("DocNumber", "DisplayName")
"""What an object is told by."""

COMPANY = {
    "CompanyInfo": {"Id": "1", "SyncToken": "0", "CompanyName": "Bench", "Country": "US"},
    "Preferences": {"Id": "1", "SyncToken": "0", "SalesFormsPrefs": {"CustomTxnNumbers": True}},
}
"""What a load asks of a company before it writes: nothing is closed, and numbers are kept as they are given."""

Doc = dict[str, Any]


class Made:
    """The objects that were made."""

    def __init__(self) -> None:
        self._ids = itertools.count(1000)
        self._seen: set[tuple[str, str, str]] = set()
        self.count = 0

    def make(self, realm: str, entity: str, payload: Doc) -> Doc:
        """An object as Intuit answers it."""
        now = _now()
        self.count += 1
        self._seen.add((realm, entity, next(str(payload[name]) for name in NAMES if name in payload)))
        return payload | {
            "Id": str(next(self._ids)),
            "SyncToken": "0",
            "domain": "QBO",
            "sparse": False,
            "MetaData": {"CreateTime": now, "LastUpdatedTime": now},
        }

    @property
    def twice(self) -> int:
        """How many came again."""
        return self.count - len(self._seen)


def _answered(made: Made, one_at_a_time: threading.Lock, target: str, body: bytes) -> Answer:
    with one_at_a_time:
        return Answer([msgspec.json.encode(_answer(made, target, body))])


def _answer(made: Made, target: str, body: bytes) -> Mapping[str, Any]:
    url = urlsplit(target)
    realm, _, resource = url.path.removeprefix("/v3/company/").partition("/")
    if url.path == "/made":
        return {"count": made.count, "twice": made.twice}
    if url.path.endswith("/bearer"):
        token = {"token_type": "bearer", "access_token": "a" * 800, "expires_in": 3600}
        return token | {"refresh_token": "bench", "x_refresh_token_expires_in": 8726400}
    if resource == "query":
        return _query(parse_qs(url.query)["query"][0]) | {"time": _now()}
    if resource == "batch":
        items = msgspec.json.decode(body)["BatchItemRequest"]
        return {"BatchItemResponse": [_item(made, realm, item) for item in items], "time": _now()}
    entity = {"customer": "Customer", "invoice": "Invoice"}[resource]
    return {entity: made.make(realm, entity, msgspec.json.decode(body)), "time": _now()}


def _item(made: Made, realm: str, item: Doc) -> Doc:
    b_id = {"bId": item["bId"]}
    if "Query" in item:
        return b_id | _query(item["Query"])
    (entity,) = item.keys() - {"bId", "operation", "optionsData"}
    return b_id | {entity: made.make(realm, entity, item[entity])}


def _query(statement: str) -> Doc:
    """Of a company that has nothing yet."""
    found = {entity: [row] for entity, row in COMPANY.items() if f"FROM {entity}" in statement}
    return {"QueryResponse": found}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def main() -> None:
    """Serve."""
    serve(partial(_answered, Made(), threading.Lock()))


if __name__ == "__main__":
    main()
