"""The two objects a company has one of: what it is, and how it is set."""

from __future__ import annotations

from random import Random

from backfill.simulator.documents import Doc
from backfill.simulator.seed.books import Books
from backfill.simulator.seed.lists import address
from backfill.simulator.seed.words import MEMO

# Since late 2025 a country in a company's addresses has three letters.
_COUNTRIES = {"US": "USA", "CA": "CAN", "GB": "GBR", "FR": "FRA"}


def company_info(books: Books, rng: Random, day: str) -> Doc:
    profile = books.profile
    where = {**address(rng, 1), "Country": _COUNTRIES[profile.country]}
    return {
        "CompanyName": profile.name,
        "LegalName": profile.name,
        "CompanyAddr": where,
        "CustomerCommunicationAddr": where,
        "LegalAddr": where,
        "PrimaryPhone": {"FreeFormNumber": "(555) 555-0100"},
        "CompanyStartDate": day,
        "FiscalYearStartMonth": "January",
        "Country": profile.country,
        "Email": {"Address": "owner@example.com"},
        "WebAddr": {},
        "SupportedLanguages": "en",
        "DefaultTimeZone": "America/Los_Angeles",
        "NameValue": [
            {"Name": "OfferingSku", "Value": "QuickBooks Online Plus"},
            {"Name": "SubscriptionStatus", "Value": "PAID"},
            {"Name": "ItemCategoriesFeature", "Value": "true"},
        ],
    }


def preferences(books: Books, _rng: Random, _day: str) -> Doc:
    profile = books.profile
    return {
        "AccountingInfoPrefs": {
            "UseAccountNumbers": True,
            "TrackDepartments": profile.uses("Department"),
            "ClassTrackingPerTxnLine": profile.uses("Class"),
            "FirstMonthOfFiscalYear": "January",
            "TaxYearMonth": "January",
            "CustomerTerminology": "Customers",
        },
        "ProductAndServicesPrefs": {"ForSales": True, "ForPurchase": True, "QuantityOnHand": True},
        "SalesFormsPrefs": {
            "CustomField": [{"CustomField": [{"Name": "SalesFormsPrefs.SalesCustomName1", "StringValue": "Crew #"}]}],
            "CustomTxnNumbers": False,
            "AllowDeposit": True,
            "AllowDiscount": True,
            "DefaultTerms": {"value": "1"},
            "ETransactionPaymentEnabled": False,
        },
        "EmailMessagesPrefs": {
            f"{form}Message": {
                "Subject": f"{form} from {profile.name}",
                "Message": "Please find your document attached.",
            }
            for form in ("Invoice", "Estimate", "SalesReceipt", "Statement")
        },
        "VendorAndPurchasesPrefs": {"TrackingByCustomer": True, "BillableExpenseTracking": True},
        "TimeTrackingPrefs": {"UseServices": True, "BillCustomers": True, "WorkWeekStartDate": "Monday"},
        "TaxPrefs": {"UsingSalesTax": True, "PartnerTaxEnabled": False},
        "CurrencyPrefs": {"MultiCurrencyEnabled": profile.multicurrency, "HomeCurrency": {"value": profile.home.code}},
        "OtherPrefs": {
            "NameValue": [
                {"Name": "SalesFormsPrefs.DefaultCustomerMessage", "Value": MEMO},
                {"Name": "SalesFormsPrefs.DefaultItem", "Value": "1"},
                {"Name": "WarnDuplicateCheckNumber", "Value": "false"},
                {"Name": "WarnDuplicateBillNumber", "Value": "false"},
                {"Name": "WarnDuplicateJournalNumber", "Value": "false"},
            ]
        },
    }
