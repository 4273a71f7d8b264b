"""Secrets at rest: bound to their place, rotated key by key, the key file private from its first moment."""

from __future__ import annotations

import base64
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from backfill.errors import TokenError, UnavailableError, UsageError
from backfill.model import Secret
from backfill.store.encryption import Keyring, create_key_file, keyring_from_file, keyring_from_text

OLD, NEW = bytes(32), bytes([1]) * 32
PLACE = ("123", "refresh_token")
TOKEN = Secret("AB11-secret")


def text_of(*keys: bytes) -> Secret:
    return Secret(",".join(base64.b64encode(key).decode() for key in keys))


def test_what_was_encrypted_is_decrypted() -> None:
    ring = Keyring([NEW])
    stored = ring.encrypt(TOKEN, bound_to=PLACE)
    assert ring.decrypt(stored, bound_to=PLACE) == TOKEN
    assert TOKEN.reveal().encode() not in stored
    assert ring.encrypt(TOKEN, bound_to=PLACE) != stored, "equal secrets must not look equal"


@pytest.mark.parametrize("place", [("124", "refresh_token"), ("123", "access_token")], ids=["realm", "column"])
def test_a_value_moved_elsewhere_is_not_decrypted(place: tuple[str, str]) -> None:
    ring = Keyring([NEW])
    with pytest.raises(TokenError, match="cannot be decrypted"):
        ring.decrypt(ring.encrypt(TOKEN, bound_to=PLACE), bound_to=place)


def test_a_changed_value_is_not_decrypted() -> None:
    ring = Keyring([NEW])
    stored = ring.encrypt(TOKEN, bound_to=PLACE)
    for changed in (stored[:-1] + bytes([stored[-1] ^ 1]), stored[:5], b""):
        with pytest.raises(TokenError):
            ring.decrypt(changed, bound_to=PLACE)


def test_another_key_does_not_decrypt_and_the_error_says_whose() -> None:
    stored = Keyring([OLD]).encrypt(TOKEN, bound_to=PLACE)
    with pytest.raises(TokenError, match="refresh_token of realm 123"):
        Keyring([NEW]).decrypt(stored, bound_to=PLACE)


def test_the_first_key_encrypts_and_all_decrypt() -> None:
    old = Keyring([OLD]).encrypt(TOKEN, bound_to=PLACE)
    both = Keyring([NEW, OLD])
    assert both.decrypt(old, bound_to=PLACE) == TOKEN
    assert not both.is_current(old)
    new = both.encrypt(TOKEN, bound_to=PLACE)
    assert both.is_current(new)
    assert Keyring([NEW]).decrypt(new, bound_to=PLACE) == TOKEN


def test_keys_are_read_from_text() -> None:
    stored = Keyring([OLD]).encrypt(TOKEN, bound_to=PLACE)
    assert keyring_from_text(text_of(NEW, OLD)).decrypt(stored, bound_to=PLACE) == TOKEN


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (Secret("this is no key!"), "not base64"),
        (Secret("clé de hünter"), "not base64"),
        (text_of(b"short-and-secret"), "not 16"),
        (Secret(""), "no encryption key"),
        (text_of(NEW, NEW), "the same"),
    ],
)
def test_a_bad_key_is_refused_without_being_shown(text: Secret, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        keyring_from_text(text)
    assert caught.value.__cause__ is None
    assert not text or text.reveal() not in str(caught.value)


def test_the_key_file_is_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "config" / "key"
    assert create_key_file(path)
    first = path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    assert not create_key_file(path)
    assert path.read_text() == first
    stored = keyring_from_file(path).encrypt(TOKEN, bound_to=PLACE)
    assert keyring_from_file(path).decrypt(stored, bound_to=PLACE) == TOKEN
    assert [entry.name for entry in path.parent.iterdir()] == ["key"]


def test_of_many_commands_at_once_one_makes_the_key(tmp_path: Path) -> None:
    path = tmp_path / "key"
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda _: (create_key_file(path), path.read_text()), range(40)))
    assert sum(created for created, _ in made) == 1
    assert len({text for _, text in made}) == 1, "every command reads the same, whole key"


def test_a_key_made_by_another_command_in_between_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "key"
    create_key_file(path)
    first = path.read_text()
    monkeypatch.setattr(Path, "exists", lambda self: False)  # it was not there when we looked
    assert not create_key_file(path)
    assert path.read_text() == first


@pytest.mark.parametrize("mode", [0o640, 0o604])
def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "key"
    create_key_file(path)
    path.chmod(mode)
    with pytest.raises(UnavailableError, match="read by others") as caught:
        keyring_from_file(path)
    assert "chmod 600" in caught.value.action


def test_a_key_file_that_is_not_there_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="cannot be read"):
        keyring_from_file(tmp_path / "none")


def test_a_ring_does_not_show_its_keys() -> None:
    key = os.urandom(32)
    assert base64.b64encode(key).decode() not in repr(Keyring([key]))
