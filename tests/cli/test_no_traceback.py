"""Whatever can happen in the world reaches the user as a sentence and an exit code, never as a traceback."""

from __future__ import annotations

import asyncio
import base64
import os
import signal
import socket
import struct
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from backfill.errors import UnavailableError
from backfill.store.postgres_errors import translated
from backfill.store.server_files import FileLock, ServerFiles
from tests.cli.conftest import Query, name_of
from tests.gate import gated
from tests.postgres import PostgresServer
from tests.processes import PATIENCE_S, Backfill, Intuit, Outcome, ended, eventually, kill_and_wait, simulated

CLOSED = "http://127.0.0.1:1"
"""A port at which nobody listens: it takes a privileged process to do so."""
NOBODY = "postgresql://user:hunter2@127.0.0.1:1/d"

Spoil = Callable[[Backfill, Path], Backfill]
"""Makes the user's world worse."""


def in_words(outcome: Outcome, code: int, *said: str) -> None:
    """The command ended with `code`, and said why in plain words."""
    shown = f"{outcome.stdout}\n{outcome.stderr}"
    assert "Traceback" not in shown, shown
    assert "Exception ignored" not in shown, shown
    assert "Error(" not in shown, shown
    assert "hunter2" not in shown, shown
    assert outcome.code == code, shown
    for words in said:
        assert words in outcome.stderr, shown


def config(content: str | bytes) -> Spoil:
    def spoil(user: Backfill, folder: Path) -> Backfill:
        (folder / "config").write_bytes(content.encode() if isinstance(content, str) else content)
        return user

    return spoil


def variables(**given: str | None) -> Spoil:
    return lambda user, folder: user.having(
        **{name: value and value.replace("FOLDER", str(folder)) for name, value in given.items()}
    )


def same(user: Backfill, folder: Path) -> Backfill:
    return user


def readable_key(user: Backfill, folder: Path) -> Backfill:
    key_file = folder / ".config/backfill/encryption.key"
    key_file.parent.mkdir(parents=True)
    key_file.write_bytes(base64.b64encode(os.urandom(32)))
    key_file.chmod(0o644)
    return user


def key_folder_is_a_file(user: Backfill, folder: Path) -> Backfill:
    (folder / ".config").write_text("")
    return user


def data_dir_is_a_file(user: Backfill, folder: Path) -> Backfill:
    (folder / "file").write_text("")
    return user.having(DATABASE_URL=None, DATA_DIR=str(folder / "file"))


def database_of_another_version(user: Backfill, folder: Path) -> Backfill:
    """A data directory that a Postgres of the future left."""
    cluster = folder / "data/postgres/postgres"
    cluster.mkdir(parents=True)
    (cluster / "PG_VERSION").write_text("99\n")
    return user.having(DATABASE_URL=None)


NO_TOML = config(b"\x80\x81garbage")
WRONG = config('environment = "prod"\nlimits = { reserve = 1.5 }\n[extract]\npage_rows = 5000\nentitys = []\n')

CASES: list[tuple[str, Spoil, str, int, tuple[str, ...]]] = [
    ("no such command", same, "extrct", 2, ("No such command 'extrct'",)),
    ("config is not there", same, "realms list --config nothing", 2, ("nothing cannot be read: No such file",)),
    ("config is a directory", same, "realms list --config .", 2, (". cannot be read: Is a directory",)),
    ("config is garbage", NO_TOML, "realms list --config config", 2, ("config is not TOML",)),
    ("config is no TOML", config("a = \nb = 1"), "status --config config", 2, ("is not TOML", "line 1, column 5")),
    ("config is wrong", WRONG, "status --config config", 2, ("has 4 faults", "environment", "page_rows", "reserve")),
    ("realms are a directory", same, "realms import .", 2, (". cannot be read: Is a directory",)),
    ("realms are garbage", NO_TOML, "realms import config", 2, ("is not UTF-8",)),
    ("address is garbage", variables(DATABASE_URL="garbage"), "migrate", 2, ("BACKFILL_DATABASE_URL: it is not of",)),
    ("port is none", variables(DATABASE_URL="postgresql://h:99999/d"), "migrate", 2, ("BACKFILL_DATABASE_URL: it is",)),
    ("address of another", variables(DATABASE_URL="postgresql://[::1/d"), "sql", 2, ("BACKFILL_DATABASE_URL: it is",)),
    ("API in clear", variables(QBO_BASE_URL="http://example.com"), "extract", 2, ("tokens would travel in clear",)),
    ("scale is a word", variables(LIMITS_SCALE="fast"), "status", 2, ("BACKFILL_LIMITS_SCALE: Input should be",)),
    ("no database listens", variables(DATABASE_URL=NOBODY), "status", 3, ("127.0.0.1:1/d cannot be reached",)),
    ("data directory is a file", data_dir_is_a_file, "status", 3, ("file/postgres cannot be used", "DATA_DIR")),
    ("demo's is a file", data_dir_is_a_file, "demo --realms 1", 3, ("file/demo cannot be used", "BACKFILL_DATA_DIR")),
    ("another Postgres's files", database_of_another_version, "migrate", 3, ("was made by Postgres 99",)),
    ("pg_bin_dir is empty", config("[postgres]\npg_bin_dir = '/'"), "sql --config config", 3, ("/ holds no Postgres",)),
    ("key is not base64", variables(ENCRYPTION_KEY="hunter2!"), "realms import IMPORT", 2, ("key is not base64",)),
    ("key is short", variables(ENCRYPTION_KEY="AAAA"), "realms import IMPORT", 2, ("key has 32 bytes, not 3",)),
    ("key file is readable", readable_key, "realms import IMPORT", 3, ("read by others (mode 644)", "chmod 600")),
    ("key file has no place", key_folder_is_a_file, "realms import IMPORT", 3, ("cannot be made", "ENCRYPTION_KEY")),
    ("SQL is none", same, "sql SELEC", 3, ("syntax error",)),
    ("no UTF-8 for JSON", same, "extract --json --realm \udcff", 2, (r"\udcff: an argument has to be UTF-8",)),
    ("no UTF-8 for the store", same, "calls --fault=\udcff", 2, (r"--fault=\udcff: an argument has to be UTF-8",)),
    ("simulated port is none", same, "simulate --port 65536", 2, ("--port",)),
    ("simulated rows are none", same, "simulate --rows 9:1", 2, ("--rows 9:1: give two whole numbers",)),
    ("file cannot be written", same, "simulate --port 0 --write-realms no/file", 2, ("no/file cannot be written",)),
    ("file is a directory", same, "simulate --port 0 --write-realms .", 2, (". cannot be written",)),
]  # fmt: skip


@pytest.mark.parametrize(("spoil", "command", "code", "said"), [case[1:] for case in CASES], ids=[c[0] for c in CASES])
def test_bad_input_is_said_in_words(
    user: Backfill, intuit: Intuit, tmp_path: Path, spoil: Spoil, command: str, code: int, said: tuple[str, ...]
) -> None:
    words = command.replace("IMPORT", str(intuit.realms_file)).split()
    in_words(spoil(user, tmp_path).run(*words), code, *said)
    assert not list(tmp_path.glob(".realms-*")), "no draft with tokens is left"


@pytest.mark.parametrize(
    ("command", "message", "see"),
    [
        ("extract --bogus", "No such option: --bogus", "backfill extract --help"),
        ("calls --slow x", "Invalid value for '--slow'", "backfill calls --help"),
        ("realms import", "Missing argument 'FILE'", "backfill realms import --help"),
        ("keys rotat", "Did you mean 'rotate'", "backfill keys --help"),
        ("extract --realm \udcff", "an argument has to be UTF-8", ""),
    ],
)
def test_wrong_usage_is_an_object_on_stdout_too(user: Backfill, command: str, message: str, see: str) -> None:
    done = user.run(*command.split(), "--json")
    in_words(done, 2, message)
    assert message in done.json()["error"]["message"]
    assert done.json()["error"]["action"] == (f"See {see}" if see else "")


def test_a_data_directory_that_is_no_text(user: Backfill) -> None:
    """JSON has no way to write it, and says it all the same."""
    outcome = user.having(DATABASE_URL=None, DATA_DIR="/proc/\udcff").executing.run("status", "--json")
    in_words(outcome, 3, r"/proc/\udcff/postgres cannot be used", "DATA_DIR")
    assert outcome.json()["error"]["message"].count(r"\udcff") == 1


def test_closed_stdin(user: Backfill) -> None:
    in_words(user.run("realms", "import", "-", stdin=None), 2, "stdin is closed")
    in_words(user.run("realms", "list", stdin=None), 0)


def test_an_api_that_does_not_answer_leaves_every_realm_unproven(connected: Backfill) -> None:
    done = connected.having(QBO_BASE_URL=CLOSED).run("extract", "--json", "--entity", "Term")
    in_words(done, 1)
    result = done.json()
    assert result["realms"] == {"total": 3, "proven": 0, "unproven": 3, "parked": 0}
    assert len(result["errors"]) == 3
    assert all(error["message"] for error in result["errors"])


def test_a_token_endpoint_that_does_not_answer_parks_nobody(connected: Backfill, query: Query) -> None:
    done = connected.having(OAUTH_TOKEN_URL=CLOSED).run("extract", "--json", "--entity", "Term")
    in_words(done, 1)
    assert done.json()["realms"] == {"total": 3, "proven": 0, "unproven": 3, "parked": 0}
    assert query("SELECT realm_id FROM backfill.realm WHERE state <> 'active'") == []


def test_another_key_than_the_tokens_were_encrypted_with(connected: Backfill) -> None:
    other = base64.b64encode(os.urandom(32)).decode()
    in_words(connected.having(ENCRYPTION_KEY=other).run("extract"), 3, "cannot be decrypted with the keys given")


def test_an_api_that_goes_away_in_the_middle(user: Backfill, tmp_path: Path) -> None:
    with simulated(tmp_path, realms=3, rows="300:400") as intuit, gated(intuit) as gate:
        connected = user.having(**intuit.variables)
        assert connected.run("realms", "import", intuit.realms_file).code == 0
        gate.let(6)
        with connected.having(QBO_BASE_URL=gate.url).started("extract", "--json") as extract:
            gate.full(extract)
            kill_and_wait(intuit.process.pid)
            gate.open()
            in_words(ended(extract), 1)


def test_a_database_that_goes_away_in_the_middle(
    connected: Backfill, postgres_server: PostgresServer, dsn: str, tmp_path: Path
) -> None:
    with simulated(tmp_path, realms=2, rows="500:600") as intuit, gated(intuit) as gate:
        other = connected.having(**intuit.variables)
        assert other.run("realms", "import", intuit.realms_file).code == 0
        gate.let(4)
        with other.having(QBO_BASE_URL=gate.url).started("extract") as extract:
            gate.full(extract)
            name = name_of(dsn)
            asyncio.run(postgres_server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false"))
            asyncio.run(
                postgres_server.execute(
                    f"SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE datname = '{name}'"
                )
            )
            gate.open()
            in_words(ended(extract), 3, "the database")


def test_a_driver_that_lost_track_of_a_connection() -> None:
    """Its words where a server ends a connection that is just given back: rare, and seen in the test above."""
    with pytest.raises(UnavailableError, match="the database books cannot be reached"), translated("books"):
        raise asyncpg.InternalClientError("cannot switch to state 15; another operation (2) is in progress")


@pytest.fixture
def password_dsn(postgres_server: PostgresServer, dsn: str, query: Query) -> Iterator[str]:
    """The database by a user who has a password, which is `right`."""
    ((file,),) = query("SHOW hba_file")
    hba_file = Path(file)
    before = hba_file.read_text()
    query("CREATE ROLE stranger LOGIN PASSWORD 'right'")
    hba_file.write_text(f"local all stranger scram-sha-256\n{before}")
    query("SELECT pg_reload_conf()")
    yield dsn.replace("postgres@", "stranger:PASSWORD@", 1)
    hba_file.write_text(before)
    query("SELECT pg_reload_conf()")
    query("DROP ROLE stranger")


def test_a_wrong_password(user: Backfill, password_dsn: str) -> None:
    wrong = user.having(DATABASE_URL=password_dsn.replace("PASSWORD", "hunter2"))
    refused = wrong.run("status")
    in_words(refused, 3, "refuses us", "check user and password in BACKFILL_DATABASE_URL")
    right = user.having(DATABASE_URL=password_dsn.replace("PASSWORD", "right"))
    in_words(right.run("status"), 3, "does not grant us what we need")  # the password is right, the user is no owner


def test_a_database_that_is_not_there(user: Backfill, dsn: str) -> None:
    name = name_of(dsn)
    missing = user.having(DATABASE_URL=dsn.replace(f"/{name}?", "/nowhere?"))
    in_words(missing.run("status"), 3, "nowhere does not exist")


def test_a_database_that_a_newer_program_migrated(user: Backfill, query: Query) -> None:
    query("INSERT INTO backfill.migration (number, name, checksum) VALUES (9999, '9999_future.sql', 'x')")
    for command in ("migrate", "status", "extract"):
        in_words(user.having(LIMITS_SCALE=None).run(command), 3, "9999_future.sql is not known to this one", "newer")


def test_a_simulator_whose_port_is_taken(user: Backfill) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        in_words(user.run("simulate", "--port", str(taken.getsockname()[1])), 3, "give another port")


@pytest.mark.parametrize(
    "command", ["--help", "keys rotate --help", "realms list --json", "status", "extract --entity Term"]
)
def test_a_reader_who_has_had_enough(connected: Backfill, command: str) -> None:
    """`| head`: stdout is closed before anything is written."""
    reading, writing = os.pipe()
    os.close(reading)
    with connected.started(*command.split(), stdout=writing) as process:
        os.close(writing)
        _, stderr = process.communicate(timeout=PATIENCE_S)
    in_words(Outcome(process.returncode, "", stderr), 0)


def test_a_terminal_that_is_gone(connected: Backfill, query: Query) -> None:
    """stderr closed: the run goes on, and its result is whole."""
    reading, writing = os.pipe()
    os.close(reading)
    with connected.started("extract", "--json", "--entity", "Term", stderr=writing) as process:
        os.close(writing)
        done = ended_without_stderr(process)
    assert (done.code, done.json()["realms"]["proven"]) == (0, 3)


def ended_without_stderr(process: subprocess.Popen[str]) -> Outcome:
    stdout, _ = process.communicate(timeout=PATIENCE_S)
    return Outcome(process.returncode, stdout, "")


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_stream_that_was_closed_before(user: Backfill, stream: str) -> None:
    number = {"stdout": 1, "stderr": 2}[stream]
    options: dict[str, Any] = {"preexec_fn": lambda: os.close(number)}
    with user.started("realms", "import", "nothing", "--json", **options) as process:
        done = ended(process)
    if stream == "stdout":
        in_words(done, 2, "nothing cannot be read")
    else:
        assert (done.code, done.stderr) == (2, "")
        assert list(done.json()) == ["error"], "what is said does not turn to stdout instead"


@pytest.mark.parametrize(
    "command", ["realms list", "version", "simulate --mishaps", "--help", "load", "extract --help"]
)
def test_a_full_disk_behind_stdout(user: Backfill, command: str) -> None:
    with Path("/dev/full").open("w") as full, user.started(*command.split(), stdout=full) as process:
        _, stderr = process.communicate(timeout=PATIENCE_S)
    in_words(Outcome(process.returncode, "", stderr), 3, "cannot be written to stdout: No space left on device")


TALK: list[tuple[str, bytes]] = [
    ("no HTTP", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    ("no method", b"BREW /v3/company/1/query HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("a long address", b"GET /%b HTTP/1.1\r\nHost: x\r\n\r\n" % (b"a" * 9_000)),
    ("a bad length", b"POST /v3/company/1/batch HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n"),
    ("a bad chunk", b"POST /v3/company/1/batch HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZ\r\n"),
    ("a cut body", b"POST /v3/company/1/batch HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc"),
    ("no ASCII", b"POST /oauth2/v1/tokens/bearer HTTP/1.0\r\nAuthorization: Basic \xff\r\nContent-Length: 0\r\n\r\n"),
]  # fmt: skip


def test_what_clients_talk_to_a_server_is_no_trouble_of_its_own(tmp_path: Path) -> None:
    """They talk no HTTP, or hang up."""
    with simulated(tmp_path, realms=1, rows="90:100") as intuit:
        port = int(intuit.url.rpartition(":")[2])
        for _, said in TALK:
            with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as client:
                client.sendall(said)
                if said.endswith(b"abc"):  # nothing is said to it: it is waited for, and hangs up
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                else:
                    assert b" 200 " not in client.makefile("rb").read(200)
        in_words(Backfill(tmp_path).run("realms", "list", "--config", "nothing"), 2)  # and some time has passed
    said = (tmp_path / "simulator.log").read_text()
    assert "Error" not in said, said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_before_anything_began(embedded_user: Backfill, number: signal.Signals) -> None:
    """While it waits for the embedded server, which another seems to start."""
    files = ServerFiles(embedded_user.home / "data/postgres")
    files.make_root()
    starting = FileLock.taken(files.start_lock)
    assert starting is not None
    with embedded_user.started("realms", "list", "--json") as process:
        assert eventually(files.users_lock.exists), "it has come as far as the lock"
        process.send_signal(number)
        done = ended(process)
    in_words(done, 3, "Stopped.")
    assert done.json()["error"]["message"] == "Stopped."
    starting.close()
