"""What a company says of its books that a writer must know before the first write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from backfill.errors import UnreadableError
from backfill.jobs.questions import Questions
from backfill.qbo import query
from backfill.qbo.catalogue import CATALOGUE


@dataclass(frozen=True, slots=True)
class Books:
    """The preferences that matter."""

    closed_to: str
    """The last closed day, `2025-12-31`; empty: none is closed."""
    custom_numbers: bool
    """Sales forms keep the numbers that they are given; else QuickBooks counts, and does not mind one used twice."""
    server_time: datetime

    def is_closed(self, *documents: Mapping[str, Any] | None) -> bool:
        """Whether one of the documents, as it is or is to be, lies in the closed part of the books."""
        days = (str(document.get("TxnDate") or "") for document in documents if document is not None)
        return bool(self.closed_to) and any(day and day <= self.closed_to for day in days)


class _Accounting(msgspec.Struct):
    BookCloseDate: str | None = None


class _SalesForms(msgspec.Struct):
    CustomTxnNumbers: bool | None = None


class _Preferences(msgspec.Struct):
    AccountingInfoPrefs: _Accounting | None = None
    SalesFormsPrefs: _SalesForms | None = None


_PREFERENCES = msgspec.json.Decoder(_Preferences)


async def read_books(ask: Questions) -> Books:
    """One question. A company without preferences has nothing closed. Raises `UnreadableError`."""
    table = CATALOGUE["Preferences"]
    page = await ask.page(table, query.page(table, order_by=None))
    try:
        found = _PREFERENCES.decode(page.records[0].doc) if page.records else _Preferences()
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UnreadableError(
            f"The Preferences of realm {ask.realm_id} cannot be read: {error}.",
            realm_id=ask.realm_id,
            action="Run the same command again; if it stays so, look at the company's settings in QuickBooks.",
            code="unreadable",
        ) from error
    closed = (found.AccountingInfoPrefs or _Accounting()).BookCloseDate or ""
    custom = bool((found.SalesFormsPrefs or _SalesForms()).CustomTxnNumbers)
    return Books(closed_to=closed[:10], custom_numbers=custom, server_time=page.server_time)
