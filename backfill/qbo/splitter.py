"""A slow, forgiving way to cut JSON into the sender's own pieces, for bodies that msgspec refuses as a whole.

msgspec refuses a page because of one row's lone surrogate, control character, bad escape or bad number. The
splitter looks at strings and brackets only, so it finds where that row begins and ends; whether a piece is
good is the caller's question. A quote within a text would turn what is outside of strings into their inside, and rows,
or a batch's items, would run into one another: so a quote must stand where a string can begin or end, and what has
another is not cut. It needs about 40 ms a pass for a page of 2 MB.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain

import msgspec

_BEFORE, _BEHIND = b"{[,: \t\r\n", b"}],: \t\r\n"
"""What may stand before a string, and behind it."""
_STRING = rb'(?<=[{\[,:\s])"[^"\\]*+"(?=[}\],:\s])'
"""One in which nothing is escaped, as in nearly all."""
_OUTSIDE, _INSIDE = (
    re.compile(plain + b"(?:" + _STRING + plain + b"){0,100}") for plain in (rb'[^"{}\[\],]*+', rb'[^"{}\[\]]*+')
)
"""What opens and closes no bracket, and outside of all brackets is no comma.

No pattern here nests, nor repeats a group as often as it likes: Python's engine remembers each time with some
seventy bytes, and 3.11.2 takes what does not close for whole if told to forget (`*+` after a group).
"""
_IN_STRING = re.compile(rb'[^"\\]*+(?:\\.?[^"\\]*+){0,100}', re.DOTALL)
_DEPTH_MAX = 16
"""Brackets within a piece. The deepest documents (a group's lines within a recurring invoice) have 9."""
_QUOTE, _COMMA, _OPENING = ord('"'), ord(","), b"{["
_KEY = re.compile(rb'\s*("(?:[^"\\]|\\.){0,1000}")\s*:\s*', re.DOTALL)
"""A thousand characters are ten times the longest name, and a bound on what the pattern remembers."""

REFUSED = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""All that msgspec raises for bytes from outside."""

_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ELEMENTS = msgspec.json.Decoder(list[msgspec.Raw])


class SplitError(ValueError):
    """The bytes are not an object (or array) whose strings and brackets all close: cut, or not JSON."""


def members(raw: bytes) -> dict[str, bytes]:
    """The members of the object `raw`, each value's own bytes. Raises `SplitError`."""
    try:
        return {key: bytes(value) for key, value in _MEMBERS.decode(raw).items()}
    except REFUSED:
        return dict(_member(part) for part in _parts(raw, b"{", b"}"))


def elements(raw: bytes) -> list[bytes]:
    """The elements of the array `raw`, each one's own bytes. Raises `SplitError`."""
    try:
        return [bytes(value) for value in _ELEMENTS.decode(raw)]
    except REFUSED:
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
    inner = raw[1:-1].strip()
    if not inner:
        return []
    parts, begin = [], 0
    for end in chain(_commas(inner), (len(inner),)):
        parts.append(inner[begin:end].strip())
        if not parts[-1]:
            raise SplitError("there is nothing between two commas")  # said at once: there may be millions of them
        begin = end + 1
    return parts


def _commas(raw: bytes) -> Iterator[int]:
    """Where commas stand outside of strings and brackets. Raises `SplitError`."""
    depth = 0
    position = _end(_OUTSIDE, raw, 0)
    while position < len(raw):
        what = raw[position]
        if what == _COMMA:
            yield position
        elif what == _QUOTE:
            position = _end_of_string(raw, position)
        else:
            depth += 1 if what in _OPENING else -1
            if not 0 <= depth <= _DEPTH_MAX:
                raise SplitError("a bracket closes that did not open, or they nest too deep for a document")
        position = _end(_INSIDE if depth else _OUTSIDE, raw, position + 1)
    if depth:
        raise SplitError("a bracket does not close")


def _end_of_string(raw: bytes, position: int) -> int:
    """Where the string that begins at `position` has its closing quote. Raises `SplitError`."""
    _check_quote(raw[position - 1 : position], _BEFORE)
    while (position := _end(_IN_STRING, raw, position + 1)) < len(raw):
        if raw[position] == _QUOTE:
            _check_quote(raw[position + 1 : position + 2], _BEHIND)
            return position
        position -= 1  # there was more escaped than the pattern takes at a time
    raise SplitError("a string does not close")


def _check_quote(beside: bytes, allowed: bytes) -> None:
    """`beside` it is nothing where the piece begins or ends with the string. Raises `SplitError`."""
    if beside not in allowed:
        raise SplitError("a quote stands within a text, or a text has none at its end")


def _end(pattern: re.Pattern[bytes], raw: bytes, position: int) -> int:
    """Where ends what `pattern` takes from `position` on; it may be nothing."""
    match = pattern.match(raw, position)
    assert match is not None, "the pattern matches nothing at least"
    return match.end()
