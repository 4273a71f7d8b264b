"""dlt with its defaults: a resource an entity yields rows, which dlt takes apart into columns and child tables."""

from __future__ import annotations

import dlt
from asked import Asked, run
from dlt_pipeline import loaded, pages, pipeline


def main(asked: Asked) -> int:
    """All entities in one run of one pipeline."""
    ours = pipeline(asked)
    resources = [
        dlt.resource(pages(asked, entity), name=entity.lower(), primary_key="Id", write_disposition="append")
        for entity in asked.entities
    ]
    ours.run(resources)
    return loaded(ours, asked.entities)


if __name__ == "__main__":
    run(main)
