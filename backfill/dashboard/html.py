"""What pages are made of. Whatever is not made here is text, and is escaped: names of companies come from customers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from urllib.parse import quote

from backfill.dashboard.looks import Seen
from backfill.store.fleet_status import COUNTED_AT_MOST

REFRESH_S = 5
"""Between two looks of an open page: a little more than LOOK_EVERY_S, so that each finds something new."""

OVERVIEW, COMPANIES, COMPANY, SNAPSHOT, HEALTH = "/", "/companies", "/companies/", "/snapshot.json", "/health"
STYLE, SCRIPT, ICON = "/style.css", "/refresh.js", "/icon.svg"


class Html(str):
    """Markup of ours, in which every text is escaped already."""

    __slots__ = ()


Shown = str | int | Html
"""In a page: markup as it is, numbers with their thousands, texts escaped."""


@dataclass(frozen=True, slots=True)
class Column:
    """Of a table. `kind` is the class of its cells: `n` numbers, `name` and `word` what is not broken, `soft` remarks.

    Only `n` is a column's own: its head stands to the right, too.
    """

    head: str
    kind: str = ""


def shown(value: Shown) -> Html:
    """As markup."""
    if isinstance(value, Html):
        return value
    return Html(f"{value:,}") if isinstance(value, int) else Html(escape(value))


def joined(parts: Iterable[Html]) -> Html:
    return Html("".join(parts))


def element(name: str, *content: Shown, kind: str = "") -> Html:
    """One element with its content; `kind` is its class."""
    attribute = f' class="{escape(kind)}"' if kind else ""
    return Html(f"<{name}{attribute}>{joined(map(shown, content))}</{name}>")


def marked(value: Shown, kind: str) -> Html:
    """A word that stands out: `good`, `bad`, `open` (neither) or `soft`."""
    return element("span", value, kind=kind)


def link(address: str, text: Shown) -> Html:
    return Html(f'<a href="{escape(address)}">{shown(text)}</a>')


def company(realm_id: str, name: str = "") -> Html:
    """A company, by its name if it has one, that leads to its page. A name's direction of writing is its own matter."""
    known = element("bdi", name or realm_id)
    return link(COMPANY + quote(realm_id, safe=""), known)


def table(columns: Sequence[Column], rows: Iterable[Sequence[Shown]]) -> Html:
    """A table with a head; wider than the page, it is moved sideways by itself."""
    head = joined(element("th", column.head, kind="n" if column.kind == "n" else "") for column in columns)
    body = joined(
        element(
            "tr",
            *(element("td", cell, kind=column.kind) for column, cell in zip(columns, row, strict=True)),
        )
        for row in rows
    )
    return element("div", element("table", element("thead", element("tr", head)), element("tbody", body)), kind="wide")


def facts(pairs: Iterable[tuple[str, Shown]]) -> Html:
    """Figures with what they are of."""
    return element(
        "dl",
        *(element("div", element("dt", name), element("dd", value)) for name, value in pairs),
    )


def bar(done: float, of: float, *, what: str) -> Html:
    """How much of something is done."""
    part = min(1.0, done / of) if of > 0 else 0.0
    return Html(f'<progress max="1" value="{part:.4f}" aria-label="{escape(what)}">{part:.0%}</progress>')


def banner(kind: str, headline: str, *said: Shown) -> Html:
    """What somebody who looks up for a moment has to know."""
    return element("div", element("b", headline), element("span", *said), kind=f"banner {kind}")


def moment(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}" if at else ""


def ago(at: datetime | None, now: datetime) -> str:
    """How long ago, in words; of what is to come, as by clocks that differ, just now."""
    return f"{duration(max(0.0, (now - at).total_seconds()))} ago" if at else ""


def duration(seconds: float) -> str:
    """About how long: 3 d 4 h, 2 h 05 min, 3 min 20 s, 7 s."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days:,} d {hours} h"
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def at_most(number: int) -> str:
    """Of what is counted to a bound only."""
    return f"{number:,} or more" if number >= COUNTED_AT_MOST else f"{number:,}"


def trouble(seen: Seen[object]) -> Html:
    """That the database is gone, since when, and of when the rest of the page is; nothing while all is well."""
    if not seen.trouble:
        return Html("")
    rest = f" Below is how it was at {moment(seen.seen_at)} UTC." if seen.seen_at else ""
    said = f"{seen.trouble.rstrip('.')}. It is asked again and again.{rest}"
    return banner("bad", f"The database has not answered since {moment(seen.trouble_since)} UTC", said)


def page(title: str, content: Html, *, above: Html | None = None, alone: bool = True) -> bytes:
    """A whole page. `above` stays when the rest is renewed, such as what somebody is typing into.

    `alone`: it renews itself also where no script may run.
    """
    refreshed = f'<noscript><meta http-equiv="refresh" content="{REFRESH_S}"></noscript>' if alone else ""
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f'<title>{escape(title)}</title><link rel="stylesheet" href="{STYLE}"><link rel="icon" href="{ICON}">'
        f'<script src="{SCRIPT}" defer></script>{refreshed}'
    )
    navigation = element("nav", link(OVERVIEW, element("b", "backfill")), link(COMPANIES, "Companies"))
    gone = Html('<p id="gone" class="banner bad" hidden><b>The dashboard does not answer</b><span></span></p>')
    body = joined([element("header", navigation, above or Html("")), gone, element("main", content)])
    document = (
        f'<!doctype html><html lang="en" data-refresh-s="{REFRESH_S}"><head>{head}</head><body>{body}</body></html>\n'
    )
    return document.encode(errors="replace")
