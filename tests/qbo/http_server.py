"""A server on loopback for tests of the HTTP edge: it does as it is told, and no more."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

import anyio
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from backfill.errors import RequestError
from backfill.model import RealmId
from backfill.qbo import calls
from backfill.qbo.http import Http, open_http
from backfill.wire import Request

REALM = RealmId("4620816365")
ASKED = calls.query(REALM, "SELECT * FROM Customer WHERE DisplayName = 'A+B & 50%'")
WRITTEN = Request(realm_id=REALM, lane=calls.Lane.WRITE, method="POST", path="/customer", body=b'{"DisplayName":"x"}')


ANSWER_S = 60
"""A server on loopback answers in milliseconds; so long is waited only where a test fails, or the machine stalls."""

Step = bytes | float | int | None
"""What a server does next: sends bytes, waits seconds (a float), waits until it is busy with so many requests (an int),
or (None) cuts the connection hard."""


class Server:
    """A server on loopback that answers request by request as it is told; it parses no more than it must."""

    def __init__(self, answers: Sequence[Sequence[Step]]) -> None:
        self._answers = list(answers)
        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []
        self.connections = 0
        self.busy = self.busy_max = 0
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.heads.append(head)
                self.bodies.append(await reader.readexactly(_length(head)))
                self.busy += 1
                self.busy_max = max(self.busy, self.busy_max)
                for step in self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]:
                    if step is None:
                        writer.transport.abort()
                    elif isinstance(step, float):
                        await asyncio.wait_for(reader.read(), step) if step > 60 else await anyio.sleep(step)
                    elif isinstance(step, int):
                        while self.busy_max < step:  # noqa: ASYNC110  # a server that only tests look into
                            await anyio.sleep(0.01)
                    else:
                        writer.write(step)
                        await writer.drain()
                self.busy -= 1
        except (asyncio.IncompleteReadError, ConnectionError, TimeoutError):
            pass
        finally:
            writer.close()


def _length(head: bytes) -> int:
    lines = (line.split(b":") for line in head.lower().split(b"\r\n") if b":" in line)
    return next((int(parts[1]) for parts in lines if parts[0] == b"content-length"), 0)


def ok(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Content-Type: application/json", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


@asynccontextmanager
async def serving(
    *answers: Sequence[Step], max_body_bytes: int = 1_000_000, tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[Server, Http]]:
    server = Server(answers)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=tls, backlog=1000)
    server.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        async with open_http(server.url, f"{server.url}/token", max_body_bytes=max_body_bytes) as http:
            yield server, http
    finally:
        listening.close()
        await listening.wait_closed()


async def fails(http: Http, *, within_s: float = ANSWER_S, request: Request = ASKED) -> RequestError:
    with pytest.raises(RequestError) as caught:
        await http.api.send(request, deadline=anyio.current_time() + within_s)
    assert caught.value.realm_id == REALM
    return caught.value


def self_signed(folder: Path) -> ssl.SSLContext:
    """The TLS of a server that says it is 127.0.0.1 and that nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2120, 1, 1, tzinfo=UTC))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "server.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    pem.write_bytes(private + certificate.public_bytes(Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context
