"""The answer around a report: who may have it, how much fits, how long it takes, and in which form it comes."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree as ET

import anyio
import pytest

from backfill.simulator.call import Call
from backfill.simulator.core import Simulator
from backfill.simulator.envelopes import Answer
from backfill.simulator.fleet import Fleet
from backfill.simulator.injection.bodies import TruncatedBody
from backfill.simulator.injection.injection import Injection
from backfill.simulator.reports.answer import OVERFLOW
from backfill.simulator.reports.catalogue import REPORTS
from backfill.simulator.settings import ReportSettings, ServerLimits, SimulatorSettings
from backfill.simulator.transport import SimulatedTransport
from backfill.wire import Lane, Request
from tests.simulator.reports.conftest import realm_of

NOW = datetime(2026, 11, 20, 18, tzinfo=UTC)
NAMESPACE = "{http://schema.intuit.com/finance/v3}"
PLAIN, FRANCE = 1, 2
YEAR = {"start_date": "2025-01-01", "end_date": "2025-12-31"}


class Client:
    """Asks one company of a fleet of three for reports, through all that a request passes."""

    def __init__(self, number: int = PLAIN, *, limits_scale: float = 1.0, **settings: Any) -> None:
        fleet = Fleet(realms=8, seed=21, now=lambda: NOW, rows_min=600, rows_max=600)
        limits = ServerLimits(requests_per_second=None, requests_per_minute=None)
        made = SimulatorSettings(limits=limits, limits_scale=limits_scale, reports=ReportSettings(**settings))
        self.simulator = Simulator(made, fleet, now=lambda: NOW, seed=3)
        self.realm_id = realm_of(fleet, number)

    async def answer(self, name: str, *, accept: str = "application/json", **params: str) -> Answer:
        token = self.simulator.credentials(self.realm_id).access_token
        headers = {"authorization": f"Bearer {token}", "accept": accept}
        return await self.simulator.exchange(Call(self.realm_id, "GET", f"/reports/{name}", params, headers))

    async def ask(self, name: str, **params: str) -> dict[str, Any]:
        answer = await self.answer(name, **params)
        assert answer.status == 200, answer.body
        return json.loads(answer.body)


@pytest.fixture
def client_of() -> Callable[..., Client]:
    return Client


async def test_every_report_is_answered_in_its_own_country(client_of) -> None:
    us, fr = client_of(PLAIN), client_of(FRANCE)
    for name, report in REPORTS.items():
        for client, country in ((us, "US"), (fr, "FR")):
            answer = await client.answer(name, date_macro="All")
            if report.countries and country not in report.countries:
                assert answer.status == 400
                (error,) = json.loads(answer.body)["Fault"]["Error"]
                assert error["code"] == "5020"
            else:
                body = json.loads(answer.body)
                assert list(body) == ["Header", "Columns", "Rows"]
                assert body["Header"]["ReportName"] == name
                assert list(body["Header"])[-1] == "Option"


@pytest.mark.parametrize("name", ["ProfitandLoss", "Nonsense", "profitandloss"])
async def test_names_are_exact(client_of, name: str) -> None:
    answer = await client_of().answer(name)
    assert answer.status == 400
    assert json.loads(answer.body)["Fault"]["Error"][0]["code"] == "5020"


async def test_the_header_says_what_was_asked(client_of) -> None:
    body = await client_of().ask("ProfitAndLoss", **YEAR, accounting_method="Cash", customer="2,1")
    header = body["Header"]
    assert header == {
        "Time": "2026-11-20T10:00:00-08:00",
        "ReportName": "ProfitAndLoss",
        "ReportBasis": "Cash",
        "StartPeriod": "2025-01-01",
        "EndPeriod": "2025-12-31",
        "SummarizeColumnsBy": "Total",
        "Currency": "USD",
        "Customer": "1,2",
        "Option": header["Option"],
    }
    assert header["Option"][0] == {"Name": "AccountingStandard", "Value": "GAAP"}
    assert (await client_of().ask("BalanceSheet"))["Header"]["DateMacro"] == "this fiscal year-to-date"
    aged = (await client_of().ask("AgedReceivables", report_date="2025-06-30"))["Header"]
    assert {"Name": "report_date", "Value": "2025-06-30"} in aged["Option"]
    assert "StartPeriod" not in aged


async def test_without_data_the_header_says_so(client_of) -> None:
    body = await client_of().ask("GeneralLedger", start_date="1999-01-01", end_date="1999-12-31")
    assert body["Rows"] == {}
    assert {"Name": "NoReportData", "Value": "true"} in body["Header"]["Option"]
    body = await client_of().ask("ProfitAndLoss", start_date="1999-01-01", end_date="1999-12-31")
    assert {"Name": "NoReportData", "Value": "true"} in body["Header"]["Option"]
    income = body["Rows"]["Row"][0]
    assert "Rows" not in income
    assert income["Summary"]["ColData"][1] == {"value": ""}
    assert body["Rows"]["Row"][-1]["group"] == "NetIncome"


async def test_too_many_cells_are_cut_inside_a_good_answer(client_of) -> None:
    whole = await client_of().ask("GeneralLedger", **YEAR)
    answer = await client_of(cells=1_000).answer("GeneralLedger", **YEAR)
    assert answer.status == 200
    body = json.loads(answer.body)
    last = body["Rows"]["Row"][-1]
    assert body["Header"] == whole["Header"], "nothing in the header tells"
    assert "Summary" not in last
    assert last["Rows"]["Row"][-1]["ColData"][0] == {"value": OVERFLOW}
    assert len(last["Rows"]["Row"][-1]["ColData"]) == len(body["Columns"]["Column"])
    # The chart's tail is what is missing: all that is there is the beginning of the whole.
    assert body["Rows"]["Row"][:-1] == whole["Rows"]["Row"][: len(body["Rows"]["Row"]) - 1]
    assert answer.body.count(b'"ColData"') == 1_000 // 8 + 1


async def test_exactly_as_many_cells_as_are_allowed_are_whole(client_of) -> None:
    whole = (await client_of().answer("GeneralLedger", **YEAR)).body
    cells = whole.count(b'"ColData"') * 8
    assert OVERFLOW.encode() not in (await client_of(cells=cells).answer("GeneralLedger", **YEAR)).body
    assert OVERFLOW.encode() in (await client_of(cells=cells - 1).answer("GeneralLedger", **YEAR)).body


@pytest.mark.virtual
async def test_a_report_takes_longer_the_more_cells_it_has(client_of) -> None:
    client = client_of(base_s=1.0, cell_s=0.001)

    async def took_s(**params: str) -> float:
        began = anyio.current_time()
        await client.answer("GeneralLedger", **params)
        return anyio.current_time() - began

    nothing = await took_s(start_date="1999-01-01", end_date="1999-12-31")
    month, year = await took_s(start_date="2025-01-01", end_date="2025-01-31"), await took_s(**YEAR)
    assert nothing == pytest.approx(1.0)
    assert nothing < month < year


@pytest.mark.virtual
async def test_what_takes_too_long_is_given_up_in_xml(client_of) -> None:
    client = client_of(cell_s=1.0)
    began = anyio.current_time()
    answer = await client.answer("GeneralLedger", **YEAR)
    assert anyio.current_time() - began == pytest.approx(120.0)
    assert answer.status == 504
    assert answer.content_type.startswith("application/xml")
    fault = ET.fromstring(answer.body)[0]
    assert fault.get("type") == "SERVICE"
    assert fault[0].get("code") == "6002"
    assert fault[0][0].text == "message=GatewayTimeout; errorCode=006002; statusCode=504"
    scaled = client_of(cell_s=1.0, limits_scale=60)
    began = anyio.current_time()
    assert (await scaled.answer("GeneralLedger", **YEAR)).status == 504
    assert anyio.current_time() - began == pytest.approx(2.0)


@pytest.mark.virtual
async def test_wide_reports_take_longer_than_their_cells_say(client_of) -> None:
    client = client_of(cell_s=0.01, wide_columns=25, wide_factor=1_000)
    assert (await client.answer("ProfitAndLoss", **YEAR, summarize_column_by="Month")).status == 200
    assert (await client.answer("ProfitAndLoss", **YEAR, summarize_column_by="Week")).status == 504


async def test_by_the_transport_it_is_the_same(client_of) -> None:
    client = client_of()
    token = client.simulator.credentials(client.realm_id).access_token
    request = Request(
        realm_id=client.realm_id,
        lane=Lane.REPORT,
        method="GET",
        path="/reports/TrialBalance",
        params=tuple(YEAR.items()),
        headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
    )
    response = await SimulatedTransport(client.simulator).send(request, deadline=anyio.current_time() + 9)
    assert json.loads(response.body) == await client.ask("TrialBalance", **YEAR)


async def test_who_does_not_ask_for_json_is_answered_in_xml(client_of) -> None:
    client = client_of()
    answer = await client.answer("GeneralLedger", accept="application/xml", **YEAR)
    root, body = ET.fromstring(answer.body), await client.ask("GeneralLedger", **YEAR)
    assert root.tag == f"{NAMESPACE}Report"
    assert root.findtext(f"{NAMESPACE}Header/{NAMESPACE}ReportName") == "GeneralLedger"
    cells = [(cell.get("value"), cell.get("id")) for cell in root.iter(f"{NAMESPACE}ColData")]
    assert cells == [(cell["value"], cell.get("id")) for cell in _cells(body["Rows"]["Row"])]
    assert {row.get("type") for row in root.iter(f"{NAMESPACE}Row")} == {"Section", "Data"}
    assert (await client.answer("Nonsense", accept="application/xml")).body.startswith(b"<?xml")


def _cells(nodes: list[dict[str, Any]]) -> list[dict[str, str]]:
    found = []
    for node in nodes:
        found += node.get("Header", {}).get("ColData", []) + node.get("ColData", [])
        found += _cells(node.get("Rows", {}).get("Row", []))
        found += node.get("Summary", {}).get("ColData", [])
    return found


async def test_good_answers_can_be_told_to_be_empty_or_cut(client_of) -> None:
    client = client_of()
    whole = len((await client.answer("TrialBalance", **YEAR)).body)
    for share in (0.0, 0.5):
        client.simulator.injections.add(Injection(TruncatedBody(share=share), lanes=("report",), times=1))
        answer = await client.answer("TrialBalance", **YEAR)
        assert (answer.status, len(answer.body)) == (200, int(whole * share))
    assert len((await client.answer("TrialBalance", **YEAR)).body) == whole


async def test_the_modern_service_by_setting_or_for_who_asks_for_the_preview(client_of) -> None:
    days = {"start_date": "2025-01-01", "end_date": "2025-12-31", "summarize_column_by": "Days"}
    old = await client_of().ask("ProfitAndLoss", **days)
    assert len(old["Columns"]["Column"]) == 1 + 365 + 1
    for body in (
        await client_of().ask("ProfitAndLoss", testing_migration="", **days),
        await client_of(shape="modern").ask("ProfitAndLoss", **days),
    ):
        columns = body["Columns"]["Column"]
        assert len(columns) == 1 + 100 + 1 + 1
        assert columns[-2]["ColTitle"] == "Others"
        assert _net_income(body)[-1] == _net_income(old)[-1]
        # The days beyond the hundredth are one column.
        assert sum(map(float, filter(None, _net_income(body)[:-1]))) == pytest.approx(float(_net_income(body)[-1]))
        assert "0.00" not in {cell["value"] for cell in _cells(body["Rows"]["Row"])}, "nothing is shown for zero"


def _net_income(body: dict[str, Any]) -> list[str]:
    return [cell["value"] for cell in body["Rows"]["Row"][-1]["Summary"]["ColData"][1:]]


async def test_the_modern_service_may_leave_objects_out_around_lists(client_of) -> None:
    wrapped = await client_of(shape="modern").ask("JournalReport", **YEAR)
    bare = await client_of(shape="modern", lists="bare").ask("JournalReport", **YEAR)
    assert bare["Columns"] == wrapped["Columns"]["Column"]
    assert bare["Rows"][0]["Rows"][0]["ColData"] == wrapped["Rows"]["Row"][0]["Rows"]["Row"][0]["ColData"]
    assert bare["Rows"][0]["Summary"] == wrapped["Rows"]["Row"][0]["Summary"]["ColData"]


async def test_the_log_says_what_was_asked(client_of) -> None:
    client = client_of()
    await client.ask("TrialBalance", **YEAR)
    (entry,) = client.simulator.log.entries(client.realm_id)
    assert (entry.lane, entry.path) == ("report", "/reports/TrialBalance")
    assert entry.asked == "start_date=2025-01-01&end_date=2025-12-31"
