"""What a file of the seeded history holds, whose content nobody ever uploaded: small, and of the kind it says."""

from __future__ import annotations

import base64

from backfill.simulator.documents import Doc
from backfill.simulator.endpoints import pdf
from backfill.simulator.endpoints.files import FileContent

_PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+M8AAAMAAQHl9cQAAAAASUVORK5CYII="
)
"""A PNG of one pixel."""


def specimen_of(doc: Doc) -> FileContent:
    """The content of an Attachable that was not uploaded."""
    name, kind = str(doc.get("FileName", "")), str(doc.get("ContentType", ""))
    match kind:
        case "application/pdf":
            return FileContent(pdf.document([name]), kind)
        case "image/png":
            return FileContent(_PIXEL, kind)
        case _:
            return FileContent(f"{name}\n".encode(), kind or "application/octet-stream")
