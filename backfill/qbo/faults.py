"""The table of faults: what each of Intuit's codes means, what to do next, and what to tell the user.

Codes and meanings are from Intuit's reference ("Error codes", "Handling common errors") and from recordings.
Where a text is known to matter more than its code (a closed period was seen under 5010), the text is looked at first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from backfill.errors import Disposition
from backfill.model import RealmId
from backfill.qbo.envelopes import Fault

_RETRY = Disposition.RETRY
_WAIT = Disposition.WAIT
_REFRESH = Disposition.REFRESH
_SHRINK = Disposition.SHRINK
_REREAD = Disposition.REREAD
_READ_BACK = Disposition.READ_BACK
_REJECT = Disposition.REJECT
_QUARANTINE = Disposition.QUARANTINE
_PARK = Disposition.PARK
_STOP = Disposition.STOP

_RECONNECT = "Ask an administrator of the company to connect it again."
_UNPARK = "backfill realms unpark {realm_id}"
_ENVIRONMENT = (
    "Check BACKFILL_ENVIRONMENT and the app's credentials. If they were right, ask an administrator of the company to"
    f" connect it again. If not, put them right, and then: {_UNPARK}"
)
_BUG = "This is a defect of the program: report it with the intuit_tid."
_UNSUPPORTED = "Leave it out if the company's plan or country has no such thing; else report it with the intuit_tid."
_AGAIN = (
    "Try again later: most often it passes. If it stays, give Intuit's support the intuit_tid: backfill calls --failed"
)
_FIX = "Correct the row and load it again."
_FIX_REFERENCE = "Create or reactivate the object that the row refers to, or correct the reference, and load it again."
_FIX_UPLOAD = "Correct the file or its metadata and upload it again."
_IN_THE_BOOKS = (
    "Release the object in QuickBooks (it is linked, matched, deposited or has a balance), and load it again."
)
_REOPEN = "Open the period in QuickBooks (Account and settings, Advanced), or give the row a later date."
_SUBSCRIPTION = f"Ask the company to renew its QuickBooks subscription or to settle its billing; then: {_UNPARK}"
_PERMISSION = "Let a company administrator with access to this feature connect the company, or leave this object out."
_LOOK = "Look in QuickBooks whether the object is there already; if it is another one, change the row's name or number."
_SMALLER = "Nothing to do: less is asked for at a time."
_SET_ASIDE = "Correct the stored object in QuickBooks; the rest of its page is read without it."


@dataclass(frozen=True, slots=True)
class FaultRule:
    """One row of the table. `code` is empty for a rule about an HTTP status or a text.

    `action` may name the realm, as `{realm_id}`: see `action_for`.
    """

    code: str
    meaning: str
    disposition: Disposition
    action: str

    def action_for(self, realm_id: RealmId) -> str:
        """What to do next, with commands that can be typed as they stand."""
        return self.action.replace("{realm_id}", realm_id)


_ROWS: tuple[FaultRule, ...] = (
    FaultRule("100", "authentication failed", _REFRESH, _RECONNECT),
    FaultRule("110", "OAuth authentication failed", _REFRESH, _RECONNECT),
    FaultRule("120", "the user who connected the company has lost access to it", _PARK, _RECONNECT),
    FaultRule("130", "the request reached the wrong cluster", _RETRY, _AGAIN),
    FaultRule("140", "the company is locked", _PARK, f"Wait until the company is unlocked, then: {_UNPARK}"),
    FaultRule("150", "the company is under maintenance", _RETRY, _AGAIN),
    FaultRule("500", "the operation is not supported", _STOP, _UNSUPPORTED),
    FaultRule(
        "600",
        "the requestid was used before",
        _READ_BACK,
        "Look in QuickBooks for what the row was to make; if it is not there: backfill load retry.",
    ),
    FaultRule("610", "the object, or one it refers to, is not there or inactive", _REJECT, _FIX_REFERENCE),
    FaultRule("620", "the transaction cannot be linked", _REJECT, _FIX_REFERENCE),
    FaultRule("630", "the object is a duplicate", _REJECT, _LOOK),
    FaultRule("700", "the parent is not valid", _REJECT, _FIX_REFERENCE),
    FaultRule("800", "other objects depend on it", _REJECT, "Delete what depends on it first."),
    FaultRule("900", "the parent is its own child", _REJECT, _FIX_REFERENCE),
    FaultRule("1000", "the operation failed", _RETRY, _AGAIN),
    FaultRule("1010", "the create failed", _RETRY, _AGAIN),
    FaultRule("1020", "the update failed", _RETRY, _AGAIN),
    # Intuit's own pages disagree on the cap (10 and 30), so a refusal is something to learn from.
    FaultRule("1040", "the batch has too many items", _SHRINK, _SMALLER),
    FaultRule("1050", "the content type is not valid", _STOP, _BUG),
    FaultRule("2000", "there is no object of that name", _STOP, _UNSUPPORTED),
    # 2010 and 2030 are about the row's content, which is the user's, so they do not stop the run.
    FaultRule("2010", "the row has a property that QuickBooks does not know or does not take", _REJECT, _FIX),
    FaultRule("2020", "a required value is missing", _REJECT, _FIX),
    FaultRule("2030", "an Id is not valid", _REJECT, _FIX),
    FaultRule("2040", "a text is not valid", _REJECT, _FIX),
    FaultRule("2050", "a text is too short or too long", _REJECT, _FIX),
    FaultRule("2060", "a date is not in the right format", _REJECT, _FIX),
    FaultRule("2070", "a date is not valid", _REJECT, _FIX),
    FaultRule("2080", "a number is not in the right format", _REJECT, _FIX),
    FaultRule("2090", "a number is not valid", _REJECT, _FIX),
    FaultRule("2100", "a decimal number is not in the right format", _REJECT, _FIX),
    FaultRule("2110", "a decimal number is not valid", _REJECT, _FIX),
    FaultRule("2120", "a type is not valid", _REJECT, _FIX),
    FaultRule("2130", "the requestid is not in the right format", _STOP, _BUG),
    FaultRule("2140", "an amount is not valid", _REJECT, _FIX),
    FaultRule("2150", "a percentage is not valid", _REJECT, _FIX),
    FaultRule("2160", "a quantity is not valid", _REJECT, _FIX),
    FaultRule("2170", "a value is not one of those allowed", _REJECT, _FIX),
    FaultRule("2180", "a text is out of range", _REJECT, _FIX),
    FaultRule("2190", "a date is out of range", _REJECT, _FIX),
    FaultRule("2200", "a URL is not valid", _REJECT, _FIX),
    FaultRule("2210", "an e-mail address is not valid", _REJECT, _FIX),
    FaultRule("2220", "a currency is not valid", _REJECT, _FIX),
    FaultRule("2230", "a true/false value is not valid", _REJECT, _FIX),
    FaultRule("2240", "a number is out of range", _REJECT, _FIX),
    FaultRule("2250", "lines are missing", _REJECT, _FIX),
    FaultRule("2260", "a posting type is missing", _REJECT, _FIX),
    FaultRule("2270", "the tax-applicable flag is missing", _REJECT, _FIX),
    FaultRule("2280", "the tax amount is missing", _REJECT, _FIX),
    FaultRule("2290", "the amount is negative", _REJECT, _FIX),
    FaultRule("2300", "debits and credits do not balance", _REJECT, _FIX),
    FaultRule("2500", "a reference leads nowhere", _REJECT, _FIX_REFERENCE),
    FaultRule("2600", "two elements exclude each other", _REJECT, _FIX),
    FaultRule("3000", "a custom field is not valid", _REJECT, _FIX),
    FaultRule("3001", "too many requests", _WAIT, "Nothing to do: the realm waits. Other apps share its limit."),
    FaultRule("3100", "the app is not authorised for this company", _PARK, _ENVIRONMENT),
    FaultRule("3200", "the access token is not valid any more", _REFRESH, _RECONNECT),
    FaultRule("3201", "the app is not authorised", _PARK, _RECONNECT),
    FaultRule("3202", "an OAuth field is empty", _PARK, _RECONNECT),
    FaultRule("4000", "the statement could not be parsed", _STOP, _BUG),
    FaultRule("4001", "the statement is not valid", _STOP, _BUG),
    FaultRule("4002", "a stored object could not be processed", _QUARANTINE, _SET_ASIDE),
    FaultRule("5000", "the field is deprecated", _REJECT, _FIX),
    FaultRule(
        "5010", "the object was changed by somebody else", _REREAD, "Nothing to do: it is read again and retried."
    ),
    FaultRule("5020", "permission denied", _REJECT, _PERMISSION),
    FaultRule("5030", "the company's subscription does not have this feature", _REJECT, _PERMISSION),
    FaultRule("6000", "a rule of the business refuses it", _REJECT, _FIX),
    FaultRule("6002", "the gateway timed out", _RETRY, _AGAIN),
    FaultRule("6010", "the account is of the wrong type", _REJECT, _FIX),
    FaultRule("6020", "the upload's content length is wrong", _REJECT, _FIX_UPLOAD),
    FaultRule("6030", "the upload is too large", _REJECT, _FIX_UPLOAD),
    FaultRule("6040", "the upload's metadata type is wrong", _REJECT, _FIX_UPLOAD),
    FaultRule("6041", "the upload's file is bad", _REJECT, _FIX_UPLOAD),
    FaultRule("6050", "the upload's reference type is wrong", _REJECT, _FIX_UPLOAD),
    FaultRule("6060", "the date of the opening balance is wrong", _REJECT, _FIX),
    FaultRule("6070", "Amount is not Qty times UnitPrice", _REJECT, _FIX),
    FaultRule("6080", "a name is missing", _REJECT, _FIX),
    FaultRule("6090", "the discount is not valid", _REJECT, _FIX),
    FaultRule("6100", "the line's tax code is not valid", _REJECT, _FIX),
    FaultRule("6110", "a merchant transaction cannot be changed", _REJECT, _IN_THE_BOOKS),
    FaultRule("6120", "a merchant transaction cannot be changed", _REJECT, _IN_THE_BOOKS),
    FaultRule("6130", "bill-with-parent needs a parent", _REJECT, _FIX),
    FaultRule("6140", "the document number is used already", _REJECT, _LOOK),
    FaultRule("6150", "the ParentRef breaks a rule", _REJECT, _FIX_REFERENCE),
    FaultRule("6160", "the tax code is not valid", _REJECT, _FIX),
    FaultRule("6170", "the tax detail is not valid", _REJECT, _FIX),
    FaultRule("6180", "names are nested deeper than five levels", _REJECT, _FIX),
    FaultRule("6190", "the company's trial or subscription has ended", _PARK, _SUBSCRIPTION),
    FaultRule("6200", "the account period is closed", _REJECT, _REOPEN),
    FaultRule("6210", "the account period is closed and needs a password", _REJECT, _REOPEN),
    FaultRule("6220", "the object has a balance", _REJECT, _IN_THE_BOOKS),
    FaultRule("6230", "CustomSalesTax cannot be used here", _REJECT, _FIX),
    FaultRule("6240", "the name is used already", _REJECT, _LOOK),
    FaultRule("6250", "the customer is not valid", _REJECT, _FIX_REFERENCE),
    FaultRule("6270", "the inventory start date is missing", _REJECT, _FIX),
    FaultRule("6280", "the customer has unbilled charges", _REJECT, _IN_THE_BOOKS),
    FaultRule("6290", "the time activity breaks a rule", _REJECT, _FIX),
    FaultRule("6300", "the time activity breaks a rule", _REJECT, _FIX),
    FaultRule("6310", "the time activity breaks a rule", _REJECT, _FIX),
    FaultRule("6320", "the time activity breaks a rule", _REJECT, _FIX),
    FaultRule("6330", "the time activity breaks a rule", _REJECT, _FIX),
    FaultRule("6340", "the time activity breaks a rule", _REJECT, _FIX),
    FaultRule("6350", "the time activity breaks a rule", _REJECT, _FIX),
    FaultRule("6360", "the time activity breaks a rule", _REJECT, _FIX),
    FaultRule("6370", "the time activity breaks a rule", _REJECT, _FIX),
    FaultRule("6380", "the time activity breaks a rule", _REJECT, _FIX),
    FaultRule("6390", "the time activity breaks a rule", _REJECT, _FIX),
    FaultRule("6400", "it is linked to a purchase", _REJECT, _IN_THE_BOOKS),
    FaultRule("6420", "an e-mail address is needed", _REJECT, _FIX),
    FaultRule("6430", "the account is of the wrong type", _REJECT, _FIX),
    FaultRule("6440", "the line's detail is not valid", _REJECT, _FIX),
    FaultRule("6450", "a settled card payment cannot be voided", _REJECT, _IN_THE_BOOKS),
    FaultRule("6460", "a merchant transaction cannot be changed", _REJECT, _IN_THE_BOOKS),
    FaultRule("6470", "the tax rate is not valid", _REJECT, _FIX),
    FaultRule("6480", "it is matched to a bank transaction", _REJECT, _IN_THE_BOOKS),
    FaultRule("6490", "the budget breaks a rule", _REJECT, _FIX),
    FaultRule("6500", "the budget breaks a rule", _REJECT, _FIX),
    FaultRule("6510", "the budget breaks a rule", _REJECT, _FIX),
    FaultRule("6520", "the tracked quantity is missing", _REJECT, _FIX),
    FaultRule("6530", "it holds a card number in clear", _REJECT, _FIX),
    FaultRule("6540", "it is part of a deposit", _REJECT, _IN_THE_BOOKS),
    FaultRule("10000", "Intuit's application failed, perhaps on a stored object", _RETRY, _AGAIN),
    FaultRule("10100", "the answer would be too large", _SHRINK, _SMALLER),
    FaultRule(
        "10200",
        "the company's data were reset",
        _PARK,
        f"What was landed is of the past. To read the company anew: {_UNPARK}",
    ),
)

FAULTS: Mapping[str, FaultRule] = MappingProxyType({row.code: row for row in _ROWS})
"""Code without leading zeros to its rule."""


@dataclass(frozen=True, slots=True)
class _TextRule:
    """A rule for faults whose words match, under one code or (None) under any."""

    words: re.Pattern[str]
    code: str | None
    rule: FaultRule


def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE | re.DOTALL)


_TEXT_RULES: tuple[_TextRule, ...] = (
    _TextRule(_words(r"ThrottleExceeded|errorCode=0*3001\b"), None, FAULTS["3001"]),
    _TextRule(
        _words(r"account(ing)? period (has )?(been )?closed|period is closed|books (have been |are )?closed"),
        None,
        FAULTS["6210"],
    ),
    _TextRule(
        _words(
            r"errorCode=0*6190\b|invalid company status|(trial|subscription)( period)? (has )?(ended|expired|lapsed)"
        ),
        None,
        FAULTS["6190"],
    ),
    _TextRule(
        _words(r"unexpected error.*(wait a few minutes|try again)"),
        "6000",
        FaultRule("6000", "an unexpected error while saving", _RETRY, _AGAIN),
    ),
    _TextRule(
        _words(r"changedSince.*older than"),
        "500",
        FaultRule(
            "500", "CDC looks back 30 days only", _REJECT, "Read the company anew: too long ago for catching up."
        ),
    ),
)

_BY_STATUS: Mapping[int, FaultRule] = MappingProxyType(
    {
        401: FaultRule("", "the access token was refused", _REFRESH, _RECONNECT),
        403: FaultRule("", "access was refused", _PARK, _ENVIRONMENT),
        408: FaultRule("", "the server gave up waiting", _RETRY, _AGAIN),
        413: FaultRule("", "the request is too large", _SHRINK, _SMALLER),
        429: FAULTS["3001"],
    }
)

_BY_STATUS_CLASS: Mapping[int, FaultRule] = MappingProxyType(
    {
        2: FaultRule("", "an unknown fault", _REJECT, _FIX),
        3: FaultRule("", "a redirect, which the API never sends", _STOP, "Check the base URL in the configuration."),
        4: FaultRule("", "the request was refused", _REJECT, _FIX),
        5: FaultRule("", "Intuit's server failed", _RETRY, _AGAIN),
    }
)

_UNSAID = FaultRule("", "the request was refused, and the reason cannot be read", _RETRY, _AGAIN)

_GRAVITY: tuple[Disposition, ...] = (
    _WAIT,
    _REFRESH,
    _PARK,
    _STOP,
    _REJECT,
    _QUARANTINE,
    _REREAD,
    _READ_BACK,
    _SHRINK,
    _RETRY,
)
"""Of several faults in one envelope the first of these decides: what concerns the realm, then what no retry cures."""


_OF_A_FAILING_SERVER = frozenset({_RETRY, _WAIT, _REFRESH, _SHRINK, _QUARANTINE})
"""What is done about a fault that is said with a 5xx: what cures itself, or shows by asking for less. That something is
wrong with the row, the question, the app or the company is not believed of a server that fails."""


def rule_of(fault: Fault, status: int) -> FaultRule:
    """The rule for one fault: by its words, then its code, then the HTTP status."""
    return _believed(_rule_by_words(fault) or FAULTS.get(fault.code), status) or rule_of_status(status)


def _rule_by_words(fault: Fault) -> FaultRule | None:
    words = f"{fault.message}\n{fault.detail}"
    for text_rule in _TEXT_RULES:
        if text_rule.code in {None, fault.code} and text_rule.words.search(words):
            return text_rule.rule
    return None


def _believed(rule: FaultRule | None, status: int) -> FaultRule | None:
    return None if rule is None or (status >= 500 and rule.disposition not in _OF_A_FAILING_SERVER) else rule


def rule_of_status(status: int) -> FaultRule:
    """The rule where the body says nothing that is known."""
    return _BY_STATUS.get(status) or _BY_STATUS_CLASS.get(status // 100) or _BY_STATUS_CLASS[5]


def rule_without_fault(text: str, status: int) -> FaultRule:
    """The rule where the body holds no fault that can be read. A 429 is always a throttle; else `text` may say more."""
    said = _believed(rule_of_text(text), status)
    if said is not None and status != 429:  # Too Many Requests
        return said
    # Intuit says why in each of its 400s and 403s: a passing trouble, a deletion, a throttle of the old form alike.
    # Without that the answer is spoilt, or somebody else's, and decides as little as a spoilt 200.
    return _UNSAID if status in {400, 403} else rule_of_status(status)


def gravest(faults: Sequence[Fault], status: int) -> tuple[Fault, FaultRule]:
    """The fault that decides among several. A status of 429 is a throttle whatever the body says."""
    if status == 429:  # Too Many Requests
        return next((fault for fault in faults if fault.code == "3001"), faults[0]), FAULTS["3001"]
    judged = [(fault, rule_of(fault, status)) for fault in faults]
    return min(judged, key=lambda pair: _GRAVITY.index(pair[1].disposition))


def rule_of_text(text: str) -> FaultRule | None:
    """The rule that applies to words outside any envelope (6190 was seen as bare text inside HTTP 200), if any."""
    return next((row.rule for row in _TEXT_RULES if row.code is None and row.words.search(text)), None)
