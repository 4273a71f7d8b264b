"""Names: used once over three lists, in any case, active or not; places below one another."""

from __future__ import annotations

import pytest

PEOPLE = ("customer", "vendor", "employee")


@pytest.mark.parametrize("first", PEOPLE)
@pytest.mark.parametrize("second", PEOPLE)
def test_a_name_is_used_once_over_three_lists(counter, first: str, second: str) -> None:
    made = counter.post(first, {"DisplayName": "Doe5, Jane"})
    error = counter.fault(second, {"DisplayName": "DOE5, jane"})
    assert (error["code"], error["Message"]) == ("6240", "Duplicate Name Exists Error")
    assert error["Detail"].startswith(
        "The name supplied already exists. : Another customer, vendor or employee is already using this name. "
    )
    assert error["Detail"].endswith(f"Id={made['Id']}")


def test_an_inactive_one_keeps_its_name(counter) -> None:
    made = counter.post("vendor", {"DisplayName": "Gone"})
    counter.post("vendor", made | {"Active": False})
    assert counter.fault("customer", {"DisplayName": "gone"})["code"] == "6240"


def test_a_new_name_frees_the_old_one(counter) -> None:
    made = counter.post("vendor", {"DisplayName": "Before"})
    counter.post("vendor", made | {"DisplayName": "After"})
    counter.post("customer", {"DisplayName": "Before"})
    assert counter.fault("customer", {"DisplayName": "After"})["code"] == "6240"


def test_names_that_people_change_beside_the_api_count_as_well(counter) -> None:
    counter.post("customer", {"DisplayName": "First"})  # from here on the names are known
    counter.company.create("Customer", {"DisplayName": "Entered by hand", "Active": True})
    assert counter.fault("vendor", {"DisplayName": "entered by HAND"})["code"] == "6240"


@pytest.mark.parametrize("entity", ["class", "department", "term", "paymentmethod", "taxagency"])
def test_other_lists_have_names_of_their_own(counter, entity: str) -> None:
    key = "DisplayName" if entity == "taxagency" else "Name"
    counter.post("customer", {"DisplayName": "Sodium"})
    counter.post(entity, {key: "Sodium"})
    error = counter.fault(entity, {key: "sodium"})
    assert (error["code"], error["Detail"][:39]) == ("6240", "The name supplied already exists. : Id=")


def test_the_same_name_may_stand_below_different_parents(counter) -> None:
    parents = [counter.post("department", {"Name": name}) for name in ("North", "South")]
    for parent in parents:
        made = counter.post("department", {"Name": "Depot", "ParentRef": {"value": parent["Id"]}})
        assert made["FullyQualifiedName"] == f"{parent['Name']}:Depot"
        assert made["SubDepartment"] is True
        assert made["ParentRef"] == {"value": parent["Id"], "name": parent["Name"]}


def test_a_job_has_its_level_and_its_parents_name(counter) -> None:
    top = counter.post("customer", {"DisplayName": "Top"})
    job = counter.post("customer", {"DisplayName": "Roof", "ParentRef": {"value": top["Id"]}, "BillWithParent": True})
    assert (job["Job"], job["Level"], job["FullyQualifiedName"]) == (True, 1, "Top:Roof")
    below = counter.post("customer", {"DisplayName": "Tiles", "ParentRef": {"value": job["Id"]}})
    assert (below["Level"], below["FullyQualifiedName"]) == (2, "Top:Roof:Tiles")


def test_a_parent_that_is_renamed_renames_what_stands_below_it(counter) -> None:
    top = counter.post("class", {"Name": "Top"})
    middle = counter.post("class", {"Name": "Middle", "ParentRef": {"value": top["Id"]}})
    low = counter.post("class", {"Name": "Low", "ParentRef": {"value": middle["Id"]}})
    counter.post("class", top | {"Name": "Crown"})
    renamed = counter.get(f"class/{low['Id']}")
    assert (renamed["FullyQualifiedName"], renamed["SyncToken"]) == ("Crown:Middle:Low", "0")
    assert renamed["Name"] == "Low"
