"""A few simulated companies read here by the real `extract`, and what that took of the machine.

What is measured is processor time, of the program and of Postgres, each by itself: the simulator, which needs some of
its own, is in neither. It answers at once, so that nothing but the machine is waited for, and it limits as Intuit does,
for to keep to the limits is a part of the work. It is read once before, to make its companies, which is not counted.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import msgspec

from backfill.cli.compose import now
from backfill.cli.measured_process import Measured, Watched, cpu_of_machine, cpu_of_tree, parent_of, titled
from backfill.cli.output import counted, say
from backfill.cli.realm_file import grants, read_realm_file
from backfill.cli.simulator_process import fresh_key, simulator
from backfill.config import Settings
from backfill.errors import UnavailableError
from backfill.model import Secret
from backfill.planner.calibration import Cost, Reading, Sample, fitted, measured
from backfill.planner.company import PARTICULAR
from backfill.planner.forecast import Forecast
from backfill.planner.scenario import PROCESSORS_MAX, Machine, Scenario
from backfill.store.database import open_database
from backfill.store.embedded import embedded_postgres
from backfill.store.encryption import keyring_from_text
from backfill.store.realms import RealmGrant, Realms
from backfill.store.scratch import ScratchDatabase, scratch_database
from backfill.store.scratch_folder import POSTGRES, scratch_folder
from backfill.store.tokens import TokenVault

ROUNDS = 2
"""Readings of each sample that count. On a machine that others use, too, one may be a tenth off, and two together not
by more than a twentieth (seen)."""

RUN_S_MAX = 600.0
"""For one reading, which takes seconds: a machine on which it takes longer is out of order."""

LAST_WORDS_CHARACTERS = 2000
"""Of what a program says that fails: its end tells why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One reading. Seconds of processor time are None where their processes cannot be seen."""

    companies: int
    rows: int
    requests: int
    wall_s: float
    """As the program says itself, from its start of work on."""
    program_s: float
    postgres_s: float | None
    simulator_s: float
    others: float
    """Processors that all other programs of this machine used meanwhile, on average."""
    peak_mb: float
    disk_bytes: int
    wal_bytes: int
    call_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """All readings: of one company, and of each sample."""

    processors: int
    """That this process may use."""
    postgres: str
    """The server's version, and where it is."""
    one: Sequence[Run]
    samples: Mapping[Sample, Sequence[Run]]

    @property
    def runs(self) -> Sequence[Run]:
        return [*self.one, *(run for runs in self.samples.values() for run in runs)]

    @property
    def knows_postgres(self) -> bool:
        """Its processor time was measured: it is on this machine."""
        return all(run.postgres_s is not None for run in self.runs)

    def cost(self, what: str) -> Cost | None:
        """Of a field of `Run`; None where it is not known of every run."""
        used = [getattr(run, what) for run in self.runs]
        if None in used:
            return None
        return fitted([Reading(run.companies, run.rows, value) for run, value in zip(self.runs, used, strict=True)])

    def calibrated(self, scenario: Scenario) -> Scenario:
        """The scenario with what its rows and companies cost here."""
        program = self.cost("program_s")
        assert program is not None, "our own child's time is always known"
        return scenario.model_copy(update={"machine": measured(scenario.machine, program, self.cost("postgres_s"))})

    def with_simulator(self, scenario: Scenario) -> Machine:
        """This machine while the samples are read: the simulator shares the processors, as another Postgres would.

        Where Postgres is elsewhere, how fast it is there is taken from the scenario.
        """
        machine, simulator = scenario.machine.model_copy(update={"processes": 1}), self.cost("simulator_s")
        if not self.knows_postgres or simulator is None:
            apart = machine.postgres_processors or PROCESSORS_MAX
            return machine.model_copy(update={"processors": self.processors, "postgres_processors": apart})
        return machine.model_copy(
            update={
                "processors": self.processors,
                "postgres_processors": None,
                "row_postgres_us": machine.row_postgres_us + simulator.row * 1e6,
                "company_postgres_ms": machine.company_postgres_ms + simulator.company * 1e3,
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What was measured, and what is planned with it."""

    scenario: Scenario
    """With what was measured."""
    measurement: Measurement
    sampled: Mapping[Sample, Forecast]
    """Of each sample, as it was read here."""
    before: Forecast
    """Of the scenario as it was."""
    after: Forecast


async def measure(samples: Sequence[Sample], settings: Settings, config: Path | None, seed: int) -> Measurement:
    """Read the samples, and one company of the first. Nothing is left of it. Raises `UnavailableError`."""
    async with (
        scratch_folder(tell=say) as folder,
        _server(settings, folder) as dsn,
        scratch_database(dsn, tell=say) as database,
    ):
        bench = _Bench(settings, config, folder, database)
        where = "embedded" if settings.database_url is None else "the one of BACKFILL_DATABASE_URL"
        one: Sequence[Run] = []
        read: dict[Sample, Sequence[Run]] = {}
        for sample in samples:
            say(f"Reading {counted(sample.companies, 'company', 'companies')} of {sample.objects:,} objects ...")
            alone, read[sample] = await bench.read(sample, seed, alone=not read)
            one = one or alone
        return Measurement(
            processors=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
            postgres=f"Postgres {await database.version()}, {where}",
            one=one,
            samples=read,
        )


@asynccontextmanager
async def _server(settings: Settings, folder: Path) -> AsyncIterator[str]:
    """The user's own, or an embedded one that is not the user's."""
    if settings.database_url is not None:
        yield settings.database_url.get_secret_value()
        return
    say(f"Starting an embedded Postgres in {folder} ...")
    async with embedded_postgres(folder / POSTGRES, pg_bin_dir=settings.postgres.pg_bin_dir) as dsn:
        yield dsn


class _Bench:
    """What the readings have in common."""

    def __init__(self, settings: Settings, config: Path | None, folder: Path, database: ScratchDatabase) -> None:
        self._settings = settings
        self._config = config
        self._folder = folder
        self._database = database
        self._key = fresh_key()
        # It is ours alone by its name, and so is the session that bears it: also where the server has its own numbers
        # of processes, as in a container.
        session = titled("postgres", database.name)
        self._postmaster = None if session is None else parent_of(session)

    async def read(self, sample: Sample, seed: int, *, alone: bool) -> tuple[Sequence[Run], Sequence[Run]]:
        """The readings of the first company of a sample, if `alone`, and of all of it."""
        credentials = self._folder / "realms.jsonl"
        options = {
            "realms": PARTICULAR + sample.companies,
            "seed": seed,
            "rows": f"{sample.objects}:{sample.objects}",
            "latency-ms": 0,
            "jitter-ms": 0,
            "limits-scale": self._settings.limits_scale,
        }
        async with simulator(credentials, options) as (address, process):
            # As of a fleet that was idle: access tokens have ended.
            companies = [
                msgspec.structs.replace(grant, access_token=None, access_expires_at=None)
                for grant in grants(read_realm_file(str(credentials)))[PARTICULAR:]
            ]
            await self._run(companies, address, process)  # its companies are made
            one = [await self._run(companies[:1], address, process) for _ in range(ROUNDS if alone else 0)]
            return one, [await self._run(companies, address, process) for _ in range(ROUNDS)]

    async def _run(self, companies: Sequence[RealmGrant], address: str, simulator_process: int) -> Run:
        database = self._database
        await database.empty()
        async with open_database(database.dsn) as opened:
            vault = TokenVault(opened, keyring_from_text(Secret(self._key)))
            await Realms(opened).import_grants(companies, vault, granted_at=now())
        await database.settle()
        before = await database.use()
        began = self._used(simulator_process)
        process = await self._extract(address)
        await database.settle()
        used = {name: used_s - began[name] for name, used_s in self._used(simulator_process).items()}
        after = await database.use()
        said = self._result(process, len(companies))
        return Run(
            companies=len(companies),
            rows=said["rows"]["landed"],
            requests=said["requests"]["total"],
            wall_s=said["wall_s"],
            program_s=process.cpu_s,
            postgres_s=used.get("postgres"),
            simulator_s=used["simulator"],
            others=max(0.0, used["all"] - used["simulator"] - used.get("postgres", 0.0) - process.cpu_s)
            / process.wall_s,
            peak_mb=process.peak_mb,
            disk_bytes=after.disk_bytes - before.disk_bytes,
            wal_bytes=after.wal_bytes - before.wal_bytes,
            call_bytes=after.call_bytes - before.call_bytes,
        )

    def _used(self, simulator_process: int) -> dict[str, float]:
        """Processor seconds so far: of the simulator, of Postgres where it is seen, and of all programs together."""
        postgres = {} if self._postmaster is None else {"postgres": cpu_of_tree(self._postmaster)}
        return {"simulator": cpu_of_tree(simulator_process), "all": cpu_of_machine(), **postgres}

    async def _extract(self, address: str) -> Measured:
        command = [sys.executable, "-m", "backfill", "extract", "--json"]
        command += [] if self._config is None else ["--config", str(self._config)]
        environment = {
            **os.environ,
            "BACKFILL_DATABASE_URL": self._database.dsn,
            "BACKFILL_QBO_BASE_URL": address,
            "BACKFILL_OAUTH_TOKEN_URL": f"{address}/oauth2/v1/tokens/bearer",
            "BACKFILL_ENCRYPTION_KEY": self._key,
        }
        process = Watched(command, environment, self._log, apart=True)
        try:
            with anyio.fail_after(RUN_S_MAX):
                return await anyio.to_thread.run_sync(process.to_its_end, abandon_on_cancel=True)
        except TimeoutError:
            raise UnavailableError(f"A sample was not read within {RUN_S_MAX:.0f} s.", action="Lower --rows.") from None
        finally:
            process.kill()

    @property
    def _log(self) -> Path:
        return self._folder / "extract.log"

    def _result(self, process: Measured, companies: int) -> Any:
        """What the program said. Raises `UnavailableError` unless all was read and proven: less is no measure."""
        said = json.loads(process.stdout) if process.stdout else {}
        if process.exit_code == 0 and said["realms"]["proven"] == companies:
            return said
        log = self._log.read_text(encoding="utf-8", errors="replace").strip()[-LAST_WORDS_CHARACTERS:]
        told = [trouble["message"] for trouble in said.get("errors", [])[:1]] or [log]
        raise UnavailableError(
            f"`backfill extract` did not read the sample of {counted(companies, 'company', 'companies')} (exit code"
            f" {process.exit_code}): {told[0]}",
            action="Mend what that says. With a lower --rows there is less to read, in fewer calls.",
        )
