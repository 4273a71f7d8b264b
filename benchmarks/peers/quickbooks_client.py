"""python-quickbooks pointed at the server, and the inserts that both of its peers share."""

from __future__ import annotations

import os
from collections.abc import Iterable
from types import SimpleNamespace

import psycopg2
from asked import REALM, Asked
from psycopg2.extras import execute_values
from quickbooks import QuickBooks


def client(asked: Asked) -> QuickBooks:
    """A client as its documentation makes one. It asks for no token: the one that it is given lives."""
    # requests-oauthlib refuses plain HTTP, which the server on this machine speaks.
    os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"
    # What it reads of Intuit's AuthClient, which would first ask Intuit itself where its endpoints are.
    auth_client = SimpleNamespace(
        client_id="bench", environment="production", access_token="a" * 800, refresh_token="bench"
    )
    made = QuickBooks(auth_client=auth_client, refresh_token="bench", company_id=REALM, minorversion=75)
    made.api_url_v3 = f"{asked.address}/v3"
    return made


class Table:
    """One entity's table, filled page by page as psycopg2's documentation says is fast."""

    def __init__(self, asked: Asked, entity: str) -> None:
        self._name = asked.table(entity)
        self._connection = psycopg2.connect(asked.dsn)
        with self._connection, self._connection.cursor() as cursor:
            cursor.execute(f"CREATE TABLE {self._name} (realm_id text, id text, doc jsonb, PRIMARY KEY (realm_id, id))")

    def insert(self, documents: Iterable[tuple[str, str]]) -> None:
        """Land a page of Ids and documents, in a transaction."""
        rows = [(REALM, identifier, text) for identifier, text in documents]
        with self._connection, self._connection.cursor() as cursor:
            execute_values(
                cursor, f"INSERT INTO {self._name} (realm_id, id, doc) VALUES %s", rows, page_size=len(rows) or 1
            )

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()
