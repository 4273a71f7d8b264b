"""The dead letter as a file: rows as they were loaded, and beside them what is wrong with each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

from backfill.cli.private_file import written
from backfill.load_model import mark_of
from backfill.qbo.operations import Operation
from backfill.qbo.payloads import decode, encode

_FAULT = ("line", "load_id", "fault_code", "fault_message", "fault_action", "intuit_tid")


async def write_rejected(rows: AsyncIterator[Mapping[str, Any]], file: str) -> int:
    """Write rows to `file` and their faults to `file.faults`, for nobody else's eyes; `-`: only the rows, to stdout.

    Returns how many. Raises `UsageError` if a file cannot be written.
    """
    count = 0
    with written(file) as out, written("-" if file == "-" else f"{file}.faults") as faults:
        async for row in rows:
            record = {key: row[key] for key in ("realm_id", "entity", "operation", "source_key")}
            record["payload"] = decode(bytes(row["payload"]))
            if row["operation"] != Operation.CREATE:  # of a change the content is part of what it is known by
                record["corrects"] = mark_of(row["row_id"], row["payload_hash"])
            out.write(encode(record) + b"\n")
            if faults is not out:
                faults.write(encode({"source_key": row["source_key"]} | {key: row[key] for key in _FAULT}) + b"\n")
            count += 1
    return count
