"""The contents of attachments, and the links that grant access to them for a quarter of an hour."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime

import msgspec

from backfill.simulator.call import Call
from backfill.simulator.settings import SimulatorSettings

DOWNLOADS = "/attachments"
"""Where links lead: another host at Intuit's, a path beside the API here."""
_SIGNATURE_BYTES = 32  # SHA-256
# An Attachable has no Id inside but its own, which comes before its link; text inside quotes is escaped.
_ID_OR_LINK = re.compile(rb'"Id":"([^"]*)"|"(Temp|ThumbnailTemp)DownloadUri":"[^"]*"')


@dataclass(frozen=True, slots=True)
class FileContent:
    """What was uploaded, as it came."""

    data: bytes
    content_type: str


class _Link(msgspec.Struct, frozen=True):
    """What a link says under its signature."""

    realm: str
    file: str
    expires: float


def shows_files(call: Call) -> bool:
    """Whether the answer may have Attachables in it, without a look at an answer that may be large.

    Change data capture does not carry them.
    """
    match call.segments[0]:
        case "attachable" | "upload":
            return True
        case "query" if call.method == "GET":
            return "attachable" in call.params.get("query", "").lower()
        case "query" | "batch":
            return b"attachable" in call.body.lower()
        case _:
            return False


class Files:
    """Holds at most `attachment_bytes` of uploaded contents; the oldest make room. Links are signed, not kept."""

    def __init__(self, settings: SimulatorSettings, *, key: bytes = b"") -> None:
        self._settings = settings
        self._key = hashlib.sha256(key + b":files").digest()
        self._contents: OrderedDict[tuple[str, str], FileContent] = OrderedDict()
        self._held_bytes = 0

    def keep(self, realm_id: str, object_id: str, content: FileContent) -> None:
        """Hold the content of an Attachable, instead of what it had before."""
        self.drop(realm_id, object_id)
        self._contents[realm_id, object_id] = content
        self._held_bytes += len(content.data)
        while self._held_bytes > self._settings.attachment_bytes:
            _, oldest = self._contents.popitem(last=False)
            self._held_bytes -= len(oldest.data)

    def drop(self, realm_id: str, object_id: str) -> None:
        """Forget the content of an Attachable, if there is one."""
        old = self._contents.pop((realm_id, object_id), None)
        if old is not None:
            self._held_bytes -= len(old.data)

    def content(self, realm_id: str, object_id: str) -> FileContent | None:
        return self._contents.get((realm_id, object_id))

    def link(self, origin: str, realm_id: str, object_id: str, now: datetime) -> str:
        """An address that anybody can read the content from until it expires."""
        said = msgspec.json.encode(
            _Link(realm_id, object_id, now.timestamp() + self._settings.download_link_life_s),
        )
        token = base64.urlsafe_b64encode(hmac.digest(self._key, said, "sha256") + said).decode().rstrip("=")
        return f"{origin}{DOWNLOADS}/{token}"

    def opened(self, token: str, now: datetime) -> tuple[str, str] | None:
        """Realm and Attachable of a link's last part; None if it is not ours, or expired."""
        try:
            raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except ValueError:
            return None
        signature, said = raw[:_SIGNATURE_BYTES], raw[_SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, hmac.digest(self._key, said, "sha256")):
            return None
        link = msgspec.json.decode(said, type=_Link)
        return (link.realm, link.file) if now.timestamp() < link.expires else None

    def with_links(self, body: bytes, origin: str, realm_id: str, now: datetime) -> bytes:
        """An answer's JSON in which every Attachable has a link that works; stored ones have expired long ago."""
        last = ""

        def renewed(found: re.Match[bytes]) -> bytes:
            nonlocal last
            if found[2] is None:
                last = found[1].decode()
                return found[0]
            return b'"%bDownloadUri":%b' % (found[2], msgspec.json.encode(self.link(origin, realm_id, last, now)))

        return _ID_OR_LINK.sub(renewed, body)
