"""Sows what a company begins with: ten years of history, the same bytes for the same seed, realm and day.

Of a large company only the core is sown (`seed.plan`), for as many years as leave its copies (`sown`) the rest of
the ten. What is shared sums up over all copies here already: each posts on the shared accounts what the core does.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping
from datetime import UTC, date, datetime
from random import Random

from backfill.simulator.books.balances import account_balances
from backfill.simulator.books.entries import UNIT, Party, micros, quantity
from backfill.simulator.books.ledger import Ledger, Transaction
from backfill.simulator.books.lists import SownLists
from backfill.simulator.books.opening import start_of
from backfill.simulator.books.postings import POSTINGS
from backfill.simulator.books.tally import Tally
from backfill.simulator.catalogue import TRAITS
from backfill.simulator.changes import deactivated, voided
from backfill.simulator.clock import PacificZone
from backfill.simulator.company import rate_key
from backfill.simulator.documents import Doc, cents, money
from backfill.simulator.seed import purchases, sales, sample, taxes
from backfill.simulator.seed.books import Books
from backfill.simulator.seed.books import Party as Named
from backfill.simulator.seed.builders import BUILDERS
from backfill.simulator.seed.chart import CHART, account
from backfill.simulator.seed.drafts import Draft, OpenItems
from backfill.simulator.seed.draw import between, chance, pick
from backfill.simulator.seed.ids import SownIds
from backfill.simulator.seed.ledger import deposit, reimburse_charge
from backfill.simulator.seed.plan import imports, plan
from backfill.simulator.seed.profile import Profile
from backfill.simulator.seed.sales import OpenItem
from backfill.simulator.seed.timeline import DAY_S, HISTORY_S, timeline
from backfill.simulator.sown.history import History
from backfill.simulator.sown.layout import BACK_DATED_DAYS, FIRST_NUMBER, Layout
from backfill.simulator.sown.rows import SownRows
from backfill.simulator.stored import StoredObject

# Open documents wait here, decoded, to be paid; beyond this the oldest are never paid. Bounds memory while seeding.
_OPEN_LIMIT = 2_000
_UNDEPOSITED_LIMIT = 200

_EDITED = 0.12  # of all rows were changed after they were entered
_VOIDED = 0.006
_DELETED = 0.008  # objects that once were, for each that is
_INACTIVE = 0.04
_BAD_DEBT = 0.05  # of invoices and bills are never paid
_BACK_DATED = 0.05  # entered long after their date
# The row of this number of its entity, so that every company but the smallest has such rows.
_ALWAYS_INACTIVE = 5
_ALWAYS_VOIDED = 7
_ALWAYS_DELETED = 9  # after it

_CAN_BE_INACTIVE = frozenset({"Class", "Customer", "Department", "Employee", "Item", "PaymentMethod", "Term", "Vendor"})
_OPENING = (
    "TaxAgency", "TaxRate", "TaxCode", "TaxClassification", "Term", "PaymentMethod", "JournalCode", "CompanyCurrency",
    "CustomerType", "Class", "Department",
)  # fmt: skip
"""Lists that are complete on the first day, in an order in which they can refer to one another."""


class Sower:
    """Sows one company, once."""

    def __init__(self, profile: Profile, *, today: date, rng: Random, zone: PacificZone) -> None:
        self._profile = profile
        self._plan = plan(profile)
        self._rng = rng
        self._zone = zone
        self._today_s = int(datetime(today.year, today.month, today.day, tzinfo=UTC).timestamp())
        self._end_s = self._today_s - self._plan.later_s
        """Of the core's own time."""
        self._start_s = self._today_s - HISTORY_S
        # The lists of the first day; a day later begins what others enter.
        self._opened_s = self._start_s + DAY_S
        self._books = Books(profile)
        self._lists = SownLists(profile.home.code)
        self._ledger = Ledger(self._lists, lambda: ())
        self._tally = Tally(self._lists)
        self._accounts: dict[str, Draft] = {}
        self._items: dict[str, Draft] = {}
        self._rows: dict[str, list[StoredObject | Draft]] = {entity: [] for entity in TRAITS}
        self._buried: dict[str, dict[str, int]] = {entity: {} for entity in TRAITS}
        self._invoices = OpenItems(_OPEN_LIMIT)
        self._bills = OpenItems(_OPEN_LIMIT)
        self._undeposited: deque[Draft] = deque()
        self._parties: dict[str, Draft] = {}
        self._last_purchase: OpenItem | None = None
        forms = sample.FORMS if profile.is_sample and profile.rows >= sample.WHOLE_ROWS else {}
        self._ids = SownIds(forms)

    def sow(self) -> History:
        """The whole history."""
        counts = self._plan.counts
        self._open_books(counts)
        made = {entity: len(rows) for entity, rows in self._rows.items()}
        left = {entity: count - made[entity] for entity, count in counts.items()}
        groups = [group for group in imports(self._plan) if group.rows <= left[group.entity]]
        # A day before the end, so that "now" is later than all.
        span = {"start_s": self._opened_s, "end_s": self._end_s - DAY_S}
        for entity, created, imported in timeline(left, groups, **span, rng=self._rng):
            self._enter(entity, created, imported=imported)
            if TRAITS[entity].deletable and self._happens(_DELETED, entity, _ALWAYS_DELETED):
                self._bury(entity, created)
        extra = [
            self._add("Estimate", self._build("Estimate", span["end_s"]), span["end_s"]).id
            for _ in range(self._plan.extra)
        ]
        self._balance()
        return self._history(frozenset(extra))

    def _open_books(self, counts: Mapping[str, int]) -> None:
        """The first day: settings, chart, taxes and small lists, and the first of the larger lists."""
        start = self._start_s
        for entity in ("CompanyInfo", "Preferences"):
            self._add(entity, self._build(entity, start), start, object_id="1")
        self._open_chart(counts["Account"], start)
        words = taxes.WORD_CODES if self._profile.country == "US" else ()
        for word in words:
            self._add("TaxCode", taxes.word_code(word), start, object_id=word)
        first = {entity: counts.get(entity, 0) for entity in _OPENING}
        first["TaxCode"] -= len(words)
        people = [("Employee", 1), ("Vendor", max(2, counts["Vendor"] // 3))]
        items = max(5, counts["Item"] // 2)
        if self._profile.is_sample:
            people, items = list(sample.people(counts)), min(counts["Item"], len(sample.ITEMS))
        for entity, count in [*first.items(), *people, ("Item", items)]:
            for _ in range(count):
                self._add(entity, self._build(entity, start), start)
        for number in range(counts.get("ExchangeRate", 0)):
            # Weekly for each of the currencies, newest first; rates are kept for a year.
            published = self._today_s - DAY_S * (1 + 7 * (number // len(self._profile.foreign)))
            doc = self._build("ExchangeRate", published)
            self._add("ExchangeRate", doc, published, object_id=rate_key(doc))

    def _open_chart(self, count: int, created: int) -> None:
        above: dict[str, tuple[Doc, str]] = {}
        ids = sample.ACCOUNTS if self._profile.is_sample else {}
        chart = [row for row in CHART if row.name in ids] if ids else CHART
        for number, row in enumerate(chart[:count]):
            doc = account(row, 1000 + 10 * number, above.get(row.parent), self._profile.home.reference)
            draft = self._add("Account", doc, created, object_id=str(ids[row.name]) if ids else "")
            above[row.name] = ({"value": draft.id}, doc["FullyQualifiedName"])
        if ids:
            self._ids.go_on_from("Account", sample.LAST_ACCOUNT + 1)

    def _build(self, entity: str, at_s: int) -> Doc:
        return BUILDERS[entity](self._books, self._rng, self._zone.date_text(at_s))

    def _enter(self, entity: str, created: int, *, imported: bool) -> None:
        dated = self._dated(created, imported=imported) if TRAITS[entity].is_transaction else created
        match entity:
            case "Invoice" | "Bill":
                self._charge(entity, created, dated)
            case "Payment":
                self._pay(created, dated)
            case "BillPayment":
                self._pay_bills(created, dated)
            case "Deposit":
                self._deposit(created, dated)
            case "ReimburseCharge":
                source = [self._last_purchase] if self._last_purchase else []
                self._add(
                    entity, reimburse_charge(self._books, self._rng, self._zone.date_text(dated), source), created
                )
            case _:
                self._plain(entity, created, dated)

    def _plain(self, entity: str, created: int, dated: int) -> None:
        """An object that nothing settles."""
        doc = self._build(entity, dated)
        is_void = TRAITS[entity].voidable and chance(self._rng, _VOIDED)
        draft = self._add(entity, voided(doc) if is_void else doc, created, token=int(is_void))
        if entity == "Purchase":
            self._last_purchase = OpenItem(draft.id, "Purchase", cents(doc["Line"][0]["Amount"]))

    def _charge(self, entity: str, created: int, dated: int) -> None:
        """An Invoice or Bill: it waits to be paid, unless it is voided or never will be."""
        doc = self._build(entity, dated)
        if entity == "Invoice" and self._happens(_VOIDED, entity, _ALWAYS_VOIDED):
            self._add(entity, voided(doc), created, token=1)
            return
        draft = self._add(entity, doc, created, hold=True)
        draft.open = cents(doc["Balance"])
        party_id = doc["CustomerRef" if entity == "Invoice" else "VendorRef"]["value"]
        if chance(self._rng, _BAD_DEBT):
            self._settle(draft)
            return
        crowded_out = (self._invoices if entity == "Invoice" else self._bills).add(party_id, draft)
        if crowded_out:
            self._settle(crowded_out)

    def _pay(self, created: int, dated: int) -> None:
        waiting = self._invoices.take(1 if chance(self._rng, 0.93) else 3)
        party = self._party(self._books.customers, waiting, "CustomerRef")
        applied = [self._part(draft, "Invoice") for draft in waiting]
        doc = sales.payment(self._books, self._rng, self._zone.date_text(dated), party, applied)
        if not applied and chance(self._rng, 0.5):
            self._add("Payment", voided(doc), created, token=1)
            return
        draft = self._add("Payment", doc, created, hold=True)
        self._apply(waiting, applied, self._invoices, {"TxnId": draft.id, "TxnType": "Payment"}, created)
        draft.open = cents(doc["TotalAmt"])
        self._undeposited.append(draft)
        if len(self._undeposited) > _UNDEPOSITED_LIMIT:
            self._settle(self._undeposited.popleft())

    def _pay_bills(self, created: int, dated: int) -> None:
        waiting = self._bills.take(1 if chance(self._rng, 0.8) else 3)
        vendor = self._party(self._books.vendors, waiting, "VendorRef")
        applied = [self._part(draft, "Bill") for draft in waiting]
        doc = purchases.bill_payment(self._books, self._rng, self._zone.date_text(dated), vendor, applied)
        # Where nothing is open it was entered by mistake.
        draft = self._add("BillPayment", doc if applied else voided(doc), created, token=int(not applied))
        # Intuit calls it a check here even where it was paid by card.
        self._apply(waiting, applied, self._bills, {"TxnId": draft.id, "TxnType": "BillPaymentCheck"}, created)

    def _deposit(self, created: int, dated: int) -> None:
        count = min(between(self._rng, 0, 4), len(self._undeposited))
        taken = [self._undeposited.popleft() for _ in range(count)]
        received = [OpenItem(draft.id, "Payment", draft.open) for draft in taken]
        doc = deposit(self._books, self._rng, self._zone.date_text(dated), received)
        link = {"TxnId": self._add("Deposit", doc, created).id, "TxnType": "Deposit"}
        for draft in taken:
            self._link(draft, link, created)
            self._settle(draft)

    def _part(self, draft: Draft, kind: str) -> OpenItem:
        """What is paid of an open document now: mostly all."""
        partly = draft.open > 200 and chance(self._rng, 0.08)
        return OpenItem(draft.id, kind, draft.open // 2 if partly else draft.open)

    def _apply(self, waiting: list[Draft], applied: list[OpenItem], line: OpenItems, link: Doc, at_s: int) -> None:
        for draft, item in zip(waiting, applied, strict=True):
            self._link(draft, link, at_s)
            draft.open -= item.open
            draft.doc["Balance"] = money(draft.open)
            reference = draft.doc.get("CustomerRef") or draft.doc["VendorRef"]
            leaving = line.add(reference["value"], draft) if draft.open else draft
            if leaving:
                self._settle(leaving)

    def _link(self, draft: Draft, link: Doc, at_s: int) -> None:
        draft.doc["LinkedTxn"] = [*draft.doc["LinkedTxn"], link]
        draft.token += 1
        draft.updated = max(draft.updated, at_s)

    def _party(self, parties: list[Named], waiting: list[Draft], key: str) -> Named:
        if not waiting:
            return pick(self._rng, parties)
        party_id = waiting[0].doc[key]["value"]
        return self._books.parties[party_id]

    def _post(self, draft: Draft) -> None:
        """Book the row. What balances move of is touched: its LastUpdatedTime moves, its SyncToken does not."""
        booked = self._ledger.booked(Transaction(draft.entity, draft.id, draft.doc))
        self._ledger.enter(booked)
        self._tally.add(booked.effects.postings)
        # An account was last touched by the last copy; all but that is the core's own.
        last = draft.created + (self._plan.later_s if draft.created > self._opened_s else 0)
        for posting in booked.effects.postings:
            account = self._accounts[posting.account]
            account.updated = max(account.updated, last)
            party = self._parties.get(posting.party.id)
            if party:
                party.updated = max(party.updated, draft.created)
        for movement in booked.effects.movements:
            item = self._items[movement.item]
            item.updated = max(item.updated, draft.created)
            self._books.watch(movement.item, self._ledger.stocks[movement.item].on_hand // UNIT)

    def _happens(self, probability: float, entity: str, always: int) -> bool:
        """By chance, and always once the entity has so many rows."""
        return chance(self._rng, probability) or len(self._rows[entity]) == always

    def _dated(self, created: int, *, imported: bool) -> int:
        """The instant on whose day a transaction entered at `created` is dated."""
        if imported:
            return created - between(self._rng, BACK_DATED_DAYS + 3, 2 * BACK_DATED_DAYS) * DAY_S
        if chance(self._rng, _BACK_DATED):
            return created - between(self._rng, 21, BACK_DATED_DAYS) * DAY_S
        return created - (between(self._rng, 1, 20) * DAY_S if chance(self._rng, 0.15) else 0)

    def _add(
        self, entity: str, doc: Doc, created: int, *, object_id: str = "", token: int = 0, hold: bool = False
    ) -> Draft:
        """Enter a row, with later edits and deactivation by chance. Held ones are stored when they are settled."""
        rng, updated = self._rng, created
        rows = self._rows[entity]
        object_id = object_id or self._ids.next(entity)
        if rng.random() < _EDITED:
            token += between(rng, 1, 3)
        if token:
            end = self._today_s if entity == "ExchangeRate" else self._end_s
            updated = min(end - 1, created + 1 + int(rng.expovariate(1 / (20 * DAY_S))))
        draft = Draft(entity, len(rows), object_id, doc, created, updated, token)
        if TRAITS[entity].has_doc_number:
            self._books.remember(entity, object_id)
        elif not TRAITS[entity].is_transaction:
            self._books.learn(entity, object_id, doc)
            self._retire(draft)
        hold = hold or self._keep(draft)
        if entity in POSTINGS:
            self._post(draft)
        rows.append(draft if hold else draft.sealed(self._zone))
        return draft

    def _keep(self, draft: Draft) -> bool:
        """Whether the row has a balance or stock, and so is stored when all is posted."""
        match draft.entity:
            case "Customer" | "Vendor":
                self._parties[draft.id] = draft
            case "Account":
                self._accounts[draft.id] = draft
                self._lists.learn(draft.entity, draft.id, draft.doc)
            case "Item":
                self._lists.learn(draft.entity, draft.id, draft.doc)
                if draft.doc["Type"] != "Inventory":
                    return False
                self._items[draft.id] = draft
                self._ledger.set_up(start_of(self._lists, draft.id, draft.doc, micros(draft.doc["QtyOnHand"])))
            case _:
                return False
        return True

    def _retire(self, draft: Draft) -> None:
        """Some list rows are inactive by now; what was entered before goes on citing them."""
        expense = draft.entity == "Account" and draft.doc["AccountType"] == "Expense"
        if draft.entity not in _CAN_BE_INACTIVE and not expense:
            return
        if self._profile.is_sample and draft.slot < sample.NAMED.get(draft.entity, 0):
            return
        if draft.slot == _ALWAYS_INACTIVE or (draft.slot > _ALWAYS_INACTIVE and chance(self._rng, _INACTIVE)):
            draft.doc = deactivated(draft.entity, draft.doc)
            draft.token += 1
            draft.updated = max(draft.updated, self._end_s - between(self._rng, 1, 300) * DAY_S)

    def _bury(self, entity: str, created: int) -> None:
        deleted = min(self._end_s - 1, created + between(self._rng, 1, 30 * DAY_S))
        self._buried[entity][self._ids.next_unclaimed(entity)] = deleted

    def _settle(self, draft: Draft) -> None:
        self._rows[draft.entity][draft.slot] = draft.sealed(self._zone)

    def _balance(self) -> None:
        """Balances of accounts, customers (with those of their jobs) and vendors, and what is on hand."""
        for item, stock in self._ledger.stocks.items():
            self._tally.add_sums(stock.totals())
            self._items[item].doc["QtyOnHand"] = quantity(stock.on_hand)
        moves = self._tally.moves()
        below: dict[str, int] = defaultdict(int)
        for draft in reversed(self._parties.values()):  # jobs are entered after their parents
            owed = moves.parties.get(Party(draft.entity, draft.id), 0)
            draft.doc["Balance"] = money(owed)
            if draft.entity == "Customer":
                below[draft.id] += owed
                draft.doc["BalanceWithJobs"] = money(below[draft.id])
                if "ParentRef" in draft.doc:
                    below[draft.doc["ParentRef"]["value"]] += below[draft.id]
        accounts = [facts for object_id in self._accounts if (facts := self._lists.account(object_id))]
        copies = self._plan.copies
        sums = {account: (home * copies, own * copies) for account, (home, own) in moves.accounts.items()}
        shown = account_balances(accounts, self._lists.home, sums)
        for object_id, draft in self._accounts.items():
            draft.doc |= {key: money(amount) for key, amount in shown[object_id].items()}

    def _history(self, extra: frozenset[str]) -> History:
        layout = Layout(
            copies=self._plan.copies,
            step_s=self._plan.step_s,
            opened_s=self._opened_s,
            first_ids=self._ids.first,
            id_steps=self._ids.used,
            number_steps={entity: last - FIRST_NUMBER + 1 for entity, last in self._books.numbers.items()},
            stocked=frozenset(self._items),
        )
        tables = {
            entity: SownRows(
                entity,
                layout,
                [row.sealed(self._zone) if isinstance(row, Draft) else row for row in rows],
                buried=self._buried[entity],
                single=extra if entity == "Estimate" else frozenset(),
                offset_text=self._zone.text,
            )
            for entity, rows in self._rows.items()
        }
        return History(layout, tables, self._ledger.stocks)
