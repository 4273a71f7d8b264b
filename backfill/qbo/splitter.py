"""A slow, forgiving way to cut JSON into the sender's own pieces, for bodies that msgspec refuses as a whole.

msgspec refuses a page because of one row's lone surrogate, control character, bad escape or bad number. The
splitter looks at strings and brackets only, so it finds where that row begins and ends; whether a piece is
good is the caller's question. It needs about 20 ms a pass for a page of 2 MB.
"""

from __future__ import annotations

import re

import msgspec

_STRING = rb'"(?>(?:[^"\\]++|\\.)*)"'
_PLAIN = rb'[^"{}\[\],]++'
_DEPTH_MAX = 16
"""Brackets within a piece. The deepest documents (a group's lines within a recurring invoice) have 9."""


def _nested(depth: int) -> bytes:
    """A pattern for a bracket that closes, with up to `depth` more inside. Atomic: it never backtracks.

    Not by `*+` after a group: on Python 3.11.2 that matches what does not close (on 3.11.7 it does not).
    """
    pattern = b""
    for _ in range(depth + 1):
        inner = [_PLAIN, b",", _STRING, pattern] if pattern else [_PLAIN, b",", _STRING]
        pattern = rb"[\[{](?>(?:" + b"|".join(inner) + rb")*)[\]}]"
    return pattern


_PIECE = re.compile(b"(?>(?:" + b"|".join((_PLAIN, _STRING, _nested(_DEPTH_MAX))) + b")*)", re.DOTALL)
"""What stands between two commas: as far as strings and brackets close."""
_KEY = re.compile(rb"\s*(" + _STRING + rb")\s*:\s*", re.DOTALL)

_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ELEMENTS = msgspec.json.Decoder(list[msgspec.Raw])


class SplitError(ValueError):
    """The bytes are not an object (or array) whose strings and brackets all close: cut, or not JSON."""


def members(raw: bytes) -> dict[str, bytes]:
    """The members of the object `raw`, each value's own bytes. Raises `SplitError`."""
    try:
        return {key: bytes(value) for key, value in _MEMBERS.decode(raw).items()}
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return dict(_member(part) for part in _parts(raw, b"{", b"}"))


def elements(raw: bytes) -> list[bytes]:
    """The elements of the array `raw`, each one's own bytes. Raises `SplitError`."""
    try:
        return [bytes(value) for value in _ELEMENTS.decode(raw)]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _parts(raw, b"[", b"]")


def _member(part: bytes) -> tuple[str, bytes]:
    key = _KEY.match(part)
    if key is None:
        raise SplitError("a member of an object has no key")
    return key[1][1:-1].decode(errors="replace"), part[key.end() :]


def _parts(raw: bytes, opening: bytes, closing: bytes) -> list[bytes]:
    """What stands between the commas of the outermost brackets."""
    raw = raw.strip()
    if len(raw) < 2 or not (raw.startswith(opening) and raw.endswith(closing)):
        raise SplitError(f"it does not begin with {opening.decode()} and end with {closing.decode()}")
    parts: list[bytes] = []
    position, end = 0, len(raw) - 1
    while position < end:
        piece = _PIECE.match(raw, position + 1, end)
        assert piece is not None, "the pattern matches nothing at least"
        parts.append(piece[0].strip())
        if not parts[-1] and len(parts) > 1:
            raise SplitError("there is nothing between two commas")  # said at once: there may be millions of them
        position = piece.end()
        if position < end and raw[position : position + 1] != b",":
            raise SplitError("a string or a bracket does not close")
    if parts == [b""]:
        return []
    if b"" in parts:
        raise SplitError("there is nothing between two commas")
    return parts
