"""Which table an entity's rows are in."""

from __future__ import annotations

import re

from backfill.entities import ENTITIES


def table_of(entity: str) -> str:
    """`qbo.credit_memo` for `CreditMemo`. Raises KeyError for a name that is no entity: it would become SQL."""
    if entity not in ENTITIES:
        raise KeyError(entity)
    return f"qbo.{re.sub(r'(?<!^)(?=[A-Z])', '_', entity).lower()}"
