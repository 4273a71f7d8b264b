"""A transport that turns an answer into an error with a disposition, or passes it on."""

from __future__ import annotations

from backfill.errors import RequestError
from backfill.qbo.envelopes import holds_fault, parse, retry_after_s
from backfill.qbo.fault_errors import fault_error, refusal_error, unreadable_error
from backfill.qbo.faults import rule_of_text
from backfill.qbo.splitter import SplitError, members
from backfill.wire import Request, Response, Transport

_HEAD_BYTES = 512
"""Where a 2xx answer would say `Fault`: an answer with a fault has nothing else to say, so only its `time` and
null siblings stand before it (60 bytes in the recordings). A page of 2 MB is therefore not searched, let alone decoded.
What this overlooks, the decoders find: they miss the QueryResponse."""

_LARGE_BYTES = 4 * 1024 * 1024
"""Twice a page of a thousand invoices. Only what is larger is looked through: that takes a quarter of decoding it."""
_BYTES_PER_COMMA_MIN = 12
"""Intuit's documents have a comma to 24 bytes. What has one to two or three is made of nothing but pieces, each of
which would take fifty times its bytes to decode."""


class Checked:
    """Raises for all but a 2xx answer that looks like what was asked for."""

    def __init__(self, inner: Transport) -> None:
        self._inner = inner

    async def send(self, request: Request, *, deadline: float) -> Response:
        """As `Transport.send`. Raises `FaultError`, `ThrottledError` or `UnreadableError` for what is no answer."""
        response = await self._inner.send(request, deadline=deadline)
        try:
            check(response, request)
        except RequestError as error:
            error.answer = response.body
            raise
        return response


def check(response: Response, request: Request) -> None:
    """Raise the error that `response` is, if it is one. Costs microseconds where it is not."""
    if not 200 <= response.status < 300:
        raise refusal_error(
            parse(response.body),
            request,
            status=response.status,
            intuit_tid=response.intuit_tid,
            retry_after_s=retry_after_s(response.headers),
        )
    if request.headers.get("Accept") != "application/json":
        return
    head, tail = response.body[:_HEAD_BYTES].lstrip(), response.body[-_HEAD_BYTES:].rstrip()
    if not (head.startswith((b"{", b"[")) and tail.endswith((b"}", b"]"))):
        _refuse_non_json(response, request)
    size = len(response.body)
    if size > _LARGE_BYTES and response.body.count(b",") > size // _BYTES_PER_COMMA_MIN:
        why = f"its {size} bytes are nothing but small pieces"
        raise unreadable_error(why, request, status=response.status, intuit_tid=response.intuit_tid)
    if b'"Fault"' in head or b'"fault"' in head:
        _refuse_fault(response, request)


def _refuse_non_json(response: Response, request: Request) -> None:
    """Not JSON, or cut: an XML fault, the bare text of a lapsed subscription, or nothing that can be understood."""
    envelope = parse(response.body)
    if envelope.faults or rule_of_text(envelope.text) is not None:
        raise refusal_error(envelope, request, status=response.status, intuit_tid=response.intuit_tid)
    why = "it is empty" if not response.body.strip() else "it is not JSON, or not whole"
    raise unreadable_error(why, request, status=response.status, intuit_tid=response.intuit_tid)


def _refuse_fault(response: Response, request: Request) -> None:
    """The word stands in the head: as a member of the answer, or (a batch's items, a customer's name) deeper."""
    try:
        if not holds_fault(members(response.body)):
            return
    except SplitError:
        return  # the decoder says better what is wrong with it
    faults = parse(response.body).faults
    if faults:
        raise fault_error(faults, request, status=response.status, intuit_tid=response.intuit_tid)
    raise unreadable_error("its fault says nothing", request, status=response.status, intuit_tid=response.intuit_tid)
