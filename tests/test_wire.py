"""What goes over the seam."""

from __future__ import annotations

from backfill.model import RealmId
from backfill.wire import Lane, Request


def test_a_request_shows_neither_header_values_nor_its_body() -> None:
    request = Request(
        realm_id=RealmId("9130"),
        lane=Lane.WRITE,
        method="POST",
        path="/invoice",
        params=(("requestid", "r-1"),),
        headers={"Authorization": "Bearer hidden"},
        body=b"hidden",
        coming=lambda: None,
    )
    assert repr(request) == "Request(9130, write, POST /invoice, (('requestid', 'r-1'),), 1)"
