"""backfill: moves years of books between thousands of QuickBooks Online companies and Postgres."""

from __future__ import annotations


def version() -> str:
    """The version that is installed; "0" where a checkout runs that was not installed."""
    import importlib.metadata

    try:
        return importlib.metadata.version("backfill")
    except importlib.metadata.PackageNotFoundError:
        return "0"
