"""What both peers of dlt share: a pipeline into the same Postgres, and pages over dlt's REST client."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import dlt
from asked import PAGE_ROWS, Asked
from dlt.sources.helpers.rest_client import RESTClient
from dlt.sources.helpers.rest_client.auth import BearerTokenAuth


def pipeline(asked: Asked) -> dlt.Pipeline:
    """A pipeline as its documentation makes one; it reports to nobody, and keeps its files in a folder of ours."""
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    os.environ["RUNTIME__LOG_LEVEL"] = "ERROR"
    # dlt insists on a host; the one of the query, a socket's folder, is what libpq goes by.
    dsn = asked.dsn.replace("postgres@/", "postgres:none@localhost/")
    return dlt.pipeline(
        pipeline_name=asked.schema,
        pipelines_dir=str(asked.folder),
        destination=dlt.destinations.postgres(dsn),
        dataset_name=asked.schema,
    )


def pages(asked: Asked, entity: str) -> Iterator[list[dict[str, Any]]]:
    """An entity's rows, page by page."""
    client = RESTClient(base_url=asked.company, auth=BearerTokenAuth("a" * 800))
    start = 1
    while True:
        statement = f"SELECT * FROM {entity} STARTPOSITION {start} MAXRESULTS {PAGE_ROWS}"
        answer = client.get("query", params={"query": statement, "minorversion": "75"})
        answer.raise_for_status()
        rows = answer.json()["QueryResponse"].get(entity, [])
        if rows:
            yield rows
        if len(rows) < PAGE_ROWS:
            return
        start += PAGE_ROWS


def loaded(run: dlt.Pipeline, entities: tuple[str, ...]) -> int:
    """Rows that the last run read, by its own count; it would have raised if a part of the load had failed."""
    counts = run.last_trace.last_normalize_info.row_counts
    return sum(counts.get(entity.lower(), 0) for entity in entities)
