"""`python -m backfill` and the `backfill` command."""

from __future__ import annotations

import gc
import os

GC_THRESHOLD = 200_000
"""Objects made before the collector looks for cycles. Python says 700; one page of rows makes thousands. Measured with
5,000 realms open: 117 us of processor time a request, where 50,000 cost 154; the memory is the same."""

NO_THREADS_FOR_ALGEBRA = ("OPENBLAS_NUM_THREADS", "1")
"""numpy would start a thread for each processor, which spins as it waits for work that we never have: 0.15 s of
processor time (measured, of two), and 30 ms until numpy is loaded."""


def main() -> None:
    gc.set_threshold(GC_THRESHOLD)  # first: nothing of what is loaded next is garbage, and to look costs time as well
    os.environ.setdefault(*NO_THREADS_FOR_ALGEBRA)

    from backfill.cli import run

    try:
        run()
    finally:
        gc.freeze()  # what is left goes with the process: to look for cycles in it is a seventh of what --help takes


if __name__ == "__main__":
    main()
