"""The first page: whether a run is under way and how far, who needs a person, what went wrong, what it costs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from backfill.dashboard.html import (
    COMPANIES,
    REFRESH_S,
    Column,
    Html,
    Shown,
    ago,
    at_most,
    banner,
    bar,
    company,
    duration,
    element,
    facts,
    joined,
    link,
    marked,
    moment,
    page,
    shown,
    table,
    trouble,
)
from backfill.dashboard.looks import Seen
from backfill.dashboard.snapshot import NeedsPerson, Snapshot, UnderWay
from backfill.store.owners import owner_in_words

STATUS_KINDS: Mapping[str, str] = {
    "running": "good",
    "done": "good",
    "incomplete": "bad",
    "stopped": "open",
    "interrupted": "bad",
}
"""How a run's status looks."""

LOAD_STATES = ("waiting", "sealed", "applied", "adopted", "rejected", "undone")
"""Of a row to be written, in the order in which it goes through them."""


def overview_page(seen: Seen[Snapshot]) -> bytes:
    """The page; where nothing was seen yet, why not."""
    parts = [trouble(seen)]
    if seen.value is not None:
        parts += _parts(seen.value)
    return page("backfill", joined(parts))


def _parts(snapshot: Snapshot) -> Iterator[Html]:
    yield _headline(snapshot)
    yield from (_under_way(run, snapshot) for run in snapshot.under_way)
    yield _rate(snapshot)
    yield _companies(snapshot)
    yield from _needs_person(snapshot)
    yield _faults(snapshot)
    yield _runs(snapshot)
    yield from _loads(snapshot)
    yield _metered(snapshot)
    yield _webhooks(snapshot)
    yield element("p", f"As of {moment(snapshot.at)} UTC; looked at again every {REFRESH_S} s.", kind="soft")


def _headline(snapshot: Snapshot) -> Html:
    """The page in one sentence."""
    waiting = _waiting(snapshot)
    asked = f"{'; '.join(waiting)}: see below." if waiting else "Nothing waits for a person."
    if snapshot.under_way:
        kinds = " and ".join(dict.fromkeys(run.kind for run in snapshot.under_way))
        return banner("open" if waiting else "good", f"Under way: {kinds}", asked)
    if not snapshot.runs:
        return banner("open", "Nothing was run yet", "Begin: backfill extract")
    last = snapshot.runs[0]
    said = f"Nothing is under way. How the last ended, {last['kind']}: {last['status']}"
    kind = "bad" if STATUS_KINDS[last["status"]] == "bad" else "open" if waiting else "good"
    return banner(kind, said, asked)


def _waiting(snapshot: Snapshot) -> list[str]:
    """What waits for a person, in few words."""
    counts = (
        (snapshot.parked.realms, "parked"),
        (snapshot.unproven.realms, "not proven"),
        (snapshot.differing.realms, "not equal to the company"),
        (snapshot.tokens_ending.realms, "with a token that ends"),
    )
    return [f"{number:,} {what}" for number, what in counts if number]


def _under_way(run: UnderWay, snapshot: Snapshot) -> Html:
    progress = run.progress
    head = element(
        "h2", f"{run.kind.capitalize()}, run {run.run_id}, for {duration_since(run.started_at, snapshot.at)}"
    )
    if not progress.realms:
        return element(
            "section",
            head,
            element("p", f"At work in {owner_in_words(run.owner)}, for whichever companies there are.", kind="soft"),
        )
    known: list[tuple[str, Shown]] = [
        ("companies done", _of(progress.ended, progress.realms)),
        ("proven", progress.proven),
        ("not proven", marked(progress.unproven, "bad") if progress.unproven else 0),
        ("parked", marked(progress.parked, "bad") if progress.parked else 0),
        ("being worked on", progress.working),
        ("waiting", progress.waiting),
    ]
    if progress.rows_counted:
        known += [
            ("rows read", _of(progress.rows_met, progress.rows_counted)),
            ("rows a second", "measuring" if run.rows_a_second is None else round(run.rows_a_second)),
        ]
    left = "measuring" if run.seconds_left is None else f"about {duration(run.seconds_left)}"
    known.append(("time left", left))
    done = bar(progress.ended, progress.realms, what="companies done")
    beside = f", with {run.helpers:,} {'worker' if run.helpers == 1 else 'workers'}" if run.helpers else ""
    where = element("p", f"In {owner_in_words(run.owner)}{beside}", kind="soft")
    return element("section", head, done, facts(known), where)


def duration_since(started_at: datetime, now: datetime) -> str:
    return duration(max(0.0, (now - started_at).total_seconds()))


def _of(part: int, whole: int) -> Html:
    return Html(f"{shown(part)} {marked(f'of {whole:,}', 'soft')}") if whole else shown(part)


def _rate(snapshot: Snapshot) -> Html:
    """Used against allowed. Each company has an allowance of its own."""
    rate, allowance = snapshot.rate, snapshot.allowance
    window = "minute" if allowance.window_s == 60 else f"{allowance.window_s:.3g} s"
    allowed = allowance.requests * rate.realms
    known: list[tuple[str, Shown]] = [
        (f"requests in the last {window}", _of(rate.requests, allowed)),
        ("companies asked", rate.realms),
        ("refused as too many (429)", marked(rate.throttled, "bad") if rate.throttled else 0),
    ]
    if rate.busiest_realm:
        most = joined([_of(rate.busiest_requests, allowance.requests), Html(" "), company(rate.busiest_realm)])
        known.append(("the busiest company", most))
    said = (
        f"Each company may be asked {allowance.requests:,} times in each {window}: what Intuit allows, less the share"
        " that is left to its other apps."
    )
    used = bar(rate.requests, allowed, what="requests of those that are allowed")
    return element("section", element("h2", "Rate used against rate allowed"), used, facts(known), _soft(said))


def _companies(snapshot: Snapshot) -> Html:
    companies = snapshot.companies
    kinds = (("parked", companies.parked), ("unproven", companies.unproven), ("unread", companies.unread))
    names = {"parked": "parked", "unproven": "not proven", "unread": "never read"}
    known: list[tuple[str, Shown]] = [
        ("registered", link(COMPANIES, companies.registered)),
        ("proven", companies.proven),
        *((names[kind], link(f"{COMPANIES}?kind={kind}", number) if number else 0) for kind, number in kinds),
    ]
    return element("section", element("h2", "Companies"), facts(known))


def _needs_person(snapshot: Snapshot) -> Iterator[Html]:
    """First who cannot be gone on with, last who soon cannot."""
    tables = (
        (
            "Parked",
            "parked",
            snapshot.parked,
            ("Company", "Since", "Why", "What to do"),
            lambda row: (ago(row["since"], snapshot.at), _reason(row["message"], row["code"]), row["action"]),
        ),
        (
            "Not proven",
            "unproven",
            snapshot.unproven,
            ("Company", "Since", "What", "Why"),
            lambda row: (ago(row["since"], snapshot.at), _and_more(row["entity"], row["entities"]), row["reason"]),
        ),
        (
            "Not equal to the company, as verify found",
            "differing",
            snapshot.differing,
            ("Company", "Since", "What", "What to do"),
            lambda row: (
                ago(row["since"], snapshot.at),
                f"{_and_more(row['entity'], row['entities'])}: {row['objects']:,} differ",
                f"backfill verify --repair --deep --realm {row['realm_id']}",
            ),
        ),
        (
            "Tokens that end soon, or have ended",
            "",
            snapshot.tokens_ending,
            ("Company", "", "Why", "What to do"),
            lambda row: ("", row["message"], row["action"]),
        ),
    )
    for title, kind, found, heads, rest in tables:
        if found.realms:
            columns = [Column(head, kind) for head, kind in zip(heads, ("name", "word", "", "soft"), strict=True)]
            rows = [(company(row["realm_id"], row.get("name", "")), *rest(row)) for row in found.first]
            yield element(
                "section", element("h2", f"{title}: {found.realms:,}"), _codes(kind, snapshot), table(columns, rows),
                _more(found, kind),
            )  # fmt: skip


def _codes(kind: str, snapshot: Snapshot) -> Html:
    """For which faults companies are parked."""
    if kind != "parked" or len(snapshot.parked_codes) < 2:
        return Html("")
    return _soft(", ".join(f"{number:,} for {code}" for code, number in snapshot.parked_codes.items()))


def _more(found: NeedsPerson, kind: str) -> Html:
    more = found.realms - len(found.first)
    if more <= 0:
        return Html("")
    said = f"and {more:,} more"
    return element("p", link(f"{COMPANIES}?kind={kind}", said) if kind else f"{said}: backfill status --json")


def _reason(message: str, code: str) -> str:
    """With its code, unless it is said in it."""
    return message if code in message else f"{message} ({code})"


def _and_more(entity: str, entities: int) -> str:
    return entity if entities == 1 else f"{entity} and {entities - 1} more"


def _faults(snapshot: Snapshot) -> Html:
    title = element("h2", f"Faults of the last {snapshot.fault_hours:g} hours")
    if not snapshot.faults:
        return element("section", title, _soft("None, as far as the log of calls tells."))
    columns = (
        *(Column("Code", "word"), Column("What it means")),
        *(Column("Calls", "n"), Column("Of the last hour", "n"), Column("Companies", "n")),
        *(Column("Last", "word"), Column("Of", "name")),
    )
    rows = [
        (
            row["code"],
            row["meaning"] or ("no whole answer came" if row["status"] is None else f"status {row['status']}"),
            *(at_most(row["calls"]), at_most(row["within_the_hour"]), at_most(row["realms"])),
            *(ago(row["last_at"], snapshot.at), company(row["realm_id"]) if row["realm_id"] else ""),
        )
        for row in snapshot.faults
    ]
    said = "Most pass by themselves: what does not is above. Every call: backfill calls --failed"
    return element("section", title, table(columns, rows), _soft(said))


def _runs(snapshot: Snapshot) -> Html:
    columns = (
        *(Column("Run", "n"), Column("What", "word"), Column("How it ended", "word"), Column("Begun (UTC)", "word")),
        *(
            Column("Took", "n"),
            Column("Companies", "n"),
            Column("Done", "n"),
            Column("Parked", "n"),
            Column("", "soft"),
        ),
    )
    rows = [
        (
            *(str(run["run_id"]), run["kind"]),
            marked(run["status"], STATUS_KINDS[run["status"]]),
            moment(run["started_at"]),
            duration_since(run["started_at"], run["finished_at"] or run["heartbeat_at"]),
            *((run["realms"], run["realms_done"], run["realms_parked"]) if run["realms"] else ("", "", "")),
            run["said"],
        )
        for run in snapshot.runs
    ]
    content = table(columns, rows) if rows else _soft("None yet.")
    return element("section", element("h2", "The last runs"), content)


def _loads(snapshot: Snapshot) -> Iterator[Html]:
    if not snapshot.loads:
        return
    columns = (
        *(Column("Load", "n"), Column("From", "name"), Column("Imported", "word")),
        *(Column(state.capitalize(), "n") for state in LOAD_STATES),
    )
    rows = [
        (
            str(load["load_id"]),
            load["source"] if load["undoes"] is None else f"takes back load {load['undoes']}",
            ago(load["imported_at"], snapshot.at),
            *(_state(state, load["rows"].get(state, 0)) for state in LOAD_STATES),
        )
        for load in snapshot.loads
    ]
    said = "Rows by state. Sealed: sent, or about to be. Adopted: found after a lost answer. More: backfill load status"
    yield element("section", element("h2", "Writes: the last loads"), table(columns, rows), _soft(said))


def _state(state: str, rows: int) -> Shown:
    return marked(rows, "bad") if state == "rejected" and rows else rows


def _metered(snapshot: Snapshot) -> Html:
    allowance = snapshot.allowance
    if not snapshot.metered:
        return Html("")
    title = element("h2", f"Metered calls of {snapshot.metered[0].month:%B %Y}")
    columns = (Column("App", "name"), Column("Calls", "n"), Column("Batches as their items", "n"), Column("Cap", "n"))
    cap: Shown = "none" if allowance.monthly_cap is None else allowance.monthly_cap
    rows = [(row.app or "(none)", row.calls, row.items, cap) for row in snapshot.metered]
    bars: Iterable[Html] = ()
    if allowance.monthly_cap is not None:
        used = [row.items if allowance.counted_as == "items" else row.calls for row in snapshot.metered]
        bars = (bar(number, allowance.monthly_cap, what="of the month's cap") for number in used)
    return element("section", title, table(columns, rows), *bars)


def _webhooks(snapshot: Snapshot) -> Html:
    told = snapshot.webhooks
    if not (told["last_received_at"] or told["unread"]):
        return Html("")
    known: Sequence[tuple[str, Shown]] = [
        ("events that wait to be read", at_most(told["waiting"])),
        ("parts that say nothing", marked(at_most(told["unread"]), "bad") if told["unread"] else "0"),
        ("the last one came", ago(told["last_received_at"], snapshot.at) or "never"),
    ]
    return element("section", element("h2", "Webhooks"), facts(known))


def _soft(said: str) -> Html:
    return element("p", said, kind="soft")
