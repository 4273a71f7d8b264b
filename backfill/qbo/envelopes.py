"""Faults, read from whatever envelope they came in. Any bytes are accepted, and nothing here raises.

Four envelopes are recorded: the application's JSON (`Fault.Error[].Message`), the gateway's JSON
(`fault.error[].message`, with its time in epoch milliseconds), XML, even where JSON was asked for, and HTML or
nothing from the edge. The first byte that is not blank tells which to try; the Content-Type header is often wrong.
"""

from __future__ import annotations

import email.utils
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from xml.parsers import expat

BODY_BYTES_MAX = 256 * 1024
"""No fault comes near this size (the longest recorded is 2 kB): a longer body is cut there, and then only quoted."""

RETRY_AFTER_MAX_S = 86_400.0
"""A day. What lasts longer is a month's quota, and that is not a header's to say."""

_QUOTED_CHARS_MAX = 500
_FAULTS_MAX = 30
"""As many as a batch has items; more in one envelope say nothing new."""
_DEPTH_MAX = 4
"""`CDCResponse[0].Fault` is the deepest place where a fault was seen."""

_SECRETS = re.compile(
    r'(\\?"(?:access_token|refresh_token|id_token|client_secret|\w*TempDownloadUri)\\?"\s*:\s*\\?")[^"\\]*'
    r'|(?i:(token[^:"\n]{0,40}:\s*"?)[^\s"]+|\beyJ[\w.\-]{10,}|\bAB\d{2}\w{20,})'
)
"""A recorded 3200 quotes the access token: "Token expired: ...". Access tokens begin eyJ, refresh tokens AB11. Links of
attachments grant access. A member such as `"SyncToken":"0"` is none: its colon comes after a quote."""
_TELLTALE = ("token", "secret", "downloaduri", "eyj", "ab")
"""One of these stands, in some case, in whatever `_SECRETS` finds. Most texts have none, and looking is cheap."""
_TITLE = re.compile(r"(?is)<title>\s*([^<]{1,200})")
_CODE_IN_MESSAGE = re.compile(r"(?i)errorCode=0*(\d+)")


@dataclass(frozen=True, slots=True)
class Fault:
    """One error of an envelope, in Intuit's own words, without secrets."""

    code: str
    """Without leading zeros; empty where none was given."""
    message: str
    detail: str
    element: str = ""
    type: str = ""


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a body says went wrong."""

    faults: tuple[Fault, ...]
    text: str
    """Where there are no faults: a line to quote (an HTML title, or the beginning), possibly empty."""


def parse(body: bytes) -> Envelope:
    """The faults of `body`, or a line of it to quote. Never raises."""
    start = body[:BODY_BYTES_MAX].removeprefix(b"\xef\xbb\xbf").lstrip()
    faults: list[Fault] = []
    if start[:1] in (b"{", b"["):
        faults = faults_of(_json(start))
    elif start[:1] == b"<":
        faults = _xml_faults(start)
    return Envelope(tuple(faults), "" if faults else _quoted(start))


def faults_of(tree: object) -> list[Fault]:
    """The faults in a decoded JSON value: under a key `Fault` in any case, not deeper than answers have it."""
    found = [fault for node in _fault_nodes(tree, 0) for fault in _faults_in(node)]
    return found[:_FAULTS_MAX]


def holds_fault(members: Mapping[str, bytes]) -> bool:
    """Whether an object with these members is a fault. The gateway sends `"fault": null` where there is none."""
    return any(key.lower() == "fault" and value != b"null" for key, value in members.items())


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """What `Retry-After` asks for: seconds, or a date, which is read against the answer's own `Date`."""
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    if text.isascii() and text.replace(".", "", 1).isdigit():
        return min(float(text), RETRY_AFTER_MAX_S)
    try:
        until = email.utils.parsedate_to_datetime(text)
        since = email.utils.parsedate_to_datetime(headers.get("date", ""))
        wait_s = (until - since).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(wait_s, 0.0), RETRY_AFTER_MAX_S)


def redacted(text: str) -> str:
    """`text` without anything that looks like a token, and without characters that no log or database takes."""
    clean = text if text.isascii() else text.encode("utf-8", "replace").decode()
    clean = clean.replace("\x00", "")
    folded = clean.lower()
    if not any(word in folded for word in _TELLTALE):
        return clean
    return _SECRETS.sub(lambda found: f"{found[1] or found[2] or ''}***", clean)


def _json(body: bytes) -> object:
    try:
        # The standard decoder, because it takes lone surrogates; a fault is far too small for speed to matter.
        return json.loads(body.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None


def _fault_nodes(tree: object, depth: int) -> Iterator[Mapping[str, object]]:
    children: list[object] = []
    if isinstance(tree, dict):
        for key, value in tree.items():
            if key.lower() == "fault" and isinstance(value, dict):
                yield value
            else:
                children.append(value)
    elif isinstance(tree, list):
        children = tree[:_FAULTS_MAX]
    if depth < _DEPTH_MAX:
        for child in children:
            yield from _fault_nodes(child, depth + 1)


def _faults_in(node: Mapping[str, object]) -> Iterator[Fault]:
    fields = {key.lower(): value for key, value in node.items()}
    errors = fields.get("error")
    for error in errors if isinstance(errors, list) else [errors]:
        if isinstance(error, dict):
            yield _fault({key.lower(): _text(value) for key, value in error.items()}, _text(fields.get("type")))


def _fault(fields: Mapping[str, str], fault_type: str) -> Fault:
    message = redacted(fields.get("message", ""))
    in_message = _CODE_IN_MESSAGE.search(message)
    code = fields.get("code", "").strip() or (in_message[1] if in_message else "")
    return Fault(
        code=redacted(code.lstrip("0") if code.isdigit() else code)[:40],
        message=message,
        detail=redacted(fields.get("detail", "")),
        element=redacted(fields.get("element", "")),
        type=redacted(fault_type),
    )


def _text(value: object) -> str:
    return "" if value is None or isinstance(value, (dict, list)) else str(value)


def _quoted(start: bytes) -> str:
    text = start.decode("utf-8", "replace")
    title = _TITLE.search(text)
    return redacted(" ".join((title[1] if title else text[:_QUOTED_CHARS_MAX]).split()))


class _DoctypeError(Exception):
    """The XML declares a document type. Intuit's never does; entities are how XML is made to explode."""


class _FaultReader:
    """Collects `Fault/Error` with `Message` and `Detail` while expat walks through the document."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self._type = ""
        self._fields: dict[str, str] = {}
        self._into = ""

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        name = _local(tag)
        if name == "fault":
            self._type = attributes.get("type", "")
        elif name == "error":
            self._fields = {key.lower(): value for key, value in attributes.items()}
        self._into = name if name in {"message", "detail"} else ""

    def characters(self, text: str) -> None:
        if self._into:
            self._fields[self._into] = self._fields.get(self._into, "") + text

    def end(self, tag: str) -> None:
        self._into = ""
        if _local(tag) == "error":
            self.faults.append(_fault(self._fields, self._type))
            self._fields = {}

    def refuse(self, *_declaration: object) -> None:
        raise _DoctypeError


def _local(tag: str) -> str:
    return tag.rpartition(":")[2].lower()


def _xml_faults(body: bytes) -> list[Fault]:
    reader = _FaultReader()
    parser = expat.ParserCreate()
    parser.StartElementHandler = reader.start
    parser.CharacterDataHandler = reader.characters
    parser.EndElementHandler = reader.end
    parser.StartDoctypeDeclHandler = reader.refuse
    try:
        parser.Parse(body, True)  # expat's own positional: this is the whole document
    except (expat.ExpatError, _DoctypeError, ValueError, LookupError):
        return []
    return [replace(fault, message=fault.message.strip(), detail=fault.detail.strip()) for fault in reader.faults][
        :_FAULTS_MAX
    ]
