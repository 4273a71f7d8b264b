"""JournalReport and what France has in its place: every posting of every transaction, debit and credit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from backfill.simulator.books.ordered import Posted
from backfill.simulator.reports.detail import Table
from backfill.simulator.reports.inquiry import Inquiry, amount
from backfill.simulator.reports.keys import Entry
from backfill.simulator.reports.nodes import EMPTY, Cell, Draft, Node, column, data, section, total

COLUMNS = ("tx_date", "txn_type", "doc_num", "name", "memo", "account_name", "debt_amt", "credit_amt")
COLUMNS_FR = ("tx_date", "txn_type", "doc_num", "name", "memo", "account_num", "account_name", "debt_amt", "credit_amt")

_JOURNALS = {
    "Invoice": ("VE", "Ventes"),
    "CreditMemo": ("VE", "Ventes"),
    "SalesReceipt": ("VE", "Ventes"),
    "RefundReceipt": ("VE", "Ventes"),
    "Bill": ("AC", "Achats"),
    "VendorCredit": ("AC", "Achats"),
    "Purchase": ("AC", "Achats"),
    "Payment": ("BQ", "Banque"),
    "BillPayment": ("BQ", "Banque"),
    "Deposit": ("BQ", "Banque"),
    "Transfer": ("BQ", "Banque"),
    "CreditCardPayment": ("BQ", "Banque"),
}
_OTHER_JOURNAL = ("OD", "Opérations diverses")

_FEC = (
    "JournalCode", "JournalLib", "EcritureNum", "EcritureDate", "CompteNum", "CompteLib", "CompAuxNum", "CompAuxLib",
    "PieceRef", "PieceDate", "EcritureLib", "Debit", "Credit", "EcritureLet", "DateLet", "ValidDate", "Montantdevise",
    "Idevise",
)  # fmt: skip
"""The eighteen fields of the French tax office's file (Livre des procédures fiscales, article A47 A-1)."""


def journal_report(inquiry: Inquiry) -> Draft:
    """A section for each transaction: its postings, and what both sides come to."""
    return _drafted(inquiry, COLUMNS)


def journal_report_fr(inquiry: Inquiry) -> Draft:
    """The same with the numbers of accounts."""
    return _drafted(inquiry, COLUMNS_FR)


def _drafted(inquiry: Inquiry, columns: Sequence[str]) -> Draft:
    table = Table(inquiry, columns)
    everything: list[Entry] = []
    rows: list[Node] = []
    for entries in _by_transaction(inquiry):
        everything += entries
        # The sections have no heading: their rows say what they are of.
        rows.append(section(None, [data(table.row(entry)) for entry in entries], table.total(EMPTY, entries)))
    if everything:
        rows.append(total(table.total(Cell(inquiry.words("TOTAL")), everything), "GrandTotal"))
    return Draft(table.columns(), rows, bool(everything))


def _by_transaction(inquiry: Inquiry) -> Iterator[list[Entry]]:
    postings: Iterable[Posted] = inquiry.postings()
    for (entity, object_id), rows in groupby(postings, key=lambda posted: (posted.entity, posted.id)):
        paper = inquiry.papers.paper(entity, object_id)
        yield [Entry(posted, paper, posted.posting.cents) for posted in rows]


def fec_report(inquiry: Inquiry) -> Draft:
    """The accounting entries as the tax office wants them, a row for each posting."""
    rows: list[Node] = []
    for number, entries in enumerate(_by_transaction(inquiry), start=1):
        rows += [data([Cell(text) for text in _fields(inquiry, number, entry)]) for entry in entries]
    return Draft([column(name, name) for name in _FEC], rows, bool(rows))


def _fields(inquiry: Inquiry, number: int, entry: Entry) -> tuple[str, ...]:
    posting, paper = entry.posted.posting, entry.paper
    account = inquiry.chart.account(posting.account)
    day = entry.posted.day.replace("-", "")
    party = inquiry.party(posting.party)
    foreign = paper.currency not in {"", inquiry.company.home_currency}
    return (
        *_JOURNALS.get(entry.posted.entity, _OTHER_JOURNAL),
        str(number),
        day,
        account.number or account.id,
        account.full_name,
        party.id or "",
        party.value,
        paper.number or entry.posted.id,
        day,
        paper.memo or inquiry.words(paper.kind),
        amount(max(0, posting.cents)),
        amount(max(0, -posting.cents)),
        "",
        "",
        day,
        amount(posting.amount) if foreign else "",
        paper.currency if foreign else "",
    )
