"""A company that is nothing but a list of postings, and the reports of such a company: the tests' own, on purpose.

It answers the batch that asks for its facts, and a handful of reports, in Intuit's older shape or the newer one.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import anyio

from backfill.wire import Request, Response

ZERO = Decimal(0)
SERVER_TIME = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)

ACCOUNTS: Mapping[str, tuple[str, str, str]] = {
    "35": ("Checking", "Asset", "Checking"),
    "84": ("Accounts Receivable", "Asset", "AccountsReceivable"),
    "33": ("Accounts Payable", "Liability", "AccountsPayable"),
    "34": ("Opening Balance Equity", "Equity", "OpeningBalanceEquity"),
    "2": ("Retained Earnings", "Equity", "RetainedEarnings"),
    "82": ("Design income", "Revenue", "ServiceFeeIncome"),
    "45": ("Landscaping", "Revenue", "ServiceFeeIncome"),
    "80": ("Cost of Goods Sold", "Expense", "SuppliesMaterialsCogs"),
    "17": ("Rent or Lease", "Expense", "RentOrLeaseOfBuildings"),
}
"""Id to name, classification and subtype."""

INCOME, COGS, EXPENSES = ("82", "45"), ("80",), ("17",)
SIGN = {"Asset": 1, "Expense": 1, "Liability": -1, "Equity": -1, "Revenue": -1}


def account_type(id_: str) -> str:
    """As far as reports are asked for by types."""
    return "Income" if id_ in INCOME else "Expense" if id_ in EXPENSES else "Bank"


@dataclass(frozen=True)
class Transaction:
    """A transaction by its lines: account to debit (credits below zero)."""

    id: str
    day: date
    lines: tuple[tuple[str, Decimal], ...]


def transaction(id_: int, day: str, debit: str, credit: str, amount: str) -> Transaction:
    value = Decimal(amount)
    return Transaction(str(id_), date.fromisoformat(day), ((debit, value), (credit, -value)))


@dataclass
class LedgerCompany:
    """A transport. Answers take `latency_s` of the loop's time."""

    transactions: list[Transaction]
    fiscal_month: str = "January"
    country: str = "US"
    modern: bool = False
    resets_results: bool = False
    """Income and expense accounts begin each fiscal year with nothing in the ledger."""
    multicurrency: bool = False
    """All amounts are of a currency of which two make one of the company's own."""
    unlisted: Sequence[str] = ()
    """Accounts that reports show and no query gives."""
    cells_max: int = 400_000
    days_max: int = 1_000_000
    """A longer period times out."""
    latency_s: float = 0.5
    before: Callable[[Request], Response | None] = lambda _request: None
    """Answers in its place, or meddles."""
    asked: list[Request] = field(default_factory=list)

    async def send(self, request: Request, *, deadline: float) -> Response:
        await anyio.sleep(self.latency_s)
        self.asked.append(request)
        answer = self.before(request)
        if answer is not None:
            return answer
        if request.path == "/batch":
            return answered(self._facts(json.loads(request.body)["BatchItemRequest"]))
        params = dict(request.params)
        start = date.fromisoformat(params.get("start_date", params.get("report_date", "2000-01-01")))
        end = date.fromisoformat(params.get("end_date", params.get("report_date", "2000-01-01")))
        name = request.path.removeprefix("/reports/")
        if (end - start).days + 1 > self.days_max and name != "BalanceSheet":
            return timed_out()
        report = getattr(self, f"_{name}", None)
        if report is None:
            return fault("5020", "Permission Denied Error")
        return self._shaped(name, params, report(start, end, params))

    # What is asked once.

    def _facts(self, items: Sequence[Mapping[str, str]]) -> dict[str, Any]:
        answers = []
        for item in items:
            entity = item["Query"].split(" FROM ")[1].split()[0]
            rows = self._rows(entity)
            answers.append({"bId": item["bId"], "QueryResponse": {entity: rows} if rows else {}})
        return {"BatchItemResponse": answers, "time": SERVER_TIME.isoformat()}

    def _rows(self, entity: str) -> list[dict[str, Any]]:
        times = {"MetaData": {"CreateTime": "2020-01-01T00:00:00Z", "LastUpdatedTime": "2020-01-01T00:00:00Z"}}
        if entity == "CompanyInfo":
            return [{"Id": "1", "Country": self.country, "FiscalYearStartMonth": self.fiscal_month, **times}]
        if entity == "Preferences":
            currency = {"CurrencyPrefs": {"MultiCurrencyEnabled": self.multicurrency}}
            accounting = {"AccountingInfoPrefs": {"FirstMonthOfFiscalYear": self.fiscal_month}}
            return [{"Id": "1", **accounting, **currency, **times}]
        if entity == "Account":
            return [
                {"Id": id_, "Name": name, "Classification": kind, "AccountSubType": subtype, **times}
                | {"AccountType": account_type(id_)}
                for id_, (name, kind, subtype) in ACCOUNTS.items()
                if id_ not in self.unlisted
            ]
        if entity == "JournalEntry" and self.transactions:
            first = min(self.transactions, key=lambda one: one.day)
            return [{"Id": first.id, "TxnDate": first.day.isoformat(), **times}]
        return []

    # Balances.

    def balance(self, account: str, until: date, since: date = date.min) -> Decimal:
        """In the account's own sign, of the days from `since` to `until`."""
        debits = (
            amount
            for one in self.transactions
            if since <= one.day <= until
            for id_, amount in one.lines
            if id_ == account
        )
        return SIGN[ACCOUNTS[account][1]] * sum(debits, ZERO)

    def year_start(self, day: date) -> date:
        month = datetime.strptime(self.fiscal_month, "%B").month  # noqa: DTZ007  # a month's name has no zone
        return date(day.year if day.month >= month else day.year - 1, month, 1)

    def net_income(self, until: date, since: date) -> Decimal:
        earned = sum((self.balance(id_, until, since) for id_ in INCOME), ZERO)
        return earned - sum((self.balance(id_, until, since) for id_ in (*COGS, *EXPENSES)), ZERO)

    # Reports: each a pair of columns and rows.

    def _GeneralLedger(self, start: date, end: date, params: Mapping[str, str]) -> Report:  # noqa: N802  # Intuit's name
        keys = params["columns"].split(",")
        chosen = params["account"].split(",") if "account" in params else list(ACCOUNTS)
        chosen = [id_ for id_ in chosen if account_type(id_) in params.get("account_type", account_type(id_))]
        rows = []
        for id_ in ACCOUNTS:
            if id_ not in chosen:
                continue
            result = ACCOUNTS[id_][1] in {"Revenue", "Expense"}
            since = self.year_start(start) if self.resets_results and result else date.min
            running = self.balance(id_, date.fromordinal(start.toordinal() - 1), since)
            data = [self._cells(keys, {"tx_date": ("Beginning Balance", None), "rbal_nat_amount": (running, None)})]
            data = data if running else []
            posted = ZERO
            for one in sorted(self.transactions, key=lambda each: (each.day, each.id)):
                for account, debit in one.lines:
                    if account == id_ and start <= one.day <= end:
                        amount = SIGN[ACCOUNTS[id_][1]] * debit
                        running, posted = running + amount, posted + amount
                        data.append(self._entry(keys, one, amount, running))
            if data:
                rows.append(self._section(self._named(id_, len(keys)), data, self._total(keys, posted)))
        return [(key, key, None) for key in keys], rows

    def _entry(self, keys: Sequence[str], one: Transaction, amount: Decimal, running: Decimal) -> list[Any]:
        values = {
            "tx_date": (one.day.isoformat(), None),
            "txn_type": ("Journal Entry", one.id),
            "doc_num": (f"1{one.id}", None),
            "name": ("Amy's Bird Sanctuary", "1"),
            "split_acc": ("-Split-", None),
            "subt_nat_amount": (amount, None),
            "rbal_nat_amount": (running, None),
        }
        return self._cells(keys, values)

    def _total(self, keys: Sequence[str], posted: Decimal) -> list[Any]:
        return self._cells(keys, {keys[0]: ("Total", None), "subt_nat_amount": (posted, None)})

    def _cells(self, keys: Sequence[str], values: Mapping[str, tuple[Any, str | None]]) -> list[Any]:
        if self.multicurrency:
            amounts = {key: amount for key, (amount, _) in values.items() if key.endswith("_nat_amount")}
            natural = {key: (2 * amount, None) for key, amount in amounts.items()}
            home = {key.replace("nat_", "nat_home_"): (amount, None) for key, amount in amounts.items()}
            values = {**values, **natural, **home}
        return [values.get(key, ("", None)) for key in keys]

    def _named(self, id_: str, width: int) -> list[Any]:
        return [(ACCOUNTS[id_][0], id_), *[("", None)] * (width - 1)]

    def _ProfitAndLoss(self, start: date, end: date, params: Mapping[str, str]) -> Report:  # noqa: N802  # as above
        months = [(start, end)]
        if params.get("summarize_column_by") == "Month":
            months = _months(start, end)
        columns: list[Any] = [("account", "Account", None)]
        if len(months) > 1:
            columns += [(f"{first:%b %Y}", "Money", (first, last)) for first, last in months]
        columns.append(("total", "Money", None))
        spans = [*months, (start, end)] if len(months) > 1 else [(start, end)]

        def line(title: str, of: Iterable[tuple[int, str]], id_: str | None = None) -> list[Any]:
            terms = list(of)
            amounts = [
                sum((sign * self.balance(account, last, first) for sign, account in terms), ZERO)
                for first, last in spans
            ]
            return [(title, id_), *[(amount, None) for amount in amounts]]

        plus = {name: [(1, id_) for id_ in ids] for name, ids in (("I", INCOME), ("C", COGS), ("E", EXPENSES))}
        minus = {name: [(-sign, id_) for sign, id_ in terms] for name, terms in plus.items()}
        gross, net = [*plus["I"], *minus["C"]], [*plus["I"], *minus["C"], *minus["E"]]

        def section(title: str, group: str, ids: Iterable[str], terms: list[tuple[int, str]]) -> Any:
            data = [line(ACCOUNTS[id_][0], [(1, id_)], id_) for id_ in ids]
            data = [one for one in data if any(value for value, _ in one[1:])]
            head = [(title, None), *[("", None)] * len(spans)]
            return {**self._section(head, data, line(f"Total {title}", terms)), "group": group}

        return columns, [
            section("Income", "Income", INCOME, plus["I"]),
            section("Cost of Goods Sold", "COGS", COGS, plus["C"]),
            {"Summary": line("Gross Profit", gross), "group": "GrossProfit"},
            section("Expenses", "Expenses", EXPENSES, plus["E"]),
            {"Summary": line("Net Operating Income", net), "group": "NetOperatingIncome"},
            {"Summary": line("Net Income", net), "group": "NetIncome"},
        ]

    def _BalanceSheet(self, _start: date, end: date, _params: Mapping[str, str]) -> Report:  # noqa: N802  # as above
        year = self.year_start(end)

        def amount(id_: str) -> Decimal:
            earlier = self.net_income(date.fromordinal(year.toordinal() - 1), date.min) if id_ == "2" else ZERO
            return self.balance(id_, end) + earlier

        def lines(kind: str) -> list[list[Any]]:
            return [[(ACCOUNTS[id_][0], id_), (amount(id_), None)] for id_, one in ACCOUNTS.items() if one[1] == kind]

        income = {"ColData": [("Net Income", None), (self.net_income(end, year), None)], "group": "NetIncome"}
        equity = [*lines("Equity"), income]
        assets, owed = lines("Asset"), lines("Liability")

        def total(data: Sequence[Any]) -> Decimal:
            return sum((one["ColData"][1][0] if isinstance(one, dict) else one[1][0] for one in data), ZERO)

        def section(title: str, group: str, data: Sequence[Any], amount_: Decimal) -> Any:
            head = [(title, None), ("", None)]
            return {**self._section(head, data, [(f"Total {title}", None), (amount_, None)]), "group": group}

        liabilities = section("Liabilities", "Liabilities", owed, total(owed))
        equities = section("Equity", "Equity", equity, total(equity))
        return [("account", "Account", None), ("total", "Money", None)], [
            section("ASSETS", "TotalAssets", assets, total(assets)),
            section("LIABILITIES", "TotalLiabilitiesAndEquity", [liabilities, equities], total(owed) + total(equity)),
        ]

    def _TrialBalance(self, _start: date, end: date, _params: Mapping[str, str]) -> Report:  # noqa: N802  # as above
        rows, sums = [], [ZERO, ZERO]
        for id_, (name, kind, _) in ACCOUNTS.items():
            result = kind in {"Revenue", "Expense"}
            balance = SIGN[kind] * self.balance(id_, end, self.year_start(end) if result else date.min)
            if id_ == "2":
                balance -= self.net_income(date.fromordinal(self.year_start(end).toordinal() - 1), date.min)
            sides = [max(balance, ZERO), max(-balance, ZERO)]
            sums = [one + other for one, other in zip(sums, sides, strict=True)]
            rows.append({"ColData": [(name, id_), *[(side or "", None) for side in sides]]})
        total = {"Summary": [("TOTAL", None), *[(one, None) for one in sums]], "group": "GrandTotal"}
        return [(key, "Money" if key != "account" else "Account", None) for key in ("account", "debit", "credit")], [
            *rows,
            total,
        ]

    def _TransactionList(self, start: date, end: date, params: Mapping[str, str]) -> Report:  # noqa: N802  # as above
        keys = params["columns"].split(",")
        rows = [
            {"ColData": self._entry(keys, one, one.lines[0][1], ZERO)}
            for one in self.transactions
            if start <= one.day <= end
        ]
        return [(key, key, None) for key in keys], rows

    def _AccountList(self, _start: date, _end: date, _params: Mapping[str, str]) -> Report:  # noqa: N802  # as above
        rows = [{"ColData": [(name, id_), (kind, None)]} for id_, (name, kind, _) in ACCOUNTS.items()]
        return [("account_name", "account_name", None), ("account_type", "account_type", None)], rows

    def _section(self, head: Sequence[Any], data: Sequence[Any], total: Sequence[Any]) -> dict[str, Any]:
        rows = [one if isinstance(one, dict) else {"ColData": one} for one in data]
        return {"Header": head, "Rows": rows, "Summary": total}

    # The wire.

    def _shaped(self, name: str, params: Mapping[str, str], report: Report) -> Response:
        columns, rows = report
        budget = [self.cells_max // max(1, len(columns))]
        shaped = [self._row(row, budget) for row in rows if budget[0] > 0]
        if budget[0] <= 0:
            shaped.append({"ColData": [{"value": "Unable to display more data. Please reduce the date range."}]})
        header = {
            "Time": SERVER_TIME.isoformat(), "ReportName": name, "Currency": "USD",
            "ReportBasis": params.get("accounting_method", "Accrual"),
            "Option": [{"Name": "NoReportData", "Value": "false" if shaped else "true"}],
        }  # fmt: skip
        if self.modern:
            return answered({"Header": header, "Columns": self._columns(columns), "Rows": shaped})
        found = {"Header": header, "Columns": {"Column": self._columns(columns)}, "Rows": {"Row": shaped}}
        return answered(found if shaped else {**found, "Rows": {}})

    def _columns(self, columns: Sequence[Any]) -> list[dict[str, Any]]:
        found = []
        for key, kind, span in columns:
            column: dict[str, Any] = {"ColTitle": key.title() if self.modern else key.upper(), "ColType": kind}
            meta = [{"Name": "ColKey", "Value": key}]
            if span is not None:
                meta += [
                    {"Name": f"{side}Date", "Value": str(day)} for side, day in zip(("Start", "End"), span, strict=True)
                ]
            if key != kind:
                column["MetaData"] = meta
            found.append(column)
        return found

    def _row(self, row: Mapping[str, Any], budget: list[int]) -> dict[str, Any]:
        """In the shape of the service; rows beyond the budget are cut off, and with them the totals."""
        found: dict[str, Any] = {"group": row["group"]} if "group" in row else {}
        if "ColData" in row:
            budget[0] -= 1
            return {**found, "ColData": self._values(row["ColData"]), "type": "Data"}
        budget[0] -= 2 if "Header" in row else 1
        if "Header" in row:
            found["Header"] = {"ColData": self._values(row["Header"])}
        if row.get("Rows"):
            inner = [self._row(one, budget) for one in row["Rows"] if budget[0] > 0]
            found["Rows"] = inner if self.modern else {"Row": inner}
        if budget[0] > 0:
            summary = self._values(row["Summary"])
            found["Summary"] = {"ColData": summary[0] if self.modern and len(summary) == 1 else summary}
        return {**found, "type": "Section"}

    def _values(self, cells: Sequence[tuple[Any, str | None]]) -> list[dict[str, str]]:
        return [self._value(value, id_) for value, id_ in cells]

    def _value(self, value: Any, id_: str | None) -> dict[str, str]:
        if isinstance(value, Decimal):
            text = "" if self.modern and not value else f"{value:.2f}"
        else:
            text = value.title() if self.modern and id_ is None and not value[:1].isdigit() else value
            text = "" if self.modern and value == "-Split-" else text
        return {"value": text} if id_ is None else {"value": text, "id": id_}


Report = tuple[Sequence[Any], Sequence[Mapping[str, Any]]]


def _months(start: date, end: date) -> list[tuple[date, date]]:
    days: dict[tuple[int, int], list[date]] = defaultdict(list)
    for ordinal in range(start.toordinal(), end.toordinal() + 1):
        day = date.fromordinal(ordinal)
        days[day.year, day.month].append(day)
    return [(month[0], month[-1]) for month in days.values()]


def answered(body: Mapping[str, Any]) -> Response:
    headers = {"content-type": "application/json;charset=utf-8", "intuit_tid": "1-5f734f39"}
    return Response(status=200, headers=headers, body=json.dumps(body).encode())


def fault(code: str, message: str, *, status: int = 400) -> Response:
    """A fault as the application says it."""
    body = {"Fault": {"Error": [{"Message": message, "Detail": message, "code": code}], "type": "ValidationFault"}}
    return Response(status=status, headers={"content-type": "application/json"}, body=json.dumps(body).encode())


def timed_out() -> Response:
    """A gateway's time-out, as recorded."""
    message = "message=GatewayTimeout; errorCode=006002; statusCode=504"
    body = (
        '<IntuitResponse xmlns="http://schema.intuit.com/finance/v3"><Fault type="SERVICE">'
        f'<Error code="6002"><Message>{message}</Message><Detail/></Error></Fault></IntuitResponse>'
    )
    return Response(status=504, headers={"content-type": "application/xml"}, body=body.encode())
