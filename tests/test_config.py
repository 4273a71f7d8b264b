"""Configuration: every fault named at once with what is allowed, the environment over the file, nothing secret said."""

from __future__ import annotations

import json
import pwd
import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from pydantic import BaseModel

from backfill.config import ENVIRONMENT, Settings, load_settings
from backfill.errors import UsageError
from backfill.pacing.limits import load_limits
from backfill.qbo.catalogue import CATALOGUE

CONFIGS = Path(__file__).parents[1] / "configs"


def load(tmp_path: Path, toml: str, **environment: str) -> Settings:
    file = tmp_path / "backfill.toml"
    file.write_text(toml)
    return load_settings(file, {f"BACKFILL_{name}": value for name, value in environment.items()})


def faults(tmp_path: Path, toml: str, **environment: str) -> dict[str, str]:
    """Key to what is wrong with it."""
    with pytest.raises(UsageError) as caught:
        load(tmp_path, toml, **environment)
    head, *lines = caught.value.message.splitlines()
    assert head == f"The configuration {tmp_path / 'backfill.toml'} has {len(lines)} fault{'s' * (len(lines) != 1)}:"
    assert caught.value.__suppress_context__, "the cause would show the values"
    return {key.strip(): said for key, _, said in (line.partition(": ") for line in lines)}


def test_without_a_file_everything_has_a_default() -> None:
    settings = load_settings(None, {})
    assert settings.api_url == "https://sandbox-quickbooks.api.intuit.com"
    assert settings.token_url == "https://oauth.platform.intuit.com/oauth2/v1/tokens/bearer"
    assert settings.pacing_limits() == load_limits()
    assert settings.extract.entities == tuple(CATALOGUE)
    assert settings.database_url is None
    assert settings.key_file.parent != settings.data_folder


def test_a_user_without_a_home_is_refused_only_where_one_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container whose user is a number."""
    for variable in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", {}.__getitem__)
    settings = load_settings(None, {})
    for kept, variable in (("data_folder", "BACKFILL_DATA_DIR"), ("key_file", "BACKFILL_ENCRYPTION_KEY")):
        with pytest.raises(UsageError, match="no home directory") as refused:
            getattr(settings, kept)
        assert refused.value.action == f"Set HOME, or {variable}."
    assert load_settings(None, {"BACKFILL_DATA_DIR": "/data"}).data_folder == Path("/data")


def test_the_environment_overrides_the_file(tmp_path: Path) -> None:
    toml = """
        environment = "production"
        data_dir = "/from/the/file"
        [qbo]
        client_id = "of-the-file"
        [limits]
        reserve = 0.25
    """
    from_file = load(tmp_path, toml)
    assert (from_file.environment, from_file.qbo.client_id) == ("production", "of-the-file")
    assert from_file.api_url == "https://quickbooks.api.intuit.com"
    both = load(tmp_path, toml, ENVIRONMENT="sandbox", CLIENT_ID="of-the-environment", DATA_DIR="")
    assert (both.environment, both.qbo.client_id) == ("sandbox", "of-the-environment")
    assert both.data_dir == Path("/from/the/file"), "an empty variable says nothing"
    assert both.pacing_limits().reserve == 0.25
    assert both.pacing_limits().request_permits == 375


def test_a_variable_that_is_nearly_ours_is_refused_and_any_other_is_not_ours() -> None:
    with pytest.raises(UsageError) as caught:
        load_settings(None, {"BACKFILL_DATABSE_URL": "postgresql://a/b", "BACKFILL_CLIENTID": "c"})
    assert caught.value.message.splitlines() == [
        "The configuration from the environment has 2 faults:",
        "  BACKFILL_DATABSE_URL: there is no such variable. Did you mean BACKFILL_DATABASE_URL?",
        "  BACKFILL_CLIENTID: there is no such variable. Did you mean BACKFILL_CLIENT_ID?",
    ]
    services = (
        "PORT",
        "SERVICE_HOST",
        "DATABASE_SERVICE_HOST",
        "DATABASE_PORT_5432_TCP",
        "CLIENT_PORT",
        "RECORDED_DIR",
    )
    assert load_settings(None, {f"BACKFILL_{name}": "1" for name in services}) == load_settings(None, {})


@pytest.mark.parametrize(("name", "keys"), [("postgres", ". Its keys: pg_bin_dir, lease_s."), ("limits", "")])
def test_a_table_is_asked_for_in_the_words_of_the_file(tmp_path: Path, name: str, keys: str) -> None:
    assert faults(tmp_path, f"{name} = 3") == {name: f"it is a table, headed [{name}]{keys}"}


def test_every_variable_reaches_its_setting(tmp_path: Path) -> None:
    values = {
        "BACKFILL_ENVIRONMENT": "production",
        "BACKFILL_DATABASE_URL": "postgresql://a:b@one:5432,two:5433/c?sslmode=require",
        "BACKFILL_DATA_DIR": "/data",
        "BACKFILL_ENCRYPTION_KEY": "key",
        "BACKFILL_LIMITS_SCALE": "60",
        "BACKFILL_CLIENT_ID": "id",
        "BACKFILL_CLIENT_SECRET": "secret",
        "BACKFILL_QBO_BASE_URL": "http://127.0.0.1:8765/",
        "BACKFILL_OAUTH_TOKEN_URL": "https://example.com/token",
        "BACKFILL_OAUTH_CONSENT_URL": "https://example.com/consent",
        "BACKFILL_OAUTH_REVOKE_URL": "https://example.com/revoke",
        "BACKFILL_WEBHOOK_VERIFIER_TOKENS": "older,newer",
    }
    assert values.keys() == ENVIRONMENT.keys()
    settings = load_settings(None, values)
    assert settings.database_url is not None
    assert settings.database_url.get_secret_value() == values["BACKFILL_DATABASE_URL"]
    assert settings.encryption_key is not None
    assert settings.encryption_key.get_secret_value() == "key"
    assert settings.qbo.client_secret is not None
    assert settings.qbo.client_secret.get_secret_value() == "secret"
    assert (settings.environment, settings.data_dir, settings.qbo.client_id) == ("production", Path("/data"), "id")
    assert (settings.api_url, settings.token_url) == ("http://127.0.0.1:8765", "https://example.com/token")
    assert settings.consent_url == "https://example.com/consent"
    assert settings.revoke_url == "https://example.com/revoke"
    assert settings.pacing_limits() == load_limits().scaled(60)
    assert [token.get_secret_value() for token in settings.webhooks.verifier_tokens] == ["older", "newer"]
    # Law 7.
    assert not [word for word in ("a:b", "'key'", "'secret'", "older") if word in repr(settings)]


def test_every_faulty_key_is_named_at_once_with_what_is_allowed(tmp_path: Path) -> None:
    toml = """
        environment = "staging"
        limits_scale = 0.5
        databse_url = "x"
        [qbo]
        base_url = "ftp://example.com"
        client_secret = 7
        [extract]
        entities = ["Customer", "Invoce"]
        realms_at_once = 0
        readers_per_realm = 11
        [postgres]
        leases = 1
        [limits]
        request_per_window = 400
    """
    assert faults(tmp_path, toml, CLIENT_ID="fine", OAUTH_TOKEN_URL="http://example.com/t") == {
        "environment": "Input should be 'sandbox' or 'production'",
        "limits_scale": "Input should be greater than or equal to 1",
        "databse_url": "there is no such key. Did you mean database_url or data_dir?",
        "qbo.base_url": "'ftp://example.com' is not a base URL. Give it as https://host, without a query.",
        "BACKFILL_OAUTH_TOKEN_URL": (
            "'http://example.com/t' is plain http to another machine, and tokens would travel in clear. "
            "Use https; plain http is for a simulator on this machine only."
        ),
        "qbo.client_secret": "Input should be a valid string",
        "extract.entities": "There is no entity called 'Invoce' in QuickBooks Online. Did you mean Invoice?",
        "extract.realms_at_once": "Input should be greater than or equal to 1",
        "extract.readers_per_realm": "Input should be less than or equal to 10",
        "postgres.leases": "there is no such key. Did you mean lease_s?",
        "limits": (
            "there is no limit called 'request_per_window'. "
            "Did you mean requests_per_window or reports_per_window or batches_per_window?"
        ),
    }


@pytest.mark.parametrize(
    ("toml", "key"),
    [
        ("qbo = 3", "qbo"),
        ("limits = 3", "limits"),
        ('extract = ["a"]', "extract"),
        ("limits = { reserve = nan }", "limits.reserve"),
        ("limits = { requests_per_window = inf }", "limits.requests_per_window"),
        ('limits = { requests_per_window = "many" }', "limits.requests_per_window"),
        ("limits = { requests_per_window = 0 }", "limits"),
        ("limits = { freeze_s = 1 }", "limits"),
        ("limits_scale = nan", "limits_scale"),
        ("extract = { memory_mb = 1 }", "extract.memory_mb"),
        ("postgres = { lease_s = 0.1 }", "postgres.lease_s"),
        ('extract = { optimise = "money" }', "extract.optimise"),
        ("metered = { monthly_cap = 0 }", "metered.monthly_cap"),
        ('metered = { batch_counts_as = "calls" }', "metered.batch_counts_as"),
        ('metered = { time_zone = "Mars/Olympus" }', "metered.time_zone"),
        ('metered = { time_zone = "../../etc/passwd" }', "metered.time_zone"),
        ("metered = { cap = 5 }", "metered.cap"),
        ("webhooks = { port = 70000 }", "webhooks.port"),
        ("webhooks = { body_kb = 0 }", "webhooks.body_kb"),
        ("webhooks = { gather_s = -1 }", "webhooks.gather_s"),
    ],
)
def test_one_fault(tmp_path: Path, toml: str, key: str) -> None:
    assert list(faults(tmp_path, toml, CLIENT_ID="id" if key != "qbo" else "")) == [key]


def test_a_section_that_is_none_is_named_though_the_environment_goes_into_it(tmp_path: Path) -> None:
    assert list(faults(tmp_path, "qbo = 3", CLIENT_ID="id")) == ["qbo"]


@pytest.mark.parametrize(
    "url",
    [
        "hunter2",
        "https://u:hunter2@host/db",
        "postgresql://u:hunter2@[::1/db",
        "postgresql://u:hunter2@host:port/db",
        "postgresql://u:hunter2@host:70000/db",
        "postgresql://u:hunter2@one:5432,two:port/db",
    ],
)
def test_the_address_of_a_database_is_never_repeated(tmp_path: Path, url: str) -> None:
    """Law 7: it may hold a password."""
    expected = "it is not of the form postgresql://user:password@host:5432/database"
    assert faults(tmp_path, "", DATABASE_URL=url) == {"BACKFILL_DATABASE_URL": expected}
    assert faults(tmp_path, f'database_url = "{url}"') == {"database_url": expected}


@pytest.mark.parametrize(
    "url", ["postgresql://", "postgres://host", "postgresql://u:p@[::1]:5432/db", "postgresql:///db?host=/run"]
)
def test_addresses_of_databases(url: str) -> None:
    assert load_settings(None, {"BACKFILL_DATABASE_URL": url}).database_url is not None


def test_a_secret_is_not_repeated_by_its_fault(tmp_path: Path) -> None:
    """Law 7."""
    said = str(faults(tmp_path, 'encryption_key = ["hunter2"]\n[qbo]\nclient_secret = ["hunter2"]\n'))
    assert "hunter2" not in said


@pytest.mark.parametrize("said", ["one two", "one,two", " one,\n two ,", ["one", "two"]])
def test_verifier_tokens_are_told_apart(tmp_path: Path, said: str | list[str]) -> None:
    settings = load(tmp_path, f"[webhooks]\nverifier_tokens = {json.dumps(said)}")
    assert [token.get_secret_value() for token in settings.webhooks.verifier_tokens] == ["one", "two"]
    assert load(tmp_path, "").webhooks.verifier_tokens == ()


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        load_settings(tmp_path / "nothing.toml", {})
    with pytest.raises(UsageError, match="cannot be read: Is a directory"):
        load_settings(tmp_path, {})
    with pytest.raises(UsageError, match=r"is not TOML: .*line 3, column 5"):
        load(tmp_path, "a = 1\nb = 2\nc = \n")
    (tmp_path / "latin.toml").write_bytes("x = 'é'".encode("latin-1"))
    with pytest.raises(UsageError, match="is not TOML"):
        load_settings(tmp_path / "latin.toml", {})


@pytest.mark.parametrize(
    ("environment", "base_url", "armed_only"),
    [
        ("sandbox", None, False),
        ("sandbox", "https://Sandbox-QuickBooks.api.intuit.com.", False),
        ("sandbox", "http://127.0.0.1:8765", False),
        ("sandbox", "https://quickbooks.api.intuit.com", True),
        ("production", None, True),
        ("production", "http://127.0.0.1:8765", True),
    ],
)
def test_real_books_are_known_by_the_address_too(environment: str, base_url: str | None, armed_only: bool) -> None:
    given = {"BACKFILL_ENVIRONMENT": environment} | ({"BACKFILL_QBO_BASE_URL": base_url} if base_url else {})
    assert load_settings(None, given).writes_to_production is armed_only


def test_limits_are_never_scaled_against_intuit() -> None:
    for variables in ({}, {"BACKFILL_QBO_BASE_URL": "https://quickbooks.api.intuit.com"}):
        scaled = load_settings(None, {"BACKFILL_LIMITS_SCALE": "60", **variables})
        with pytest.raises(UsageError, match="Intuit's own limits cannot be scaled"):
            scaled.pacing_limits()


def test_a_count_stays_a_whole_number(tmp_path: Path) -> None:
    """Also of the one limit that is off as shipped: it becomes permits, which are counted one by one."""
    file = tmp_path / "backfill.toml"
    file.write_text("[limits]\ncombined_per_window = 300\nin_flight = 8\n")
    limits = load_settings(file, {}).pacing_limits()
    assert [repr(permits) for permits in (limits.request_permits, limits.in_flight)] == ["300", "8"]
    file.write_text("[limits]\nin_flight = 8.5\n")
    with pytest.raises(UsageError, match="in_flight"):
        load_settings(file, {})


@pytest.mark.parametrize(
    ("toml", "counted_as"),
    [
        ("", "call"),
        ("monthly_cap = 500000", "items"),
        ('monthly_cap = 500000\nbatch_counts_as = "call"', "call"),
        ('batch_counts_as = "items"', "items"),
    ],
)
def test_a_cap_is_kept_by_the_reading_that_holds_either_way(tmp_path: Path, toml: str, counted_as: str) -> None:
    """Unless it is said how a batch counts, which Intuit does not."""
    settings = load(tmp_path, f"[metered]\n{toml}")
    assert settings.metered.counted_as == counted_as
    assert settings.costs.batch_counts_as == counted_as


def test_a_month_is_the_calendars_where_it_is_said_to_be(tmp_path: Path) -> None:
    moment = datetime(2026, 12, 1, 3, 0, tzinfo=UTC)
    assert load(tmp_path, "").metered.month_at(moment) == date(2026, 12, 1)
    pacific = load(tmp_path, '[metered]\ntime_zone = "America/Los_Angeles"')
    assert pacific.metered.month_at(moment) == date(2026, 11, 1)


def test_the_file_that_comes_along_says_the_defaults() -> None:
    shipped = load_settings(CONFIGS / "backfill.toml", {})
    default = load_settings(None, {})
    assert shipped.pacing_limits() == default.pacing_limits()
    assert shipped.model_copy(update={"limits": {}}) == default


def test_the_file_that_comes_along_names_every_setting() -> None:
    """But for secrets, which belong in the environment, and the limits, whose names are those of their own file."""
    named = re.findall(r"^(?:# )?(\w+) = ", (CONFIGS / "backfill.toml").read_text(encoding="utf-8"), re.MULTILINE)
    settings = set()
    for name, field in Settings.model_fields.items():
        section = field.annotation
        is_section = isinstance(section, type) and issubclass(section, BaseModel)
        settings |= set(section.model_fields) if is_section else {name}
    assert settings - set(named) == {"client_id", "client_secret", "encryption_key", "limits"}


def test_every_fault_of_the_reports_is_reported(tmp_path: Path) -> None:
    file = tmp_path / "reports.toml"
    file.write_text('[reports]\nnames = ["ProfitLoss"]\nby = ["moth"]\nperiod_months = 5\ntrailing_periods = -1\n')
    with pytest.raises(UsageError) as caught:
        load_settings(file, {})
    for said in (
        "Did you mean ProfitAndLoss",
        "no columns by 'moth'",
        "reports.period_months",
        "reports.trailing_periods",
    ):
        assert said in caught.value.message
