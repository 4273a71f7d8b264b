"""What a command says: one JSON object on stdout or sentences, everything else on stderr, and its exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import IO

import pytest

from backfill.cli import output
from backfill.cli.output import Exit
from backfill.errors import RealmBusyError, StoppedError, UnavailableError, UsageError


def test_the_exit_codes_are_the_contracts() -> None:
    assert {code.name: code.value for code in Exit} == {"DONE": 0, "UNPROVEN": 1, "USAGE": 2, "STOPPED": 3}


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("It is wrong.", action="Mend it."), Exit.USAGE),
        (UnavailableError("It is gone.", action="Bring it back."), Exit.STOPPED),
        (StoppedError("It stopped.", action="Go on."), Exit.STOPPED),
        (RealmBusyError("It is busy.", realm_id="1", owner="o", action="Wait."), Exit.STOPPED),
    ],
)
def test_an_error_is_said_with_what_to_do(error: UsageError, code: Exit, capsys: pytest.CaptureFixture[str]) -> None:
    assert output.failed(error, as_json=False) is code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == f"backfill: {error.message}\n  What to do: {error.action}\n"
    assert output.failed(error, as_json=True) is code
    assert json.loads(capsys.readouterr().out) == {"error": {"message": error.message, "action": error.action}}


def test_an_error_without_an_action_says_none(capsys: pytest.CaptureFixture[str]) -> None:
    output.failed(UsageError("It is wrong."), as_json=False)
    assert capsys.readouterr().err == "backfill: It is wrong.\n"


def test_results_are_utf8_wherever_they_go(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    output.text("Café \ud800")
    output.result({"name": "Café"})
    assert capfdbinary.readouterr().out == b'Caf\xc3\xa9 ?\n{\n  "name": "Caf\xc3\xa9"\n}\n'


class Stdout:
    """Whose buffer takes nothing. `file` is what it has underneath."""

    def __init__(self, file: IO[bytes], error: OSError) -> None:
        self.buffer = self
        self.fileno = file.fileno
        self._error = error

    def write(self, _text: bytes) -> int:
        raise self._error


def test_whoever_reads_may_have_had_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = []
    with (tmp_path / "out").open("wb") as file:
        monkeypatch.setattr("sys.stdout", Stdout(file, BrokenPipeError()))
        with output.stdout_bytes() as stdout:
            stdout.write(b"row")
            written.append("row")
        assert written == [], "the block ends early, and well"
        output.text("words")


def test_what_stdout_cannot_take_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "out").open("wb") as file:
        monkeypatch.setattr("sys.stdout", Stdout(file, OSError(28, "No space left on device")))
        with pytest.raises(UnavailableError, match="No space left"):
            output.text("words")
    monkeypatch.setattr("sys.stdout", None)
    output.text("words")  # where there is none nobody wants them
    with pytest.raises(UsageError, match="stdout is closed"), output.stdout_bytes():
        pytest.fail("there is nothing to write to")
