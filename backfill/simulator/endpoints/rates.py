"""`GET /exchangerate` and `GET /taxclassification...`: reads with a form of their own."""

from __future__ import annotations

from datetime import date

from backfill.simulator.acting import Acting, Content
from backfill.simulator.documents import decode
from backfill.simulator.endpoints.refusals import bad_number
from backfill.simulator.faults import FaultedError, bad_date, no_resource
from backfill.simulator.query.answer import query_response
from backfill.simulator.reads import BY_PATH, read_object, read_rate
from backfill.simulator.stored import StoredObject


def exchange_rate(acting: Acting) -> Content:
    """`?sourcecurrencycode=EUR[&asofdate=2024-01-31]`."""
    params = {name.lower(): value for name, value in acting.call.params.items()}
    if "asofdate" in params:
        try:
            date.fromisoformat(params["asofdate"])
        except ValueError as error:
            raise FaultedError(bad_date(params["asofdate"], "asofdate")) from error
    return Content(read_rate(params, acting.company), 1)


def tax_classification(acting: Acting) -> Content:
    """All of them, those of `?level=`, those right below a parent (`/{parent}/children`), or one."""
    rows = acting.company.table("TaxClassification").all()
    match acting.call.segments:
        case [_]:
            return _listed([row for row in rows if _at_level(row, acting.call.params.get("level"))])
        case [_, parent, "children"]:
            return _listed([row for row in rows if decode(row.doc).get("ParentRef", {}).get("value") == parent])
        case [path, object_id]:
            return Content(read_object(BY_PATH[path], object_id, acting.company), 1)
        case _:
            raise FaultedError(no_resource(f"/v3/company/{acting.call.realm_id}{acting.call.path}"))


def _listed(rows: list[StoredObject]) -> Content:
    found = query_response("TaxClassification", [row.doc for row in rows], len(rows))
    return Content(b'"QueryResponse":' + found, len(rows))


def _at_level(row: StoredObject, level: str | None) -> bool:
    if level is None:
        return True
    if not level.isdecimal():
        raise FaultedError(bad_number(level, "level"))
    return str(decode(row.doc).get("Level", "")) == level
