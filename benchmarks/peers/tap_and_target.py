"""A Singer tap piped into a target: singer-io's tap-quickbooks and meltanolabs-target-postgres with its COPY.

The two cannot be installed together: this runs under the tap's interpreter and is told the target's.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from asked import PAGE_ROWS, REALM, Asked, run

TAP = Path(__file__).with_name("tap_pointed.py")
FOREVER_AGO = "2000-01-01T00:00:00Z"


def main(asked: Asked) -> int:
    """All entities as streams of one tap; the target says how many rows it took."""
    assert asked.beside is not None, "the target's interpreter"
    config = {
        "start_date": FOREVER_AGO,
        "user_agent": "bench",
        "realm_id": REALM,
        "client_id": "bench",
        "client_secret": "bench",
        "refresh_token": "bench",
        "access_token": "a" * 800,
        "max_results": str(PAGE_ROWS),
    }
    target_config = {
        "sqlalchemy_url": asked.dsn.replace("postgresql://", "postgresql+psycopg://"),
        "use_copy": True,
        "default_target_schema": asked.schema,
    }
    for name, value in (("tap.json", config), ("target.json", target_config)):
        (asked.folder / name).write_text(json.dumps(value))
    # Development mode uses the access token as it is, instead of asking Intuit for a new one.
    tap = [sys.executable, str(TAP), "--config", str(asked.folder / "tap.json"), "--dev"]
    target = [asked.beside, "-c", "from target_postgres.target import TargetPostgres; TargetPostgres.cli()"]
    environment = {
        **os.environ,
        "OAUTHLIB_INSECURE_TRANSPORT": "1",
        "TAP_ADDRESS": asked.address,
        "TAP_ENTITIES": ",".join(asked.entities),
        "TAP_COUNT": str(asked.folder / "rows"),
        "SINGER_SDK_LOG_LEVEL": "WARNING",
    }
    with subprocess.Popen(tap, stdout=subprocess.PIPE, env=environment) as reading:
        loading = subprocess.run(
            [*target, "--config", str(asked.folder / "target.json")],
            stdin=reading.stdout,
            stdout=subprocess.DEVNULL,  # its state, which nobody keeps here
            env=environment,
            check=True,
        )
    assert (reading.returncode, loading.returncode) == (0, 0), "the tap failed"
    return int((asked.folder / "rows").read_text())


if __name__ == "__main__":
    run(main)
