"""A QuickBooks of prebaked bytes: pages made once and served by bare threads, so that it is never the bottleneck.

Not the simulator: it has no books, no limits and no memory of who asked. Every entity of every realm has the
same rows, one a second by CreateTime, of realistic size. Run as a process of its own:

    python -m benchmarks.prebaked --rows 50000 [--gzip] [--latency-ms 0]

It prints its address, and serves until its stdin closes.
"""

from __future__ import annotations

import argparse
import json
import re
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache, partial
from itertools import accumulate
from urllib.parse import parse_qs, unquote_plus, urlsplit

from isal import igzip

from benchmarks.bare_http import Answer, serve

FIRST = datetime(2016, 1, 1, tzinfo=UTC)
"""CreateTime of the first row; each further one is a second later."""

PACIFIC = timezone(timedelta(hours=-8))
"""Times come with Intuit's own offset."""

ENTITIES = (
    "Invoice",
    "Payment",
    "Bill",
    "BillPayment",
    "Purchase",
    "JournalEntry",
    "SalesReceipt",
    "Deposit",
)
"""What the benchmarks read: transactions, which are the bulk of any company."""

STATEMENTS_KEPT = 10_000
"""To read them was a tenth of the server's work (measured); a warmed up one has read those of a load before."""

_BOUND = re.compile(r"MetaData\.(CreateTime|LastUpdatedTime) (>=|<=) '([^']+)'")
_FROM = re.compile(r"FROM (\w+)")
_PAGE = re.compile(r"STARTPOSITION (\d+) MAXRESULTS (\d+)")


def document(number: int) -> bytes:
    """One invoice of about 1.65 kB, as Intuit writes it."""
    when = (FIRST + timedelta(seconds=number)).astimezone(PACIFIC).isoformat()
    lines = [
        {
            "Id": str(line),
            "LineNum": line,
            "Description": f"Weekly gardening service, crew {number % 17}, visit {line} of the month",
            "Amount": "@120.50@",
            "DetailType": "SalesItemLineDetail",
            "SalesItemLineDetail": {
                "ItemRef": {"value": str(1 + line), "name": "Design:Gardening"},
                "UnitPrice": "@24.10@",
                "Qty": 5,
                "TaxCodeRef": {"value": "NON"},
            },
        }
        for line in range(1, 4)
    ]
    lines.append({"Amount": "@361.50@", "DetailType": "SubTotalLineDetail", "SubTotalLineDetail": {}})
    text = json.dumps(
        {
            "AllowIPNPayment": False,
            "AllowOnlinePayment": False,
            "AllowOnlineCreditCardPayment": False,
            "AllowOnlineACHPayment": False,
            "domain": "QBO",
            "sparse": False,
            "Id": str(number + 1),
            "SyncToken": str(number % 3),
            "MetaData": {"CreateTime": when, "LastUpdatedTime": when},
            "CustomField": [{"DefinitionId": "1", "Name": "Crew #", "Type": "StringType", "StringValue": "102"}],
            "DocNumber": str(1000 + number),
            "TxnDate": when[:10],
            "CurrencyRef": {"value": "USD", "name": "United States Dollar"},
            "LinkedTxn": [],
            "Line": lines,
            "CustomerRef": {"value": str(1 + number % 997), "name": f"Bäckerei Müller & Söhne {number % 997}"},
            "BillAddr": {"Id": "95", "Line1": "65 Ocean Dr.", "City": "Half Moon Bay", "PostalCode": "94213"},
            "SalesTermRef": {"value": "3", "name": "Net 30"},
            "DueDate": when[:10],
            "TotalAmt": "@361.50@",
            "ApplyTaxAfterDiscount": False,
            "PrintStatus": "NeedToPrint",
            "EmailStatus": "NotSet",
            "BillEmail": {"Address": "someone@example.com"},
            "Balance": "@361.50@",
        },
        ensure_ascii=False,
        separators=(",", ":"),
    )
    # Amounts keep their trailing zero, as the API sends them.
    return re.sub(r'"@([0-9.]+)@"', r"\1", text).encode()


class Rows:
    """All rows in one buffer, with where each begins."""

    def __init__(self, count: int) -> None:
        documents = [document(number) for number in range(count)]
        self.count = count
        self.buffer = memoryview(b",".join(documents))
        self.starts = list(accumulate((len(doc) + 1 for doc in documents), initial=0))

    def slice(self, first: int, last: int) -> memoryview:
        """The rows first..last-1, with commas between."""
        return self.buffer[self.starts[first] : self.starts[last] - 1]


class Answers:
    """What each call is answered. `gzipped` pages are compressed once and kept."""

    def __init__(self, rows: Rows, *, gzipped: bool) -> None:
        self.rows = rows
        self.gzipped = gzipped
        self._pages: dict[tuple[str, int, int], bytes] = {}

    def query(self, statement: str) -> list[bytes | memoryview]:
        """An answer to one statement, in parts."""
        return [*self._query_response(statement), b',"time":"', _time(), b'"}']

    def batch(self, body: bytes) -> list[bytes | memoryview]:
        """An answer to a batch of statements."""
        parts: list[bytes | memoryview] = [b'{"BatchItemResponse":[']
        for number, item in enumerate(json.loads(body)["BatchItemRequest"]):
            parts += [b"," if number else b"", *self._query_response(item["Query"])]
            parts += [b',"bId":', json.dumps(item["bId"]).encode(), b"}"]
        return [*parts, b'],"time":"', _time(), b'"}']

    def cdc(self, entities: str) -> list[bytes | memoryview]:
        """Nothing changed."""
        empty = ",".join("{}" for _ in entities.split(","))
        return [f'{{"CDCResponse":[{{"QueryResponse":[{empty}]}}],"time":"'.encode(), _time(), b'"}']

    def page(self, statement: str) -> bytes | None:
        """The compressed page for a statement that asks for one, made once."""
        if "COUNT(" in statement:
            return None
        entity, first, last = _asked(statement, self.rows.count)
        key = (entity, first, last)
        if key not in self._pages:
            self._pages[key] = igzip.compress(b"".join(self.query(statement)), compresslevel=1)
        return self._pages[key]

    def _query_response(self, statement: str) -> list[bytes | memoryview]:
        entity, first, last = _asked(statement, self.rows.count)
        if "COUNT(" in statement:
            return [b'{"QueryResponse":{"totalCount":%d}' % (last - first)]
        if first == last:
            return [b'{"QueryResponse":{}']
        head = b'{"QueryResponse":{"%s":[' % entity.encode()
        return [head, self.rows.slice(first, last), b'],"startPosition":1,"maxResults":%d}' % (last - first)]


@lru_cache(maxsize=STATEMENTS_KEPT)
def _asked(statement: str, count: int) -> tuple[str, int, int]:
    """What a statement asks of `count` rows: the entity, and first..last-1."""
    found = _FROM.search(statement)
    assert found is not None, statement
    first, last = 0, count if found[1] in ENTITIES else 0
    for attribute, operator, value in _BOUND.findall(statement):
        if attribute == "LastUpdatedTime" and operator == ">=":
            return found[1], 0, 0  # nobody changed anything
        second = int((datetime.fromisoformat(value) - FIRST).total_seconds())
        if operator == ">=":
            first = min(last, max(first, second))
        else:
            last = max(first, min(last, second + 1))
    page = _PAGE.search(statement)
    if page is not None:
        first = min(last, first + int(page[1]) - 1)
        last = min(last, first + int(page[2]))
    return found[1], first, last


@lru_cache(maxsize=STATEMENTS_KEPT)
def _statement(query: str) -> str:
    """The statement of a query string."""
    return parse_qs(query)["query"][0]


def _answer(answers: Answers, target: str, body: bytes) -> Answer:
    url = urlsplit(target)
    if url.path.endswith("/query"):
        statement = body.decode() if body else _statement(url.query)
        page = answers.page(unquote_plus(statement) if body else statement) if answers.gzipped else None
        return Answer(answers.query(statement)) if page is None else Answer([page], gzipped=True)
    if url.path.endswith("/batch"):
        return Answer(answers.batch(body))
    if url.path.endswith("/cdc"):
        return Answer(answers.cdc(parse_qs(url.query)["entities"][0]))
    if url.path.endswith("/bearer"):
        token = b'{"token_type":"bearer","access_token":"%s","expires_in":3600,' % (b"a" * 800)
        return Answer([token, b'"refresh_token":"bench","x_refresh_token_expires_in":8726400}'])
    return Answer([])


def _time() -> bytes:
    return datetime.now(UTC).isoformat(timespec="milliseconds").encode()


def main() -> None:
    """Make the rows, then serve."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--gzip", action="store_true")
    parser.add_argument("--latency-ms", type=float, default=0.0)
    given = parser.parse_args()
    answers = Answers(Rows(given.rows), gzipped=given.gzip)
    serve(partial(_answer, answers), latency_s=given.latency_ms / 1000)


if __name__ == "__main__":
    main()
