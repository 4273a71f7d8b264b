"""`python -m backfill` and the `backfill` command."""

from __future__ import annotations


def main() -> None:
    from backfill.cli import run

    run()


if __name__ == "__main__":
    main()
