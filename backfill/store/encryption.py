"""Secrets at rest: AES-256-GCM, bound to the realm and column they belong to.

A stored value is one byte that names the key, a nonce of 12 bytes, and the ciphertext with its tag.
"""

from __future__ import annotations

import base64
import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from backfill.errors import UnavailableError, UsageError
from backfill.model import RealmId, Secret
from backfill.store.token_errors import undecryptable

KEY_BYTES = 32
NONCE_BYTES = 12  # the size AES-GCM is specified for
KEY_ID_BYTES = 1
USABLE_KEY_ACTION = (
    "give 32 bytes in base64 in BACKFILL_ENCRYPTION_KEY, or a key file that can be used; tokens that are stored need"
    " the key that encrypted them, and where there are none yet a new one is made by: openssl rand -base64 32"
)


class Keyring:
    """The keys. The first encrypts, all decrypt: so a key is replaced by putting a new one in front."""

    __slots__ = ("_ciphers", "_first")

    def __init__(self, keys: Iterable[bytes]) -> None:
        """`keys`: 32 bytes each. Raises UsageError for another size, none, or two that cannot be told apart."""
        self._ciphers: dict[bytes, AESGCM] = {}
        for key in keys:
            if len(key) != KEY_BYTES:
                raise _no_key(f"an encryption key has {KEY_BYTES} bytes, not {len(key)}")
            key_id = _key_id(key)
            if key_id in self._ciphers:
                raise _no_key("two encryption keys are the same, or have the same one-byte name")
            self._ciphers[key_id] = AESGCM(key)
        if not self._ciphers:
            raise _no_key("there is no encryption key")
        self._first = next(iter(self._ciphers))

    def encrypt(self, secret: Secret, *, bound_to: tuple[str, str]) -> bytes:
        """The stored form. `bound_to` is realm and column: moved anywhere else, it cannot be decrypted."""
        nonce = os.urandom(NONCE_BYTES)
        ciphertext = self._ciphers[self._first].encrypt(nonce, secret.reveal().encode(), _associated(bound_to))
        return self._first + nonce + ciphertext

    def decrypt(self, stored: bytes, *, bound_to: tuple[str, str]) -> Secret:
        """The secret. Raises TokenError (STOP) if no key of ours made it, or it was changed or moved."""
        cipher = self._ciphers.get(stored[:KEY_ID_BYTES])
        nonce = stored[KEY_ID_BYTES : KEY_ID_BYTES + NONCE_BYTES]
        try:
            if cipher is not None and len(nonce) == NONCE_BYTES:
                return Secret(
                    cipher.decrypt(nonce, stored[KEY_ID_BYTES + NONCE_BYTES :], _associated(bound_to)).decode()
                )
        except InvalidTag:
            pass  # one sentence for both below: who could not decrypt cannot know which it was
        realm_id, column = bound_to
        raise undecryptable(RealmId(realm_id), column) from None

    def is_current(self, stored: bytes) -> bool:
        """Whether the value was made with the first key."""
        return stored[:KEY_ID_BYTES] == self._first

    @property
    def key_ids(self) -> list[str]:
        """The keys' names in hexadecimal, as stored values begin with; the one that encrypts first."""
        return [self._first.hex(), *(key_id.hex() for key_id in self._ciphers if key_id != self._first)]


def keyring_from_text(text: Secret) -> Keyring:
    """Keys in base64, separated by commas or white space, the one that encrypts first. Raises UsageError."""
    try:
        keys = [base64.b64decode(word, validate=True) for word in text.reveal().replace(",", " ").split()]
    except ValueError:  # no base64, or no ASCII
        raise _no_key("an encryption key is not base64") from None  # the cause would show a part of it
    return Keyring(keys)


def keyring_from_file(path: Path) -> Keyring:
    """The keys in the file. Raises UnavailableError if it cannot be read, or if others can read it; UsageError
    if what it holds is no key."""
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise _unusable(f"the key file {path} cannot be read") from error
    if mode & 0o077:
        raise UnavailableError(
            f"the key file {path} can be read by others (mode {mode & 0o777:03o})",
            action=f"chmod 600 {path}; if others may have read it, rotate the key: backfill keys rotate",
        )
    return keyring_from_text(Secret(text))


def create_key_file(path: Path) -> bool:
    """Make the file with a fresh key, mode 0600, unless it is there. Returns whether it was made.

    It appears whole: of two commands at once, both read the same key.
    """
    if path.exists():
        return False
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _draft(path, [os.urandom(KEY_BYTES)]) as draft:
            try:
                os.link(draft, path)  # fails where a rename would replace another command's key
            except FileExistsError:
                return False
    except OSError as error:
        raise _unusable(f"the key file {path} cannot be made: {error.strerror}") from error
    return True


def add_key(path: Path) -> bool:
    """Put a fresh key in front of the one in the file. False if there are several already: that was done before.

    Raises UnavailableError where the file cannot be used. The file is whole at every moment.
    """
    keys = _keys_in(path)
    if len(keys) > 1:
        return False
    fresh = next(key for key in iter(lambda: os.urandom(KEY_BYTES), b"") if _key_id(key) != _key_id(keys[0]))
    _replace(path, [fresh, *keys])
    return True


def keep_first_key(path: Path) -> int:
    """Take all keys but the first out of the file, and return how many those were."""
    first, *others = _keys_in(path)
    if others:
        _replace(path, [first])
    return len(others)


def _keys_in(path: Path) -> list[bytes]:
    keyring_from_file(path)  # raises for all that is wrong with it
    return [base64.b64decode(word) for word in path.read_text(encoding="ascii").replace(",", " ").split()]


def _replace(path: Path, keys: Iterable[bytes]) -> None:
    try:
        with _draft(path, keys) as draft:
            Path(draft).replace(path)
    except OSError as error:
        raise _unusable(f"the key file {path} cannot be changed: {error.strerror}") from error


@contextmanager
def _draft(path: Path, keys: Iterable[bytes]) -> Iterator[str]:
    """A file beside `path` with the keys, safe on the disk, and gone at the end unless it was moved."""
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=".key-")  # mode 0600 from the first moment
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123  # a descriptor, not a path
            file.writelines(base64.b64encode(key) + b"\n" for key in keys)
            file.flush()
            os.fsync(descriptor)  # what is encrypted with it must never outlive it
        yield draft
    finally:
        Path(draft).unlink(missing_ok=True)


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(b"backfill key id" + key).digest()[:KEY_ID_BYTES]


def _associated(bound_to: tuple[str, str]) -> bytes:
    return "\0".join(bound_to).encode()


def _no_key(message: str) -> UsageError:
    return UsageError(message, action=USABLE_KEY_ACTION)


def _unusable(message: str) -> UnavailableError:
    return UnavailableError(message, action=USABLE_KEY_ACTION)
