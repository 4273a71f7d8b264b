"""The lists of a company that exists already, read from its tables."""

from __future__ import annotations

from backfill.simulator.catalogue import TRAITS
from backfill.simulator.company import Company
from backfill.simulator.documents import decode
from backfill.simulator.seed.books import Books
from backfill.simulator.seed.profile import CURRENCIES, OPTIONAL, Profile, currency_of

_SAMPLED = 20  # documents of each kind that a new attachment may belong to


def read_books(company: Company) -> Books:
    """What transactions of the company may cite now: its active lists, and where its numbering stands.

    Of a large company they are those of the core (`sown`): the names of all others end in a number that no new name
    ends in.
    """
    codes = [decode(row.doc)["Code"] for row in company.table("CompanyCurrency").all()]
    profile = Profile(
        realm_id=company.realm_id,
        name=company.name,
        country=company.country,
        home=CURRENCIES[company.home_currency],
        foreign=tuple(currency_of(code) for code in codes),
        rows=company.rows,
        features=frozenset(OPTIONAL),
    )
    books = Books(profile)
    for entity, traits in TRAITS.items():
        table = company.table(entity)
        # A deleted object's number is not given again.
        books.numbers[entity] = 1000 + len(table) + len(company.deleted_since(entity, 0))
        if traits.has_doc_number:
            for row in table.all()[:_SAMPLED]:
                books.remember(entity, row.id)
        elif traits.has_id and not traits.is_transaction:
            for row in table.known():
                books.learn(entity, row.id, decode(row.doc))
                if not row.active:
                    books.forget(entity, row.id)
    return books
