"""Bodies of several parts, as lenient as a service must be: some clients end lines with a bare newline."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import Message
from email.parser import HeaderParser

from backfill.simulator.endpoints.refusals import BAD_FILE, bad_content_type
from backfill.simulator.faults import FaultedError

PARTS_MOST = 200
"""Parts of one body: a hundred files with their metadata. Not documented; some number has to be the last."""

_BLANK_LINE = re.compile(rb"\r?\n\r?\n")


@dataclass(frozen=True, slots=True)
class Part:
    """One part, decoded. `file_name` and `content_type` are empty where it does not say."""

    name: str
    file_name: str
    content_type: str
    data: bytes = field(repr=False)


def parts_of(content_type: str, body: bytes) -> list[Part]:
    """The parts of a multipart body in order. Raises `FaultedError` for a body that is none, or is cut."""
    header = Message()
    header["content-type"] = content_type
    boundary = header.get_boundary()
    if header.get_content_maintype() != "multipart" or not boundary:
        raise FaultedError(bad_content_type(header.get_content_type()))
    parts: list[Part] = []
    for raw in _between_boundaries(boundary.encode(errors="replace"), body):
        parts.append(_part(raw))
        if len(parts) > PARTS_MOST:
            raise FaultedError(BAD_FILE)
    return parts


def _between_boundaries(boundary: bytes, body: bytes) -> Iterator[bytes]:
    """What lies between one boundary and the next; nothing where the last one is missing."""
    boundaries = re.compile(rb"(?:\A|\r?\n)--" + re.escape(boundary) + rb"(--)?[ \t]*(?=\r?\n|\Z)")
    begin: int | None = None
    for found in boundaries.finditer(body):
        if begin is not None:
            yield body[begin : found.start()]
        if found[1]:
            return
        begin = found.end()
    raise FaultedError(BAD_FILE)


def _part(raw: bytes) -> Part:
    blank = _BLANK_LINE.search(raw)
    if blank is None:
        raise FaultedError(BAD_FILE)
    # UTF-8, as browsers send names; a byte that is none shows as a replacement character.
    headers = HeaderParser().parsestr(raw[: blank.start()].decode(errors="replace").lstrip())
    data = raw[blank.end() :]
    if headers.get("content-transfer-encoding", "").strip().lower() == "base64":
        try:
            data = base64.b64decode(b"".join(data.split()), validate=True)
        except binascii.Error as error:
            raise FaultedError(BAD_FILE) from error
    name = headers.get_param("name", header="content-disposition")
    content_type = headers.get_content_type() if "content-type" in headers else ""
    return Part(name if isinstance(name, str) else "", headers.get_filename() or "", content_type, data)
