"""The table of all companies, found and turned over on the server, and one company's own page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any
from urllib.parse import urlencode

import msgspec

from backfill.dashboard.html import (
    COMPANIES,
    Column,
    Html,
    Shown,
    ago,
    at_most,
    banner,
    company,
    duration,
    element,
    facts,
    joined,
    link,
    marked,
    moment,
    page,
    table,
    trouble,
)
from backfill.dashboard.looks import Seen
from backfill.dashboard.snapshot import meaning
from backfill.model import RealmId
from backfill.qbo.expiries import Expiry, TokenDates, expiry
from backfill.store.company_status import CompanyStatus
from backfill.store.database import Database
from backfill.store.owners import owner_in_words
from backfill.store.status import ProofRow, Status

COMPANIES_A_PAGE = 50
"""A screenful or two."""
CALLS_SHOWN = 20
ASIDE_SHOWN = 50
LOADS_SHOWN = 10
RUNS_SHOWN = 5
VERIFICATIONS_SHOWN = 200
"""There is one for each of forty entities, and one for the trial balance."""
TEXT_MOST = 100
"""Characters that are looked for."""

KINDS: Mapping[str, str] = {
    "": "all",
    "parked": "parked",
    "unproven": "not proven",
    "differing": "not equal",
    "unread": "never read",
    "working": "being worked on",
}
"""What the table can be narrowed to."""


class Asked(msgspec.Struct, frozen=True):
    """Which companies, and which page of them (from 1 on)."""

    text: str = ""
    kind: str = ""
    page: int = 1

    def address(self, page: int) -> str:
        """Of another page of the same."""
        return f"{COMPANIES}?{urlencode({'text': self.text, 'kind': self.kind, 'page': page})}"


def asked(query: Mapping[str, str]) -> Asked:
    """What an address asks for; of what makes no sense, the first page of all."""
    # What Postgres has no way to store cannot be found either.
    text = query.get("text", "").encode(errors="replace").decode().replace("\0", "")[:TEXT_MOST].strip()
    kind, number = query.get("kind", ""), query.get("page", "")
    whole = number.isascii() and number.isdigit() and len(number) < 10
    return Asked(text, kind if kind in KINDS else "", max(1, int(number)) if whole else 1)


class Companies(msgspec.Struct, frozen=True):
    """A page of the table."""

    asked: Asked
    of: int
    """Companies that are such, on all pages."""
    pages: int
    rows: Sequence[Mapping[str, Any]]
    at: datetime


class Company(msgspec.Struct, frozen=True):
    """All that is shown of one company."""

    at: datetime
    realm: Mapping[str, Any]
    ends: Expiry | None
    """None: it has no token."""
    proofs: Sequence[ProofRow]
    verifications: Mapping[str, Mapping[str, Any]]
    aside: Sequence[Mapping[str, Any]]
    calls: Sequence[Mapping[str, Any]]
    loaded: Sequence[Mapping[str, Any]]
    runs: Sequence[Mapping[str, Any]]


class CompanyLooks:
    """Asks for them. Raises `UnavailableError`."""

    def __init__(self, database: Database, *, now: Callable[[], datetime]) -> None:
        self._stored = CompanyStatus(database)
        self._status = Status(database)
        self._now = now

    async def companies(self, wanted: Asked) -> Companies:
        """One page; the last one where there are not so many."""
        of = await self._stored.how_many(wanted.text, wanted.kind)
        pages = max(1, -(-of // COMPANIES_A_PAGE))
        wanted = msgspec.structs.replace(wanted, page=min(wanted.page, pages))
        offset = (wanted.page - 1) * COMPANIES_A_PAGE
        rows = await self._stored.page(wanted.text, wanted.kind, limit=COMPANIES_A_PAGE, offset=offset)
        return Companies(wanted, of, pages, rows, self._now())

    async def company(self, realm_id: RealmId) -> Company | None:
        """One company; None if it is not registered."""
        stored, now = self._stored, self._now()
        realm = await stored.company(realm_id)
        if realm is None:
            return None
        dates = {name: realm[name] for name in TokenDates.__dataclass_fields__}
        verifications = await stored.verifications(realm_id, limit=VERIFICATIONS_SHOWN)
        return Company(
            now,
            realm,
            expiry(TokenDates(**dates), now) if realm["connected"] else None,
            await self._status.proofs(realm_id),
            {row["entity"]: row for row in verifications},
            await stored.aside(realm_id, limit=ASIDE_SHOWN + 1),
            await stored.last_calls(realm_id, limit=CALLS_SHOWN),
            await stored.loaded(realm_id, loads=LOADS_SHOWN),
            await stored.last_runs(realm_id, limit=RUNS_SHOWN),
        )


def companies_page(seen: Seen[Companies], wanted: Asked) -> bytes:
    """The table, with what it is narrowed by above it."""
    found = seen.value
    parts = [trouble(seen), element("h1", "Companies")]
    if found is not None:
        which = f" that are {KINDS[found.asked.kind]}" if found.asked.kind else ""
        parts.append(element("p", f"{found.of:,}{which}, page {found.asked.page:,} of {found.pages:,}", kind="soft"))
        parts.append(element("section", _companies_table(found), _turning(found)))
    return page("Companies", joined(parts), above=_form(wanted), alone=False)


def _form(wanted: Asked) -> Html:
    options = joined(
        Html(f'<option value="{kind}"{" selected" if kind == wanted.kind else ""}>{words}</option>')
        for kind, words in KINDS.items()
    )
    # A value is escaped as any text is: quotation marks, too.
    text = element("i", wanted.text).removeprefix("<i>").removesuffix("</i>")
    return Html(
        f'<form action="{COMPANIES}"><input type="search" name="text" value="{text}" maxlength="{TEXT_MOST}"'
        f' placeholder="Name, or how the id begins" aria-label="Name, or how the id begins">'
        f'<select name="kind" aria-label="Which companies">{options}</select><button>Find</button></form>'
    )


def _companies_table(found: Companies) -> Html:
    if not found.rows:
        return element("p", "There is none.", kind="soft")
    columns = (
        *(Column("Company", "name"), Column("Id", "word"), Column("State", "word"), Column("Entities proven", "n")),
        *(Column("Not proven", "n"), Column("Rows held", "n"), Column("Set aside", "n"), Column("Not equal", "n")),
        *(Column("As of (UTC)", "word"), Column("", "soft")),
    )
    rows = (
        (
            *(company(row["realm_id"], row["name"]), row["realm_id"], _state(row), row["proven"]),
            *(_bad(row["unproven"]), row["held"], at_most(row["quarantined"]), _bad(row["differing"])),
            *(moment(row["watermark"]), row["parked_message"]),
        )
        for row in found.rows
    )
    return table(columns, rows)


def _turning(found: Companies) -> Html:
    number = found.asked.page
    to = (("first", 1), ("previous", number - 1), ("next", number + 1), ("last", found.pages))
    there = [link(found.asked.address(at), name) for name, at in to if 1 <= at <= found.pages and at != number]
    return element("nav", *there, kind="pages") if there else Html("")


def _state(row: Mapping[str, Any]) -> Html:
    if row["state"] == "parked":
        return marked("parked", "bad")
    if row["working"]:
        return marked("worked on", "good")
    if row["unproven"]:
        return marked("not proven", "bad")
    return marked("proven", "good") if row["proven"] else marked("never read", "soft")


def _bad(number: int) -> Shown:
    return marked(number, "bad") if number else 0


def company_page(seen: Seen[Company | None], realm_id: RealmId) -> bytes:
    """One company; that it is none, if it is not registered."""
    name = seen.value.realm["name"] if seen.value else ""
    parts = [trouble(seen), element("h1", element("bdi", name or f"Company {realm_id}"))]
    if seen.value is not None:
        parts += _company_parts(seen.value)
    elif not seen.trouble:
        parts.append(element("p", f"Realm {realm_id} is not registered. See which are: backfill realms list"))
    return page(name or realm_id, joined(parts))


def _company_parts(of: Company) -> Iterator[Html]:
    realm = of.realm
    yield element("p", f"QuickBooks company {realm['realm_id']}, as of {moment(of.at)} UTC", kind="soft")
    if realm["state"] == "parked":
        why = f"{realm['parked_message']} ({realm['parked_code']}). What to do: {realm['parked_action']}"
        yield banner("bad", f"Parked {ago(realm['parked_at'], of.at)}", why)
    if of.ends is None:
        yield banner("bad", "It has no token", "Import it: backfill realms import FILE")
    elif of.ends.message:
        yield banner("open", of.ends.message.capitalize(), f"What to do: {of.ends.action}")
    yield element("section", facts(_known(of)))
    yield element("section", element("h2", "Proofs, entity by entity"), _proofs(of))
    yield from _aside(of)
    yield from _loaded(of)
    yield element("section", element("h2", "The last calls"), _calls(of))
    yield element("section", element("h2", "The last runs with it"), _runs(of))


def _known(of: Company) -> Iterator[tuple[str, Shown]]:
    realm = of.realm
    proven = sum(row.proof.proven for row in of.proofs)
    yield "entities proven", Html(f"{proven:,} {marked(f'of {len(of.proofs):,}', 'soft')}")
    yield "rows held", sum(row.proof.landed_live for row in of.proofs)
    yield "worked on by", owner_in_words(realm["worked_on_by"]) if realm["worked_on_by"] else "nobody"
    yield "armed for writing", "yes" if realm["armed"] else "no"
    if of.ends is not None:
        yield "unused, its token lives until", f"{of.ends.unused_until:%Y-%m-%d}"
        yield "the consent ends", f"{of.ends.consent_until:%Y-%m-%d}"
    yield "weight", f"{realm['weight']:g}"


def _proofs(of: Company) -> Html:
    if not of.proofs:
        return element(
            "p", f"Nothing is proven yet. Begin: backfill extract --realm {of.realm['realm_id']}", kind="soft"
        )
    columns = (
        *(Column("Entity", "name"), Column("Proven", "word"), Column("Counted", "n"), Column("Landed", "n")),
        *(Column("Aside", "n"), Column("Watermark (UTC)", "word"), Column("How", "soft"), Column("Verified", "soft")),
    )
    rows = (
        (
            row.proof.entity,
            marked("yes", "good") if row.proof.proven else marked("NO", "bad"),
            *("" if row.proof.counted is None else row.proof.counted, row.proof.landed_live, row.proof.quarantined),
            moment(row.proof.watermark),
            f"{row.proof.method}: {row.proof.reason}" if row.proof.reason else row.proof.method,
            _verified(of.verifications.get(row.proof.entity), of.at),
        )
        for row in sorted(of.proofs, key=lambda row: row.proof.proven)
    )
    balance = of.verifications.get("TrialBalance")
    said = element("p", "Trial balance: ", _verified(balance, of.at)) if balance else Html("")
    return joined([table(columns, rows), said])


def _verified(found: Mapping[str, Any] | None, now: datetime) -> Shown:
    if found is None:
        return ""
    when = ago(found["verified_at"], now)
    if found["equal"] is None:
        return f"not compared, {when}: {found['note']}"
    note = f": {found['note']}" if found["note"] else ""
    if found["equal"]:
        return f"equal, {found['compared']:,} compared {when}{note}"
    return marked(f"{found['differing']:,} differ, {when}{note}", "bad")


def _aside(of: Company) -> Iterator[Html]:
    if of.aside:
        columns = (Column("Entity", "name"), Column("Id", "word"), Column("Since", "word"), Column("Why", "soft"))
        rows = (
            (row["entity"], row["id"], ago(row["refused_at"], of.at), f"{row['message']} ({row['code']})")
            for row in of.aside[:ASIDE_SHOWN]
        )
        more = (
            element("p", "There are more: backfill status --realm REALM") if len(of.aside) > ASIDE_SHOWN else Html("")
        )
        yield element("section", element("h2", "Rows set aside"), table(columns, rows), more)


def _loaded(of: Company) -> Iterator[Html]:
    if of.loaded:
        columns = (Column("Load", "n"), Column("From", "name"), Column("Rows by state"))
        rows = (
            (str(load_id), source, ", ".join(f"{row['rows']:,} {row['state']}" for row in states))
            for (load_id, source), states in groupby(of.loaded, lambda row: (row["load_id"], row["source"]))
        )
        yield element("section", element("h2", "Writes"), table(columns, rows))


def _calls(of: Company) -> Html:
    if not of.calls:
        return element("p", "The log of calls has none.", kind="soft")
    columns = (
        *(Column("When", "word"), Column("Lane", "word"), Column("Path", "name"), Column("Status", "n")),
        *(Column("Fault", "soft"), Column("Seconds", "n"), Column("Attempt", "n"), Column("intuit_tid", "soft")),
    )
    rows = (
        (
            *(ago(row["asked_at"], of.at), row["lane"], f"{row['method']} {row['path']}"),
            "none" if row["status"] is None else marked(str(row["status"]), "bad" if row["status"] >= 400 else ""),
            ": ".join(filter(None, (row["code"], meaning(row["code"])))),
            *(f"{row['duration_s']:.2f}", str(row["attempt"]), row["intuit_tid"]),
        )
        for row in of.calls
    )
    return table(columns, rows)


def _runs(of: Company) -> Html:
    if not of.runs:
        return element("p", "None yet.", kind="soft")
    columns = (
        *(Column("Run", "n"), Column("What", "word"), Column("The company", "word"), Column("Begun (UTC)", "word")),
        Column("Took", "word"),
    )
    rows = (
        (str(row["run_id"]), row["kind"], row["state"], moment(row["scan_started_at"]), _took(row)) for row in of.runs
    )
    return table(columns, rows)


def _took(row: Mapping[str, Any]) -> str:
    begun, ended = row["scan_started_at"], row["finished_at"]
    return duration(max(0.0, (ended - begun).total_seconds())) if begun and ended else ""
