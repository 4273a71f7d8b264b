"""dlt at its fastest: pages as Arrow tables, which pass its normaliser whole and are loaded by COPY of CSV files.

Documents are landed as such: Arrow's nested columns cannot be loaded into Postgres.
"""

from __future__ import annotations

from collections.abc import Iterator

import dlt
import pyarrow as pa
from asked import REALM, Asked, run
from dlt.common import json
from dlt_pipeline import loaded, pages, pipeline


def main(asked: Asked) -> int:
    """All entities in one run of one pipeline."""
    ours = pipeline(asked)
    resources = [
        dlt.resource(
            _tables(asked, entity),
            name=entity.lower(),
            write_disposition="append",
            columns={"doc": {"data_type": "json"}},
        )
        for entity in asked.entities
    ]
    ours.run(resources, loader_file_format="csv")
    return loaded(ours, asked.entities)


def _tables(asked: Asked, entity: str) -> Iterator[pa.Table]:
    for rows in pages(asked, entity):
        yield pa.table(
            {
                "realm_id": [REALM] * len(rows),
                "id": [row["Id"] for row in rows],
                "doc": [json.dumps(row) for row in rows],
            }
        )


if __name__ == "__main__":
    run(main)
