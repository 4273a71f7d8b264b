"""Files: several in a request, each with its own outcome; links that work and expire; contents within a bound."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from backfill.simulator.endpoints.attachments import TYPES
from backfill.simulator.endpoints.files import FileContent, Files
from backfill.simulator.settings import SimulatorSettings

MULTIPART = "multipart/form-data; boundary=b0"
PDF = b"%PDF-1.4 \xff\x00\r\n\r\n--b\r\n\n"


def part(name: str, data: bytes, *headers: str, newline: bytes = b"\r\n") -> bytes:
    head = [f'Content-Disposition: form-data; name="{name}"', *headers]
    return b"--b0" + newline + newline.join(line.encode() for line in head) + newline * 2 + data + newline


def pair(number: str, metadata: Any, data: bytes = PDF, newline: bytes = b"\r\n") -> bytes:
    return part(f"file_metadata_{number}", json.dumps(metadata).encode(), newline=newline) + part(
        f"file_content_{number}", data, newline=newline
    )


def named(name: str, **more: Any) -> dict[str, Any]:
    return {"FileName": name, "ContentType": "application/pdf"} | more


def linked(entity: str, object_id: str) -> list[dict[str, Any]]:
    return [{"EntityRef": {"type": entity, "value": object_id}}]


async def upload(client, *parts: bytes, end: bytes = b"--b0--\r\n") -> list[dict[str, Any]]:
    body = await client.json("POST", "/upload", body=b"".join(parts) + end, content_type=MULTIPART)
    assert list(body) == ["AttachableResponse", "time"]
    return body["AttachableResponse"]


async def download(client, object_id: str) -> bytes:
    answer = await client.ask("GET", f"/download/{object_id}", accept="*/*")
    assert answer.status == 200
    assert answer.content_type.startswith("text/plain")
    return (await client.open(answer.body.decode())).body


async def test_an_upload_is_an_attachable_whose_content_can_be_read_back(client) -> None:
    invoice = client.company.table("Invoice").all()[0].id
    (found,) = await upload(client, pair("01", named("a.pdf", AttachableRef=linked("Invoice", invoice), Note="n")))
    made = found["Attachable"]
    object_id = made["Id"]
    assert (made["SyncToken"], made["domain"], made["sparse"]) == ("0", "QBO", False)
    assert (made["FileName"], made["ContentType"], made["Size"], made["Note"]) == (
        "a.pdf", "application/pdf", len(PDF), "n"
    )  # fmt: skip
    assert made["FileAccessUri"] == f"/v3/company/{client.realm_id}/download/{object_id}"
    assert made["AttachableRef"] == [{"IncludeOnSend": False, **linked("Invoice", invoice)[0]}], "as recorded"
    assert (await client.open(made["TempDownloadUri"])).body == PDF
    assert await download(client, object_id) == PDF
    read = await client.json("GET", f"/attachable/{object_id}")
    assert read["Attachable"] | {"TempDownloadUri": ""} == made | {"TempDownloadUri": ""}
    belongs = f"AttachableRef.EntityRef.Type = 'invoice' and AttachableRef.EntityRef.value = '{invoice}'"
    asked = f"select Id from attachable where {belongs}"
    rows = (await client.json("GET", "/query", params={"query": asked}))["QueryResponse"]["Attachable"]
    assert object_id in [row["Id"] for row in rows]


async def test_each_file_of_a_request_has_an_outcome_of_its_own(client) -> None:
    parts = [
        pair("01", named("a.pdf")),
        pair("02", named("b.exe", ContentType="application/x-program")),
        pair("03", named("c.pdf", ContentType="x/y"), b""),
        pair("04", named("d.pdf", AttachableRef=linked("Nothing", "1"))),
        pair("12", named("d.pdf", AttachableRef=linked("Attachable", client.company.table("Attachable").all()[0].id))),
        pair("05", named("e.pdf", AttachableRef=linked("Invoice", "99999999"))),
        pair("06", ["no object"]),
        part("file_metadata_07", b"{"),
        part("file_content_07", PDF),
        part("file_metadata_08", b"{}"),
        part("file_content_10", b"x", "Content-Type: text/plain"),
        part("something_else", b"x"),
        pair("11", named("f.pdf", AttachableRef="x")),
    ]
    outcomes = await upload(client, *parts)
    codes = [found["Fault"]["Error"][0]["code"] if "Fault" in found else "" for found in outcomes]
    assert codes == ["", "6041", "", "6050", "6050", "6000", "6040", "6040", "2020", "", "6040"]
    assert outcomes[9]["Attachable"]["ContentType"] == "text/plain"
    before = len(client.company.table("Attachable"))
    await upload(client, pair("01", named("b.exe", ContentType="x/y")))
    assert len(client.company.table("Attachable")) == before, "what was refused left nothing behind"


async def test_names_and_kinds_come_from_the_content_where_the_metadata_has_none(client) -> None:
    content = b'--b0\r\nContent-Disposition: form-data; name="file_content_1"; filename="r.PNG"\r\n\r\nx\r\n'
    (found,) = await upload(client, content)
    assert (found["Attachable"]["FileName"], found["Attachable"]["ContentType"]) == ("r.PNG", "image/png")


@pytest.mark.parametrize("ending", sorted(TYPES))
async def test_every_documented_kind_is_taken(client, ending: str) -> None:
    (found,) = await upload(client, pair("01", {"FileName": f"a.{ending}"}))
    assert found["Attachable"]["ContentType"] == TYPES[ending]


async def test_a_kind_may_be_known_by_its_type_alone(client) -> None:
    """Both from the tests of public clients: a type of their own making, and a file of no bytes."""
    metadata = {"FileName": "notes", "ContentType": "application/txt"}
    (found,) = await upload(client, pair("01", metadata, b""))
    assert (found["Attachable"]["ContentType"], found["Attachable"]["Size"]) == ("application/txt", 0)


async def test_metadata_may_be_xml(client) -> None:
    """As the clients that speak XML send it."""
    invoice = client.company.table("Invoice").all()[0].id
    metadata = (
        '<?xml version="1.0"?><Attachable xmlns="http://schema.intuit.com/finance/v3"><AttachableRef>'
        f'<EntityRef type="Invoice">{invoice}</EntityRef></AttachableRef><FileName>a.txt</FileName>'
        "<ContentType>text/plain</ContentType></Attachable>"
    )
    parts = [part("file_metadata_0", metadata.encode()), part("file_content_0", b"x"), part("file_metadata_1", b"<a>")]
    found, broken = await upload(client, *parts, part("file_content_1", b"x"))
    assert found["Attachable"]["FileName"] == "a.txt"
    assert found["Attachable"]["AttachableRef"] == [{"IncludeOnSend": False, **linked("Invoice", invoice)[0]}]
    assert broken["Fault"]["Error"][0]["code"] == "6040"


async def test_a_file_for_what_is_not_there_is_refused_as_recorded(client) -> None:
    (found,) = await upload(client, pair("01", named("e.pdf", AttachableRef=linked("Estimate", "99999999"))))
    (error,) = found["Fault"]["Error"]
    assert error["Message"] == "A business validation error has occurred while processing your request"
    assert error["Detail"].startswith("Business Validation Error: The entity Estimate 99999999 that you are trying to")
    assert (error["code"], error["element"]) == ("6000", "")


async def test_what_the_server_gives_cannot_be_given(client) -> None:
    sent = named(
        "a.pdf", Id="1", SyncToken="7", Size=1, FileAccessUri="x", TempDownloadUri="y", MetaData={}, sparse=True
    )
    (found,) = await upload(client, pair("01", sent))
    made = found["Attachable"]
    assert made["Id"] != "1"
    assert (made["SyncToken"], made["Size"], made["sparse"]) == ("0", len(PDF), False)


async def test_bare_newlines_and_base64_are_understood(client) -> None:
    """As two public clients send it."""
    content = base64.encodebytes(PDF * 20)
    parts = part("file_metadata_01", json.dumps(named("a.pdf")).encode(), newline=b"\n") + part(
        "file_content_01", content, "Content-Transfer-Encoding: base64", newline=b"\n"
    )
    (found,) = await upload(client, b"\n", parts, end=b"--b0--\n")
    assert await download(client, found["Attachable"]["Id"]) == PDF * 20


@pytest.mark.parametrize(
    ("content_type", "body", "code"),
    [
        ("application/json", b"{}", "1050"),
        ("multipart/form-data", b"", "1050"),
        ("", b"", "1050"),
        (MULTIPART, b"", "6041"),
        (MULTIPART, pair("01", named("a.pdf")), "6041"),
        (MULTIPART, b"--b0\r\nno blank line\r\n--b0--", "6041"),
        (MULTIPART, part("file_content_1", b"!", "Content-Transfer-Encoding: base64") + b"--b0--", "6041"),
        (MULTIPART, part("other", b"x") + b"--b0--", "2020"),
        (MULTIPART, b"--b0--", "2020"),
        (MULTIPART, part("other", b"x") * 201 + b"--b0--", "6041"),
    ],
)
async def test_what_is_no_upload_is_a_fault(client, content_type: str, body: bytes, code: str) -> None:
    assert await client.code("POST", "/upload", body=body, content_type=content_type) == code


async def test_an_upload_that_is_too_large_is_a_fault_and_no_page(client) -> None:
    assert await client.code("POST", "/upload", oversize=True, content_type=MULTIPART) == "6030"


async def test_a_request_id_does_not_keep_an_upload_from_being_done_twice(client) -> None:
    """Nothing says that Intuit's does; a client that relies on it shall find out here."""
    sent = {"content_type": MULTIPART, "params": {"requestid": "r-1"}, "body": pair("01", named("a.pdf")) + b"--b0--"}
    first, again = [(await client.json("POST", "/upload", **sent))["AttachableResponse"] for _ in range(2)]
    assert first[0]["Attachable"]["Id"] != again[0]["Attachable"]["Id"]


async def test_links_expire(client) -> None:
    (found,) = await upload(client, pair("01", named("a.pdf")))
    link = found["Attachable"]["TempDownloadUri"]
    client.forward(seconds=899)
    assert (await client.open(link)).status == 200
    client.forward(seconds=1)
    gone = await client.open(link)
    assert (gone.status, gone.content_type) == (403, "application/xml")
    assert (await client.open(f"{link}A")).status == 403
    assert await download(client, found["Attachable"]["Id"]) == PDF, "a new one can be had"


async def test_no_two_companies_links_are_the_same(client_of) -> None:
    one, other = client_of(), client_of()
    other.simulator._files._key = b"another"
    (found,) = await upload(one, pair("01", named("a.pdf")))
    assert (await other.open(found["Attachable"]["TempDownloadUri"])).status == 403


async def test_contents_are_bounded_and_what_made_room_is_a_specimen(client_of) -> None:
    client = client_of(attachment_bytes=3 * len(PDF))
    ids = [(await upload(client, pair("01", named("a.pdf"))))[0]["Attachable"]["Id"] for _ in range(5)]
    assert client.simulator._files._held_bytes == 3 * len(PDF)
    contents = [await download(client, object_id) for object_id in ids]
    assert contents[2:] == [PDF] * 3
    assert all(content != PDF and content.startswith(b"%PDF-1.4\n") for content in contents[:2])


def test_what_takes_the_place_of_a_content_is_counted_once() -> None:
    files = Files(SimulatorSettings(attachment_bytes=10))
    for size in (4, 6, 9):
        files.keep("r", "1", FileContent(b"x" * size, "text/plain"))
        assert files._held_bytes == size
    files.drop("r", "1")
    files.drop("r", "1")
    assert (files._held_bytes, files.content("r", "1")) == (0, None)


async def test_files_of_the_seeded_history_have_content_of_their_kind(client) -> None:
    starts = {"application/pdf": b"%PDF-", "image/png": b"\x89PNG", "text/csv": b"it's"}
    seen = set()
    for row in client.company.table("Attachable").all():
        read = (await client.json("GET", f"/attachable/{row.id}"))["Attachable"]
        answer = await client.open(read["TempDownloadUri"])
        assert answer.content_type == read["ContentType"]
        assert answer.body.startswith(starts[answer.content_type])
        seen.add(answer.content_type)
    assert len(seen) >= 2


async def test_links_are_fresh_wherever_an_attachable_is_shown(client) -> None:
    (found,) = await upload(client, pair("01", named('q"uote "TempDownloadUri":"x" .pdf')))
    object_id = found["Attachable"]["Id"]
    statement = f"SELECT * FROM Attachable WHERE Id = '{object_id}'"
    queried = await client.json("GET", "/query", params={"query": statement})
    items = {"BatchItemRequest": [{"bId": "1", "Query": statement}]}
    batched = await client.json("POST", "/batch", body=json.dumps(items).encode())
    for shown in (
        queried["QueryResponse"]["Attachable"][0],
        batched["BatchItemResponse"][0]["QueryResponse"]["Attachable"][0],
    ):
        assert (await client.open(shown["TempDownloadUri"])).body == PDF
        assert shown["FileName"] == found["Attachable"]["FileName"]


@pytest.mark.parametrize("path", ["/download/1", "/download", "/download/1/2"])
async def test_what_is_not_there_cannot_be_downloaded(client, path: str) -> None:
    assert await client.code("GET", path) == "610"


async def test_a_note_without_a_file_cannot_be_downloaded(client) -> None:
    row = client.company.create("Attachable", {"Note": "only words"})
    assert await client.code("GET", f"/download/{row.id}") == "610"
