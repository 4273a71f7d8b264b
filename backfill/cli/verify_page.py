"""One realm's verification as a page that an accountant can read and sign: one file, nothing loaded, all escaped."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape

import msgspec

from backfill.jobs.proofs import is_of_a_part
from backfill.jobs.verified import holds
from backfill.model import Proof, RealmId
from backfill.qbo.catalogue import CATALOGUE
from backfill.verdict_model import Verdict

_DIFFERENCES_SHOWN = 200
"""Of one entity, on the page; the JSON has all that are named."""

_STYLE = """
:root { --ink: #1b2430; --soft: #5d6b7a; --line: #dfe4ea; --good: #1a7f45; --bad: #b3261e; --open: #8a6100; }
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: #f4f6f8; margin: 0; padding: 32px 16px; }
main { max-width: 980px; margin: auto; background: #fff; border: 1px solid var(--line); border-radius: 8px;
  padding: 36px 44px; }
h1 { font-size: 25px; line-height: 1.25; margin: 0 0 4px; } h2 { font-size: 17px; margin: 34px 0 8px; }
p { margin: 6px 0; } .soft { color: var(--soft); }
.banner { margin: 22px 0 6px; padding: 14px 18px; border-radius: 6px; border-left: 6px solid; }
.banner b { display: block; font-size: 18px; }
.good { color: var(--good); } .bad { color: var(--bad); } .open { color: var(--open); }
.banner.good { background: #edf7f0; } .banner.bad { background: #fdf0ef; } .banner.open { background: #fdf6e6; }
.banner span { color: var(--ink); }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th { text-align: left; font-weight: 600; color: var(--soft); border-bottom: 2px solid var(--line); padding: 6px 10px; }
td { border-bottom: 1px solid var(--line); padding: 6px 10px; vertical-align: top; overflow-wrap: anywhere; }
.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.name { white-space: nowrap; } td.soft { font-size: 13px; }
td.word { white-space: nowrap; font-weight: 600; }
.sign { display: grid; grid-template-columns: 1fr 1fr 1fr; gap: 28px; margin-top: 54px; }
.sign div { border-top: 1px solid var(--ink); padding-top: 4px; color: var(--soft); font-size: 13px; }
@media print { body { background: #fff; padding: 0; } main { border: 0; padding: 0; max-width: none; }
  tr { break-inside: avoid; } }
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RealmPage:
    """What the page says of one realm."""

    realm_id: RealmId
    name: str
    verified_at: datetime
    deep: bool
    verdicts: Sequence[Verdict]
    proofs: Sequence[Proof]
    repaired: int
    """Objects that were read again before this comparison."""

    @property
    def differences(self) -> int:
        return sum(one.differing for one in self.verdicts)

    @property
    def unproven(self) -> Sequence[Proof]:
        return [proof for proof in self.proofs if not proof.proven or is_of_a_part(proof)]

    @property
    def not_compared(self) -> Sequence[Verdict]:
        return [one for one in self.verdicts if not one.differences and not holds(one)]

    @property
    def beyond(self) -> Sequence[Verdict]:
        """What nobody can compare, whenever he looks."""
        return [one for one in self.verdicts if one.equal is None and not one.comparable]

    @property
    def left_out(self) -> Sequence[str]:
        """The entities that this comparison was not told to look at."""
        return sorted(CATALOGUE.keys() - {one.entity for one in self.verdicts})

    @property
    def equal(self) -> bool:
        """Nothing differs, all could be compared, and everything that is landed was proven complete."""
        return not self.differences and not self.not_compared and not self.unproven


def page_as_json(page: RealmPage) -> bytes:
    """Everything on the page, and every difference that is named."""
    return msgspec.json.format(
        msgspec.json.encode(
            {
                "realm_id": page.realm_id,
                "name": page.name,
                "verified_at": page.verified_at,
                "deep": page.deep,
                "equal": page.equal,
                "repaired": page.repaired,
                "entities": page.verdicts,
                "proofs": page.proofs,
            }
        )
    )


def page_as_html(page: RealmPage) -> bytes:
    """A page that loads nothing and runs nothing."""
    title = escape(page.name or f"Company {page.realm_id}")
    how = "every document" if page.deep else "a sample of documents"
    when = f"{page.verified_at:%Y-%m-%d %H:%M} UTC"
    subtitle = f"QuickBooks company {page.realm_id} and its copy, {when}: counts of every kind of record, and {how}."
    body = "".join(
        [
            f"<h1>{title}</h1>",
            f'<p class="soft">{escape(subtitle)}</p>',
            _banner(page),
            _differences(page.verdicts),
            "<h2>What was compared</h2>",
            _table(
                ("Kind of record", "In the company", "In the copy", "Compared", "Result", "Remark"),
                (_verdict_row(one) for one in page.verdicts if not _is_empty(one)),
                numbers={1, 2, 3},
            ),
            _empty(page.verdicts),
            "<h2>How completeness was shown</h2>",
            _table(("Record or report", "Shown by", "As of (UTC)", "Result", "Remark"), map(_proof_row, page.proofs)),
            '<div class="sign"><div>Name</div><div>Date</div><div>Signature</div></div>',
        ]
    )
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{title}: verification</title><style>{_STYLE}</style>"
    )
    return f'<!doctype html><html lang="en"><head>{head}</head><body><main>{body}</main></body></html>\n'.encode(
        errors="replace"
    )


def _banner(page: RealmPage) -> str:
    compared = sum(one.compared for one in page.verdicts)
    held = sum(one.held for one in page.verdicts)
    repaired = f" {page.repaired:,} records were read again and put right before." if page.repaired else ""
    if page.equal:
        said_of_it = f"{held:,} records held, {compared:,} of them compared.{repaired}"
        said_of_it += "".join(f" Not compared: {words(one.entity).lower()}, for {one.note}." for one in page.beyond)
        if page.left_out:
            said_of_it += f" Not looked at: {', '.join(map(words, page.left_out))}."
            return _banner_of("good", "What was compared equals the company", said_of_it)
        return _banner_of("good", "The copy equals the company", said_of_it)
    said = []
    if page.differences:
        said.append(f"{page.differences:,} records differ. They are listed below.")
    if page.unproven:
        said.append(
            f"Of {', '.join(words(proof.entity) for proof in page.unproven)} it is not shown that all was read."
        )
    if page.not_compared:
        kinds = ", ".join(words(one.entity) for one in page.not_compared)
        said.append(f"Of {kinds} it is not shown whether it is equal.")
    if not page.differences and not page.unproven:
        said.append(f"To find out: backfill verify --realm {page.realm_id}, once more.")
        return _banner_of("open", "Not all could be compared", " ".join(said) + repaired)
    said.append(f"To put right: backfill verify --repair --deep --realm {page.realm_id}")
    return _banner_of("bad", "The copy does not equal the company", " ".join(said) + repaired)


def _banner_of(kind: str, headline: str, said: str) -> str:
    return f'<div class="banner {kind}"><b>{escape(headline)}</b><span>{escape(said)}</span></div>'


def _differences(verdicts: Sequence[Verdict]) -> str:
    """One table of all that differs, each with what a person knows it by."""
    rows: list[Sequence[_Cell]] = []
    more = 0
    for one in verdicts:
        shown = one.differences[:_DIFFERENCES_SHOWN]
        more += one.differing - len(shown)
        rows += [
            (
                (words(one.entity), "name"),
                (_KINDS[it.kind.value], "word bad"),
                (it.about or "-", ""),
                (it.id, "n"),
                (it.detail, "soft"),
            )
            for it in shown
        ]
    if not rows:
        return ""
    table = _table(("Kind of record", "What is wrong", "Record", "Id", "Detail"), rows, numbers={3})
    rest = f'<p class="soft">and {more:,} more: the JSON file names more of them.</p>' if more else ""
    return f"<h2>What differs</h2>{table}{rest}"


def words(entity: str) -> str:
    """The name as a person writes it: CreditCardPayment is a Credit card payment."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", entity)
    return spaced[:1] + spaced[1:].lower()


_KINDS: Mapping[str, str] = {"missing": "not in the copy", "extra": "not in the company", "altered": "not the same"}

_Cell = tuple[str, str]
"""Text and CSS class."""


def _is_empty(one: Verdict) -> bool:
    return one.equal is True and one.counted == 0 and one.held == 0


def _empty(verdicts: Sequence[Verdict]) -> str:
    """Kinds of records that neither side has, in one line."""
    none = [words(one.entity) for one in verdicts if _is_empty(one)]
    return f'<p class="soft">On neither side: {escape(", ".join(none))}.</p>' if none else ""


def _verdict_row(one: Verdict) -> Sequence[_Cell]:
    word = {True: ("equal", "word good"), False: (f"{one.differing:,} differ", "word bad")}
    counted = "-" if one.counted is None else f"{one.counted:,}"
    return (
        (words(one.entity), "name"),
        (counted, "n"),
        (f"{one.held:,}", "n"),
        (f"{one.compared:,}", "n"),
        ("not compared", "word open") if one.equal is None else word[one.equal],
        (one.note, "soft"),
    )


def _proof_row(proof: Proof) -> Sequence[_Cell]:
    return (
        (words(proof.entity), "name"),
        (proof.method, ""),
        (f"{proof.watermark:%Y-%m-%d %H:%M:%S}" if proof.watermark else "-", ""),
        ("complete", "word good") if proof.proven and not is_of_a_part(proof) else ("not shown", "word bad"),
        (proof.reason or (f"{proof.quarantined:,} set aside" if proof.quarantined else ""), "soft"),
    )


def _table(
    heads: Sequence[str], rows: Iterable[Sequence[_Cell]], *, numbers: frozenset[int] | set[int] = frozenset()
) -> str:
    head = "".join(
        f'<th class="n">{escape(text)}</th>' if number in numbers else f"<th>{escape(text)}</th>"
        for number, text in enumerate(heads)
    )
    body = "".join(
        "<tr>" + "".join(f'<td class="{kind}">{escape(text)}</td>' for text, kind in row) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
