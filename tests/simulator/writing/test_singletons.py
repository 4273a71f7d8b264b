"""Preferences: changed setting by setting."""

from __future__ import annotations


def test_a_setting_changes_and_its_neighbours_stay(counter) -> None:
    old = counter.get("preferences")
    asked = {"AccountingInfoPrefs": {"BookCloseDate": "2026-01-31"}, "CurrencyPrefs": {"MultiCurrencyEnabled": False}}
    new = counter.post("preferences", {"Id": "1", "SyncToken": old["SyncToken"], "sparse": True, **asked})
    assert new["AccountingInfoPrefs"] == old["AccountingInfoPrefs"] | {"BookCloseDate": "2026-01-31"}
    assert new["CurrencyPrefs"] == old["CurrencyPrefs"], "a company's currencies are not switched by this API"
    assert int(new["SyncToken"]) == int(old["SyncToken"]) + 1
    assert counter.get("preferences") == new


def test_what_was_read_changes_nothing(counter) -> None:
    old = counter.get("preferences")
    assert counter.post("preferences", old) == old
    assert counter.fault("preferences", old | {"SyncToken": "77"})["code"] == "5010"
    assert counter.fault("preferences", old, operation="delete")["code"] == "500"


def test_null_takes_a_setting_away(counter) -> None:
    counter.set_preference("AccountingInfoPrefs", BookCloseDate="2026-11-20")
    old = counter.get("preferences")
    assert counter.fault("invoice", counter.sample("Invoice"))["code"] == "6210"
    counter.post("preferences", old | {"AccountingInfoPrefs": {"BookCloseDate": None}})
    counter.post("invoice", counter.sample("Invoice"))


def test_a_closed_period_is_closed_to_the_day(counter) -> None:
    counter.set_preference("AccountingInfoPrefs", BookCloseDate="2026-10-31")
    body = counter.sample("Invoice")
    assert counter.fault("invoice", body | {"TxnDate": "2026-10-31"})["code"] == "6210"
    made = counter.post("invoice", body | {"TxnDate": "2026-11-01"})
    assert counter.fault("invoice", made | {"TxnDate": "2026-10-31"})["code"] == "6210"
