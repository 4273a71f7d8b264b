"""The HTTP face: the same answers as the in-process face, and what only HTTP has."""

from __future__ import annotations

import gzip
import json
import re
import socket
import zlib
from contextlib import asynccontextmanager

import aiohttp
import anyio
import pytest

from backfill.errors import UnavailableError
from backfill.simulator.server import serve
from backfill.simulator.settings import ServerLimits
from backfill.simulator.transport import SimulatedTokenEndpoint, SimulatedTransport
from backfill.wire import Lane, Request

REALM = "9130357000000001"


@asynccontextmanager
async def client(simulator):
    async with (
        serve(simulator) as port,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session,  # noqa: TID251 -- a test is the client
    ):
        yield session


def bearer(simulator) -> dict[str, str]:
    token = simulator.credentials(REALM).access_token
    return {"Authorization": f"Bearer {token}", "Accept": "application/json"}


def timeless(body: bytes) -> bytes:
    """A body without its own time, which no two answers share."""
    return re.sub(rb'"?time"?[:=]("[^"]*"|\d+)', b"", body)


CALLS = [
    ("GET", "/query", {"query": "SELECT * FROM Customer WHERE DisplayName LIKE '%+%' OR x"}, b""),
    ("GET", "/query", {"query": "SELECT * FROM Customer WHERE MetaData.CreateTime > '2020-01-01T00:00:00+05:30'"}, b""),
    ("POST", "/query", {"minorversion": "75"}, "SELECT * FROM Customer WHERE DisplayName LIKE '%😀'".encode()),
    ("POST", "/batch", {}, b'{"BatchItemRequest":[{"bId":"1","Query":"SELECT * FROM Invoice"}]}'),
    ("GET", "/cdc", {"entities": "Invoice,Bill", "changedSince": "2026-11-01T00:00:00-07:00"}, b""),
    ("GET", f"/companyinfo/{REALM}", {}, b""),
    ("GET", "/invoice/77", {}, b""),
    ("GET", "/invoice/1/pdf", {}, b""),
]


@pytest.mark.parametrize("encoding", ["gzip, deflate", "identity"])
async def test_both_faces_answer_the_same(simulator_of, encoding: str) -> None:
    """Byte for byte but for the times and the ids of the exchange."""
    simulator = simulator_of(limits=ServerLimits(requests_per_second=None))
    own = {"intuit_tid", "x-spanid", "x-amzn-trace-id"}
    only_http = {"date", "content-length", "content-encoding"}
    async with client(simulator) as session:
        for method, path, params, body in CALLS:
            for headers in (bearer(simulator), {"Accept": "application/json"}, bearer(simulator) | {"Accept": "a/b"}):
                asked = Request(
                    realm_id=REALM, lane=Lane.QUERY, method=method, path=path, params=tuple(params.items()),
                    headers=headers, body=body,
                )  # fmt: skip
                inside = await SimulatedTransport(simulator).send(asked, deadline=anyio.current_time() + 5)
                async with session.request(
                    method, f"/v3/company/{REALM}{path}", params=params, data=body or None,
                    headers=headers | {"Accept-Encoding": encoding},
                ) as response:  # fmt: skip
                    outside = await response.read()
                    found = {name.lower(): value for name, value in response.headers.items()}
                assert response.status == inside.status
                assert timeless(outside) == timeless(inside.body)
                assert {k: v for k, v in found.items() if k not in own | only_http} == {
                    k: v for k, v in inside.headers.items() if k not in own
                }
                assert own & found.keys() == own & inside.headers.keys()


async def test_large_answers_are_compressed_only_for_who_accepts_it(simulator_of) -> None:
    for accepts, setting, compressed in (("gzip", True, True), ("identity", True, False), ("gzip", False, False)):
        simulator = simulator_of(gzip=setting)
        async with client(simulator) as session:
            query = {"query": "SELECT * FROM Invoice"}
            headers = bearer(simulator) | {"Accept-Encoding": accepts}
            async with session.get(f"/v3/company/{REALM}/query", params=query, headers=headers) as response:
                assert ("Content-Encoding" in response.headers) == compressed
                assert (await response.json())["QueryResponse"]["maxResults"] == 6
            async with session.get(f"/v3/company/{REALM}/invoice/77", headers=headers) as response:
                assert "Content-Encoding" not in response.headers, "a small one gains nothing"


async def test_the_token_endpoint_over_http(simulator_of) -> None:
    simulator = simulator_of()
    held = simulator.credentials(REALM)
    headers = {"Authorization": aiohttp.encode_basic_auth(held.client_id, held.client_secret)}
    form = {"grant_type": "refresh_token", "refresh_token": held.refresh_token}
    async with client(simulator) as session:
        async with session.post("/oauth2/v1/tokens/bearer", data=form, headers=headers) as response:
            outside = await response.json()
            assert response.headers["intuit_tid"]
        inside = await SimulatedTokenEndpoint(simulator).post(form, headers, deadline=anyio.current_time() + 1)
        assert outside.keys() == json.loads(inside.body).keys()
        assert outside["refresh_token"] == held.refresh_token
        good = {"Authorization": f"Bearer {outside['access_token']}", "Accept": "application/json"}
        async with session.get(f"/v3/company/{REALM}/preferences", headers=good) as response:
            assert response.status == 200
        async with session.post("/oauth2/v1/tokens/bearer", data=form) as response:
            assert (response.status, await response.json()) == (401, {"error": "invalid_client"})


async def test_a_body_that_is_too_large_is_refused_with_a_page(simulator_of) -> None:
    simulator = simulator_of(body_bytes=1000)
    async with client(simulator) as session, session.post(
        f"/v3/company/{REALM}/batch", data=b" " * 1001, headers=bearer(simulator)
    ) as response:  # fmt: skip
        assert (response.status, response.content_type) == (413, "text/html")
        assert response.headers["intuit_tid"]
        assert "<title>413 Request Entity Too Large</title>" in await response.text()


async def test_an_upload_may_be_larger_and_has_a_limit_of_its_own(simulator_of) -> None:
    simulator = simulator_of(body_bytes=1000, upload_bytes=5000)
    content = b'--b\r\nContent-Disposition: form-data; name="file_content_1"; filename="a.txt"\r\n\r\n%b\r\n--b--\r\n'
    headers = bearer(simulator) | {"Content-Type": "multipart/form-data; boundary=b"}
    upload = f"/v3/company/{REALM}/upload"
    async with client(simulator) as session:
        async with session.post(upload, data=content % (b"x" * 4000), headers=headers) as response:
            made = (await response.json())["AttachableResponse"][0]["Attachable"]
            assert (response.status, made["Size"]) == (200, 4000)
        async with session.get(made["TempDownloadUri"]) as response:  # at this very server
            assert await response.read() == b"x" * 4000
        async with session.post(upload, data=content % (b"x" * 5000), headers=headers) as response:
            assert response.status == 400
            assert (await response.json())["Fault"]["Error"][0]["code"] == "6030"


async def test_a_compressed_body_is_understood_and_its_size_is_what_it_holds(simulator_of) -> None:
    simulator = simulator_of(body_bytes=1000)
    query = f"/v3/company/{REALM}/query"
    headers = bearer(simulator) | {"Content-Encoding": "gzip", "Content-Type": "application/text"}
    async with client(simulator) as session:
        statement = gzip.compress(b"SELECT * FROM Customer")
        async with session.post(query, data=statement, headers=headers) as response:
            assert (await response.json())["QueryResponse"]["maxResults"] == 4
        async with session.post(query, data=gzip.compress(b" " * 100_000), headers=headers) as response:
            assert response.status == 413
        for broken in (b"no gzip", statement[:-9], b""):
            async with session.post(query, data=broken, headers=headers) as response:
                assert (response.status, response.content_type) == (400, "text/html")
        for encoding, body, status in (("deflate", zlib.compress(b"SELECT * FROM Customer"), 200), ("br", b"", 400)):
            async with session.post(query, data=body, headers=headers | {"Content-Encoding": encoding}) as response:
                assert response.status == status


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("PUT", "/oauth2/v1/tokens/bearer", 405),
        ("OPTIONS", f"/v3/company/{REALM}/query", 200),
        ("HEAD", f"/v3/company/{REALM}/preferences", 200),
        ("PUT", f"/v3/company/{REALM}/preferences", 400),
        ("GET", f"/v3/company/{REALM}/nothing", 400),
        ("GET", f"/v3/company/{REALM}", 400),
        ("GET", f"/v3/company/{REALM}/", 400),
        ("GET", "/v3/company/1/preferences", 403),
        ("GET", f"/manage/entitlements/v3/{REALM}", 200),
        ("GET", "/manage/entitlements/v3/1", 403),
    ],
)
async def test_what_a_gateway_answers(simulator_of, method: str, path: str, status: int) -> None:
    simulator = simulator_of()
    headers = bearer(simulator) | {"Accept": "application/json, application/xml"}
    async with client(simulator) as session, session.request(method, path, headers=headers) as response:
        assert response.status == status
        assert response.headers["intuit_tid"]
        assert (await response.read() == b"") == (method in {"HEAD", "OPTIONS"})


async def test_links_and_discovery_lead_to_where_the_client_came(simulator_of) -> None:
    simulator = simulator_of()
    async with serve(simulator) as port, aiohttp.ClientSession() as session:  # noqa: TID251 -- a test is the client
        for host in (f"127.0.0.1:{port}", f"localhost:{port}"):
            async with session.get(f"http://{host}/.well-known/openid_configuration/") as response:
                assert (await response.json())["token_endpoint"] == f"http://{host}/oauth2/v1/tokens/bearer"


async def test_only_this_machine_is_served(simulator_of) -> None:
    async with serve(simulator_of()) as port:
        with socket.socket() as elsewhere:  # taken, if it listened on every address
            elsewhere.bind(("127.0.0.2", port))


async def test_a_given_port_is_used_and_free_again_afterwards(simulator_of) -> None:
    async with serve(simulator_of()) as port:
        pass
    for _ in range(2):
        async with serve(simulator_of(), port=port) as bound:
            assert bound == port


async def test_a_port_that_is_taken_is_said(simulator_of) -> None:
    async with serve(simulator_of()) as port:
        with pytest.raises(UnavailableError, match=str(port)):
            async with serve(simulator_of(), port=port):
                pytest.fail("served")


async def test_control_is_not_served_unless_asked_for(simulator_of) -> None:
    async with client(simulator_of()) as session, session.get("/control/log") as response:
        assert response.status == 404
