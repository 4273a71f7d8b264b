"""The installed wheel works from any directory: what is read at run time is inside it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.postgres import PostgresServer, postgres_server
from tests.processes import PATIENCE_S, running

__all__ = ["postgres_server"]

ROOT = Path(__file__).resolve().parents[1]
INSIDE = (
    "backfill/limits.toml",
    "backfill/py.typed",
    "backfill/store/quickbooks_views.sql",
    "backfill/store/schema.sql",
    "backfill/store/migrations/0001_foundation.sql",
)


def succeeded(*command: str | Path, cwd: Path, environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    succeeded("-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    (built,) = folder.glob("backfill-*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment in which `backfill` is what the wheel holds; its dependencies are those of the tests."""
    folder = tmp_path_factory.mktemp("installed")
    pip = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index", "--no-deps")
    succeeded(*pip, "--no-compile", "--target", folder, wheel, cwd=folder)
    home = str(tmp_path_factory.mktemp("home"))
    return {"PATH": os.environ["PATH"], "HOME": home, "PYTHONPATH": str(folder)}


def test_what_is_inside(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert set(INSIDE) <= names
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"backfill"}
    shipped = {str(path.relative_to(ROOT)) for path in (ROOT / "backfill").rglob("*.*") if path.suffix != ".pyc"}
    assert shipped <= names


def test_the_commands_of_the_wheel(installed: dict[str, str], tmp_path: Path, postgres_server: PostgresServer) -> None:
    where = succeeded("-c", "import backfill; print(backfill.__file__)", cwd=tmp_path, environment=installed)
    assert where.startswith(installed["PYTHONPATH"]), "not the checkout"
    assert "Usage: backfill" in succeeded("-m", "backfill", "--help", cwd=tmp_path, environment=installed)
    script = (Path(installed["PYTHONPATH"]) / "bin" / "backfill").read_text()
    assert "from backfill.__main__ import main" in script

    dsn = asyncio.run(postgres_server.create(migrated=False))
    connected = {**installed, "BACKFILL_DATABASE_URL": dsn}
    migrated = succeeded("-m", "backfill", "migrate", cwd=tmp_path, environment=connected)
    assert "0001_foundation.sql" in migrated
    realms = tmp_path / "realms.jsonl"
    simulate = [sys.executable, "-m", "backfill", "simulate", "--port=0", "--realms=1", "--rows=1:1"]
    simulate.append(f"--write-realms={realms}")
    with running(simulate, cwd=tmp_path, env=installed, stdout=subprocess.PIPE) as simulator:
        assert simulator.stdout is not None
        url = simulator.stdout.readline().strip()
        connected |= {
            "BACKFILL_QBO_BASE_URL": url,
            "BACKFILL_OAUTH_TOKEN_URL": f"{url}/oauth2/v1/tokens/bearer",
            "BACKFILL_LIMITS_SCALE": "60",
        }
        succeeded("-m", "backfill", "realms", "import", realms, cwd=tmp_path, environment=connected)
        extracted = succeeded("-m", "backfill", "extract", cwd=tmp_path, environment=connected)
        assert "1 of 1 realms proven complete" in extracted  # the limits were found
        simulator.send_signal(signal.SIGTERM)
        assert simulator.wait(PATIENCE_S) == 0
    asyncio.run(postgres_server.drop(dsn))
