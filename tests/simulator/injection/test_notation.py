"""Injections read from a line, from a table, and written again."""

from __future__ import annotations

import dataclasses
import re

import pytest

from backfill.errors import UsageError
from backfill.simulator import injection as injection_package
from backfill.simulator.injection.batches import ItemFault
from backfill.simulator.injection.behaviour import Behaviour
from backfill.simulator.injection.injection import Injection
from backfill.simulator.injection.kinds import MISHAPS
from backfill.simulator.injection.network import LostReply
from backfill.simulator.injection.notation import WHOM, described, read_line, read_table, written
from backfill.simulator.injection.refusals import ApiFault, TooManyRequests

INJECTIONS = [
    ("lost_reply", {}, Injection(LostReply())),
    (
        "lost_reply lanes=write,batch probability=0.02 after_commit=false",
        {"lanes": ["write", "batch"], "probability": 0.02, "after_commit": False},
        Injection(LostReply(after_commit=False), lanes=("write", "batch"), probability=0.02),
    ),
    (
        "api_fault code=6000 'detail=Wait a few minutes' entities=Invoice operations=create every=10 times=3",
        {
            "code": "6000", "detail": "Wait a few minutes", "entities": "Invoice", "operations": "create", "every": 10,
            "times": 3,
        },
        Injection(
            ApiFault(code="6000", detail="Wait a few minutes"), entities=("Invoice",), operations=("create",), every=10,
            times=3,
        ),
    ),
    (
        "too_many_requests form=json_lower retry_after=date from_s=60 until_s=90.5 apart=realm after=2 realms=1,2",
        {
            "form": "json_lower", "retry_after": "date", "from_s": 60, "until_s": 90.5, "apart": "realm", "after": 2,
            "realms": "1, 2",
        },
        Injection(
            TooManyRequests(form="json_lower", retry_after="date"), from_s=60, until_s=90.5, apart="realm", after=2,
            realms=("1", "2"),
        ),
    ),
    (
        "behaviour settings.batch_object_cap=off settings.id_sort=error containing='ORDERBY Id'",
        {"settings": {"batch_object_cap": None, "id_sort": "error"}, "containing": "ORDERBY Id"},
        Injection(Behaviour(settings={"batch_object_cap": None, "id_sort": "error"}), containing="ORDERBY Id"),
    ),
    (
        "item_fault share=1 item_operations=void paths=/batch gateway=true",
        {"share": 1.0, "item_operations": "void", "paths": ["/batch"], "gateway": True},
        Injection(ItemFault(share=1.0, item_operations=("void",)), paths=("/batch",), gateway=True),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("line", "table", "injection"), INJECTIONS)
def test_a_line_and_a_table_say_the_same(line: str, table: dict[str, object], injection: Injection) -> None:
    assert read_line(line) == injection
    assert read_table({"mishap": injection.mishap.kind(), **table}) == injection
    assert read_table(written(injection)) == injection


@pytest.mark.parametrize("kind", MISHAPS)
def test_every_mishap_is_read_by_its_name_and_writes_no_more_than_that(kind: str) -> None:
    assert read_line(kind) == Injection(MISHAPS[kind]())
    assert written(read_line(kind)) == {"mishap": kind}


def test_no_setting_of_a_mishap_has_the_name_of_one_of_injections() -> None:
    for kind in MISHAPS.values():
        assert {field.name for field in dataclasses.fields(kind)}.isdisjoint({*WHOM, "mishap"}), kind


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("lost_replay", "there is no mishap 'lost_replay'"),
        ("lost_reply lane=write", "lost_reply has no lane"),
        ("lost_reply every=often", "every of the injection cannot be 'often'"),
        ("lost_reply every=0", "every is at least 1"),
        ("lost_reply lanes=write,writes", "lanes are among query, batch, cdc, report, write, token, front"),
        ("api_fault code=99", "its code is a documented one"),
        ("invalid_body flaw=dot", "flaw of invalid_body cannot be 'dot'"),
        ("lost_reply write", "has 'write' where setting=value belongs"),
        ("lost_reply 'paths=x", "cannot be read"),
        ("", "cannot be read"),
    ],
)
def test_what_is_wrong_is_said_by_name(line: str, said: str) -> None:
    with pytest.raises(UsageError, match=re.escape(said)) as raised:
        read_line(line)
    assert raised.value.action or "cannot be" in said


def test_a_near_name_is_offered() -> None:
    with pytest.raises(UsageError) as raised:
        read_line("lost_replay")
    assert "lost_reply" in raised.value.action


def test_every_mishap_is_described() -> None:
    said = {name: (what, settings) for name, what, settings in described()}
    assert said.keys() == MISHAPS.keys()
    assert said["cut_reply"] == (
        "The connection is reset in the middle of the body, after that share of it.",
        {"share": 0.5},
    )


def test_the_lines_of_the_documentation_can_be_read() -> None:
    documented = re.findall(r"^    \S.*?  +(\w+ ?\S*=?.*)$", injection_package.__doc__ or "", re.MULTILINE)
    lines = [line for line in documented if line.split()[0] in MISHAPS]
    assert len(lines) == 20
    assert all(read_line(line) for line in lines)
