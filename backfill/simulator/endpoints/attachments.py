"""`POST /upload` and `GET /download/{id}`: files, the objects they belong to, and links to read them by."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import msgspec

from backfill.simulator.acting import Acting, Content
from backfill.simulator.catalogue import TRAITS
from backfill.simulator.company import Company
from backfill.simulator.documents import Doc, decode
from backfill.simulator.endpoints.files import FileContent, Files
from backfill.simulator.endpoints.multipart import Part, parts_of
from backfill.simulator.endpoints.refusals import (
    BAD_FILE,
    BAD_METADATA,
    UPLOAD_TOO_LARGE,
    bad_reference_type,
    unknown_reference,
)
from backfill.simulator.endpoints.specimen import specimen_of
from backfill.simulator.envelopes import Answer, fault_object
from backfill.simulator.faults import OBJECT_NOT_FOUND, FaultedError, required
from backfill.simulator.writing.completion import completed
from backfill.simulator.writing.desk import Desk
from backfill.simulator.xml_form import object_of

TEXT = "text/plain;charset=UTF-8"

TYPES: Mapping[str, str] = {
    "ai": "application/postscript",
    "csv": "text/csv",
    "doc": "application/msword",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "eps": "application/postscript",
    "gif": "image/gif",
    "jpeg": "image/jpeg",
    "jpg": "image/jpg",
    "ods": "application/vnd.oasis.opendocument.spreadsheet",
    "pdf": "application/pdf",
    "png": "image/png",
    "rtf": "text/rtf",
    "tif": "image/tif",
    "txt": "text/plain",
    "xls": "application/vnd.ms-excel",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "xml": "text/xml",
}
"""The documented kinds of files, by what a name ends in."""

_PART_NAME = re.compile(r"file_(metadata|content)_(\w+)")
_SERVERS_OWN = {"Id", "SyncToken", "MetaData", "domain", "sparse", "FileAccessUri", "TempDownloadUri", "Size"}


@dataclass(slots=True)
class _Pair:
    """The two parts that go together by the end of their names."""

    metadata: Part | None = None
    content: Part | None = None


def upload(acting: Acting) -> Content:
    """Every file in turn; a fault is the file's own. Raises `FaultedError` for a body that holds no files."""
    call = acting.call
    if call.oversize:
        raise FaultedError(UPLOAD_TOO_LARGE)
    pairs = _pairs(parts_of(call.headers.get("content-type", ""), call.body))
    if not pairs:
        raise FaultedError(required("file_content"))
    found = [_attached(pair, acting) for pair in pairs]
    return Content(b'"AttachableResponse":[%b]' % b",".join(found), len(found))


def download(acting: Acting) -> Answer:
    """The link to a file, as text. Raises `FaultedError` (610) for what is not there, or is a note without a file."""
    match acting.call.segments:
        case [_, object_id]:
            row = acting.company.table("Attachable").get(object_id)
        case _:
            row = None
    if row is None or "FileName" not in decode(row.doc):
        raise FaultedError(OBJECT_NOT_FOUND)
    link = acting.files.link(acting.call.origin, acting.call.realm_id, row.id, acting.instant)
    return Answer(200, link.encode(), TEXT, rows=1)


def content_of(company: Company, held: Files, object_id: str) -> FileContent | None:
    """A file's content: as it was uploaded, or, for the seeded history and what had to make room, a specimen."""
    row = company.table("Attachable").get(object_id)
    if row is None:
        return None
    return held.content(company.realm_id, object_id) or specimen_of(decode(row.doc))


def _pairs(parts: list[Part]) -> list[_Pair]:
    pairs: dict[str, _Pair] = {}
    for part in parts:
        named = _PART_NAME.fullmatch(part.name)
        if named is None:
            continue
        pair = pairs.setdefault(named[2], _Pair())
        if named[1] == "metadata":
            pair.metadata = part
        else:
            pair.content = part
    return list(pairs.values())


def _attached(pair: _Pair, acting: Acting) -> bytes:
    """One file's part of the answer."""
    try:
        doc = completed(Desk(acting.company, "Attachable", ""), _document(pair, acting.company))
        assert pair.content is not None, "a pair without content makes no document"
        row = acting.company.create("Attachable", doc)
        # The address has the Id in it; that is no change of the user's, and moves no SyncToken.
        address = {"FileAccessUri": f"/v3/company/{acting.call.realm_id}/download/{row.id}"}
        row = acting.company.replace("Attachable", row.id, doc | address, counted=False)
    except FaultedError as error:
        return b'{"Fault":%b}' % fault_object(error.fault)
    kept = FileContent(pair.content.data, doc["ContentType"])
    acting.files.keep(acting.call.realm_id, row.id, kept)
    return b'{"Attachable":%b}' % row.doc


def _document(pair: _Pair, company: Company) -> Doc:
    """The Attachable to be. Raises `FaultedError` for a file or metadata that will not do."""
    doc = _metadata(pair.metadata)
    if pair.content is None:
        raise FaultedError(required("file_content"))
    name = doc.get("FileName") or pair.content.file_name
    ending = str(name).rpartition(".")[2].lower()
    kind = doc.get("ContentType") or pair.content.content_type or TYPES.get(ending, "")
    if not isinstance(kind, str) or not _is_known(ending, kind):
        raise FaultedError(BAD_FILE)
    for reference in _references(doc):
        _check(reference, company)
    return doc | {
        "FileName": name or "attachment",
        "TempDownloadUri": "",  # there is a fresh one in every answer
        "Size": len(pair.content.data),
        "ContentType": kind,
    }


def _is_known(ending: str, kind: str) -> bool:
    """By the name's ending, by the type, or by a type that only ends as a name would (`application/txt`)."""
    return ending in TYPES or kind in TYPES.values() or kind.rpartition("/")[2].lower() in TYPES


def _metadata(part: Part | None) -> Doc:
    if part is None:
        return {}  # a file that belongs to nothing yet
    try:
        doc = object_of("Attachable", part.data) if part.data.lstrip().startswith(b"<") else decode(part.data)
    except (msgspec.MsgspecError, RecursionError, FaultedError) as error:
        raise FaultedError(BAD_METADATA) from error
    return {key: value for key, value in doc.items() if key not in _SERVERS_OWN}


def _references(doc: Doc) -> Iterator[Doc]:
    references = doc.get("AttachableRef", [])
    if not isinstance(references, list):
        raise FaultedError(BAD_METADATA)
    for reference in references:
        if not isinstance(reference, dict):
            raise FaultedError(BAD_METADATA)
        target = reference.get("EntityRef")
        if isinstance(target, dict):
            yield target


def _check(target: Doc, company: Company) -> None:
    """Raises `FaultedError` where the file is to belong to something that is not there."""
    sent = str(target.get("type", ""))
    entity = next((name for name in TRAITS if name.lower() == sent.lower()), None)
    if entity is None or entity == "Attachable":
        raise FaultedError(bad_reference_type(sent))
    object_id = str(target.get("value", ""))
    if company.table(entity).get(object_id) is None:
        raise FaultedError(unknown_reference(entity, object_id))
