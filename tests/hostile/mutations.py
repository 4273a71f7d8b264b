"""Good answers, spoiled: a table of ways to do it, each drawn from a seeded source, so that a case can be made again.

`BREAKS` leave nothing that could be taken for a good answer. `FORGES` may leave one that is well-formed and untrue,
or true to the last row but one: what comes through them has to be harmless, and cannot be told from the truth.
"""

from __future__ import annotations

import gzip
import json
import random
import re
from collections.abc import Callable, Mapping

Mutation = Callable[[bytes, random.Random], bytes]

_VALUE = re.compile(rb'(?<=":)("(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null)')
_KEY = re.compile(rb'"(\w+)":')
_STRING = re.compile(rb'(?<=":")((?:[^"\\]|\\.)+)(?=")')

HOSTILE_VALUES = (
    b"null", b"[]", b"{}", b'""', b"true", b"-1", b"1e400", b"-1e-400", b"NaN", b"Infinity", b"-Infinity",
    b"9" * 5000, b"0." + b"3" * 5000, b"9223372036854775808", b"1.5", b'"\\u0000"', b'"\\ud800"', b'"\\udc00x"',
    b'"' + b"9" * 140_000 + b'"', b'"\xff\xfe"', b'"\x00"', b'"\\x"', b'"' + b"x" * 20_000 + b'"',
    b"[" * 2000 + b"]" * 2000,
    b'{"a":' * 500 + b"1" + b"}" * 500,
    b'"0000-00-00"', b'"9999-12-31T23:59:59-12:00"', b'"0001-01-01T00:00:00+14:00"', b'"2026-11-28T12:00:00"',
    b'{"value":{"value":{"value":1}}}', b'"\'; DROP TABLE qbo.invoice; --"', b"01", b"+1", b".5", b"--1", b"0x10",
)  # fmt: skip
"""What stands in place of one value of a document."""


def _cut(body: bytes, rng: random.Random) -> bytes:
    return body[: rng.randrange(len(body))]


def _behead(body: bytes, rng: random.Random) -> bytes:
    return body[rng.randrange(len(body)) + 1 :]


def _noise(body: bytes, rng: random.Random) -> bytes:
    return rng.randbytes(rng.randrange(1, 4096))


def _nothing(_body: bytes, rng: random.Random) -> bytes:
    return rng.choice(
        [b"", b" ", b"\n\n", b"\0", b"null", b"true", b"1", b'""', b"[]", b"{}", b"{}{}", b"\xef\xbb\xbf"]
    )


def _page_of_html(_body: bytes, rng: random.Random) -> bytes:
    return b"<html><title>" + rng.randbytes(20) + b"</title>" + b"<p>" * rng.randrange(1000)


def _deep(_body: bytes, rng: random.Random) -> bytes:
    depth = rng.choice([20, 1_000, 100_000])
    opening = rng.choice([b"[", b'{"a":', b'{"QueryResponse":', b'{"Fault":['])
    return opening * depth


def _other_encoding(body: bytes, rng: random.Random) -> bytes:
    return body.decode("utf-8", "replace").encode(rng.choice(["utf-16", "utf-32", "utf-16-le"]))


def _still_packed(body: bytes, _rng: random.Random) -> bytes:
    return gzip.compress(body, 1)


def _unquoted(body: bytes, rng: random.Random) -> bytes:
    """A quote is lost in the first half, where it cannot be a row's own matter."""
    at = body.find(b'"', rng.randrange(min(20, len(body))))
    return body[:at] + body[at + 1 :]


BREAKS: Mapping[str, Mutation] = {
    "cut": _cut,
    "beheaded": _behead,
    "noise": _noise,
    "nothing": _nothing,
    "html": _page_of_html,
    "deep": _deep,
    "encoding": _other_encoding,
    "gzip": _still_packed,
    "unquoted": _unquoted,
}


def _flip(body: bytes, rng: random.Random) -> bytes:
    spoiled = bytearray(body)
    for _ in range(rng.choice([1, 1, 1, 3, 20])):
        spoiled[rng.randrange(len(spoiled))] = rng.randrange(256)
    return bytes(spoiled)


def _value(body: bytes, rng: random.Random) -> bytes:
    return _replaced(_VALUE, body, rng, lambda _found: rng.choice(HOSTILE_VALUES))


def _in_string(body: bytes, rng: random.Random) -> bytes:
    """Something that JSON allows, or nearly, in the midst of a string."""
    odd = rng.choice([rb"\u0000", rb"\\u0000", rb"\ud800", rb"\udfff\ud800", b"\x00", b"\xc3", b"\x1f", rb"\q", b"\\"])
    return _replaced(_STRING, body, rng, lambda found: found[: len(found) // 2] + odd + found[len(found) // 2 :])


def _key(body: bytes, rng: random.Random) -> bytes:
    others = [
        b"Id",
        b"MetaData",
        b"QueryResponse",
        b"Fault",
        b"fault",
        b"Customer",
        b"totalCount",
        b"bId",
        b"time",
        b"",
        b"x",
    ]
    return _replaced(_KEY, body, rng, lambda _found: b'"' + rng.choice(others) + b'":')


def _twice(body: bytes, rng: random.Random) -> bytes:
    """A part of it stands there twice: a key, a row, half of a number."""
    start = rng.randrange(len(body))
    end = min(len(body), start + rng.choice([1, 10, 200, 5_000]))
    return body[:end] + body[start:end] + body[end:]


def _without(body: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(body))
    return body[:start] + body[start + rng.choice([1, 10, 200]) :]


def _member_added(body: bytes, rng: random.Random) -> bytes:
    """The object says one more thing, first or last: a key twice, a fault, rows of another entity."""
    value = rng.choice([*HOSTILE_VALUES, b'{"Error":[{"code":"3200"}]}', b'{"Invoice":[{"Id":"1"}]}', b'[{"Id":"1"}]'])
    key = rng.choice([b"QueryResponse", b"Fault", b"fault", b"time", b"BatchItemResponse", b"CDCResponse", b"warnings"])
    member = b'"' + key + b'":' + value
    end = body.rfind(b"}")
    return b"{" + member + b"," + body[1:] if rng.random() < 0.5 else body[:end] + b"," + member + body[end:]


def _reshaped(body: bytes, rng: random.Random) -> bytes:
    """A well-formed answer of another shape: some value of the tree is another kind of thing."""
    try:
        tree = json.loads(body)
    except (ValueError, RecursionError):
        return body
    node = tree
    while isinstance(node, (dict, list)) and node:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        key = rng.choice(keys)
        if rng.random() < 0.3 or not isinstance(node[key], (dict, list)):
            node[key] = rng.choice([None, [], {}, [[]], "", 0, -1, 1.5, True, "x", [1], {"a": 1}, [{"Id": None}]])
            break
        node = node[key]
    return json.dumps(tree).encode()


FORGES: Mapping[str, Mutation] = {
    "flipped": _flip,
    "value": _value,
    "in a string": _in_string,
    "key": _key,
    "twice": _twice,
    "without": _without,
    "member added": _member_added,
    "reshaped": _reshaped,
}

MUTATIONS: Mapping[str, Mutation] = {**BREAKS, **FORGES}


def _replaced(pattern: re.Pattern[bytes], body: bytes, rng: random.Random, by: Callable[[bytes], bytes]) -> bytes:
    """One of the places where `pattern` is found, replaced."""
    start = rng.randrange(len(body))
    found = pattern.search(body, start) or pattern.search(body)
    if found is None:
        return body + b"\0"
    return body[: found.start()] + by(found[0]) + body[found.end() :]
