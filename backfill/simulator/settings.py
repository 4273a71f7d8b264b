"""What the simulated QuickBooks is told to be: limits, latency, and each behaviour that Intuit does not document.

What nobody outside Intuit knows is a setting here, never a belief in the code, so that a client can be tried
against each possibility.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from math import inf
from typing import Literal, get_args

from backfill.errors import UsageError

MINUTE_S = 60.0
SECOND_S = 1.0

WindowForm = Literal["sliding", "fixed", "bucket"]
"""How a limit's window may be: any `length` seconds; from boundary to boundary; or a bucket that holds the limit's
number and is refilled evenly with as many in a window's length."""

WINDOW_FORMS: tuple[WindowForm, ...] = get_args(WindowForm)

ThrottleBody = Literal["xml", "json_lower", "json_upper", "http_403_legacy", "no_body"]
"""How a refusal for too many requests looks. Only the XML form was ever recorded, once with status 403."""

RetryAfter = Literal["absent", "seconds", "date"]
"""Whether a 429 says how long to wait, and in which of the two forms that HTTP has."""

Disconnected = Literal["3200", "3100", "120"]
"""How the API refuses a company whose owner disconnected the app: as unauthenticated, as not authorised, or as by a
user who has lost access. All three were reported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """One more app that companies can be connected to."""

    name: str
    client_id: str
    client_secret: str = field(repr=False)
    redirect_uris: tuple[str, ...] = ()
    """Where its users may be sent back to, each exactly as it is sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLimits:
    """The documented limits as the server counts them. None switches one off."""

    requests_per_minute: int | None = 500
    """Per realm, all apps together."""
    requests_per_second: int | None = 10
    """Per realm and app."""
    batches_per_minute: int | None = 40
    """Per realm and app."""
    realm_batches_per_minute: int | None = 120
    """Per realm, all apps together."""
    in_flight: int | None = 10
    """Per realm and app: the older wording of the limit per second, still believed to be enforced."""
    reports_per_minute: int | None = None
    """Per realm. 200 in the limits text of 2017, and in none since."""
    emails_per_day: int | None = None
    """Per realm: 40 in Intuit's sandbox, none in production."""

    def __post_init__(self) -> None:
        """Raises `UsageError` for a limit that would let nothing through."""
        counts = {name: getattr(self, name) for name in self.__slots__}
        _require((f"{name} is at least 1, or off", count is None or count >= 1) for name, count in counts.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportSettings:
    """How the service of reports behaves."""

    cells: int = 400_000
    """Most cells of a report, its headings and totals counted too; beyond them it is cut, inside a good answer."""
    shape: Literal["old", "modern"] = "old"
    """Who answers a call that does not ask for the preview: the service of the recordings, or that of 2026."""
    lists: Literal["wrapped", "bare"] = "wrapped"
    """Undocumented: whether rows, columns and cells of the modern shape stand in objects, or as lists alone."""
    lone_subaccount: Literal["recorded", "own"] = "recorded"
    """Where a general ledger has the Id of an account that is the only one below another, which posts nothing itself:
    in the recording the upper one bears it."""
    base_s: float = 0.0
    """How long any report takes beside the latency."""
    cell_s: float = 0.0
    """How long each cell of a report takes, also of those that are cut off."""
    wide_columns: int = 25
    """From more columns than this Intuit warns of."""
    wide_factor: float = 4.0
    """So many times longer the cells of a wide report take. Not published."""
    deadline_s: float = 120.0
    """A report that takes longer is given up, and its answer is 504. Divided by `limits_scale`, as all the above."""

    def __post_init__(self) -> None:
        """Raises `UsageError` for what no service can do."""
        times = (self.base_s, self.cell_s, self.wide_factor)
        require(
            "the simulator",
            (
                ("reports.cells is at least 100", self.cells >= 100),
                ("the times of reports are at least 0", min(times) >= 0 and max(times) < inf),
                ("reports.deadline_s is above 0", 0 < self.deadline_s < inf),
                ("reports.shape is old or modern", self.shape in {"old", "modern"}),
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSettings:
    """How changes are told, by people's hands and by writes of programs alike. Times are divided by `limits_scale`."""

    url: str = ""
    """An address on this machine, such as http://127.0.0.1:8766/webhooks; empty: nobody is told."""
    format: Literal["legacy", "cloudevents", "both"] = "cloudevents"
    """Intuit's older payload; the one that is mandatory since 2026-07-31; or each change in both, as while changing."""
    verifier_token: str = field(default="simulated-verifier-token", repr=False)
    delay_s: float = 0.0
    """From a change until it is told. 300 to 1,500 are reported."""
    gather_s: float = 0.2
    """Changes within this are told together. Not scaled: it is the pace of the sender."""
    events_per_delivery: int = 50
    """Most events of one delivery. Intuit does not say how many."""
    duplicates: float = 0.0
    """Share of deliveries that are sent again although they were acknowledged."""
    reordered: float = 0.0
    """Share of deliveries that come after later ones."""
    late_s: float = 60.0
    """By how much those are late, at most."""
    forged: float = 0.0
    """Share of deliveries that somebody else imitates."""
    own_changes: bool = True
    """Undocumented: whether a change is told that QuickBooks makes by itself, such as a customer's balance."""
    retry_s: tuple[float, ...] = (10, 20, 30, 300, 1200, 7200, 14_400, 21_600)
    """Waits after attempts that are not answered 200 within 3 s: Intuit's best practices of February 2026."""
    retry_then_s: float | None = 21_600
    """And after those, again and again; None: given up, as it was before (20, 30 and 50 minutes, then dropped)."""
    hold_back: bool = False
    """Later deliveries wait until an earlier one is acknowledged, which Intuit says may happen."""
    held: int = 100_000
    """Most events, and most deliveries, that wait."""

    def __post_init__(self) -> None:
        """Raises `UsageError` for what nobody can send."""
        shares = (self.duplicates, self.reordered, self.forged)
        waits = (self.delay_s, self.late_s, *self.retry_s, self.retry_then_s or 0)
        require(
            "the simulator",
            (
                ("webhooks.format is legacy, cloudevents or both", self.format in {"legacy", "cloudevents", "both"}),
                ("shares of webhooks are 0 to 1", all(0 <= share <= 1 for share in shares)),
                ("times of webhooks are at least 0", all(0 <= wait_s < inf for wait_s in waits)),
                ("webhooks.gather_s is above 0", 0 < self.gather_s < inf),
                ("webhooks.events_per_delivery and held are at least 1", min(self.events_per_delivery, self.held) >= 1),
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorSettings:
    """One simulated QuickBooks. The defaults are what is documented, or the likeliest where nothing is."""

    # The way there and back
    latency_s: float = 0.0
    """From sending to receiving: half passes before the server acts, half after."""
    jitter_s: float = 0.0
    """Added to or taken from the latency, uniformly."""
    gzip: bool = True
    """Compress bodies for clients that accept it."""

    # Throttling
    limits: ServerLimits = field(default_factory=ServerLimits)
    limits_scale: float = 1.0
    """Divides every window of the limits, so that rehearsals take less time."""
    window: WindowForm = "sliding"
    """Undocumented: the form of the minute's windows."""
    window_offset_s: float = 0.0
    """Where fixed windows begin: so long after the clock's full minutes (before `limits_scale`)."""
    window_offset_seed: int | None = None
    """Instead of `window_offset_s`: each realm has an offset of its own, drawn with this seed."""
    second_window: WindowForm = "sliding"
    """Undocumented: the form of the second's window."""
    second_refuses: bool = True
    """Whether more than the second's limit are refused, or only counted: the older wording limits calls in flight."""
    throttle_body: ThrottleBody = "xml"
    retry_after: RetryAfter = "absent"
    """Undocumented: whether a 429 says how long to wait, and how."""
    refused_count: bool = False
    """Undocumented: whether refused requests use up the window too."""
    other_requests_per_minute: float = 0.0
    """Traffic of other apps on each realm, evenly spaced, which uses up the realm's own limits."""
    other_batches_per_minute: float = 0.0
    """How many of those are batch calls."""
    other_burst: int = 1
    """How many of them arrive at once."""

    # OAuth
    access_token_life_s: float = 3600.0
    refresh_rotation_s: float = 86_400.0
    """Age at which the value of a refresh token changes with its next use: about a day."""
    refresh_idle_s: float = 8_726_400.0
    """Life of one value of a refresh token: the 101 days that Intuit announces with a new one."""
    refresh_hard_s: float = 157_680_000.0
    """Life of a consent: five years of 365 days."""
    old_refresh_token_life_s: float = 0.0
    """How long the previous value lives on after a rotation. 0: it dies at once."""

    refresh_reuse: Literal["refused", "ends_consent"] = "refused"
    """What follows when a value is sent that was replaced: two workers that refresh at once end in this."""
    refresh_ends_access_token: bool = False
    """Undocumented: whether a refresh is the end of the access tokens before it."""
    code_life_s: float = 600.0
    """Life of an authorization code: the most that the standard (RFC 6749, 4.1.2) recommends."""
    disconnected: Disconnected = "3200"
    """What API calls are answered once a company's owner has disconnected the app."""
    apps: tuple[App, ...] = ()
    """Apps beside the ready-made one."""
    redirect_uris: tuple[str, ...] = ()
    """Where the ready-made app may have its users sent back to, beside any loopback address."""

    # Files and bodies
    upload_bytes: int = 100 * 1024 * 1024
    """Largest upload request, all its files together: 100 MB are documented."""
    body_bytes: int = 10 * 1024 * 1024
    """Larger bodies of other requests get the 413 page. Not published; a batch of 30 items has about 0.5 MB."""
    attachment_bytes: int = 256 * 1024 * 1024
    """Most contents of attachments that are held, of all companies together; the oldest make room."""
    download_link_life_s: float = 900.0
    """Life of a link to a file: about a quarter of an hour."""

    # Queries, batches, CDC
    id_sort: Literal["ignored", "error", "honoured"] = "ignored"
    """What `ORDERBY Id` does since Ids are no longer sortable (January 2026)."""
    not_equal: bool = True
    """Whether `!=` is understood. Documented as absent, yet a public client's tests against the sandbox use it."""
    word_tax_codes: bool = True
    """Whether a first page of tax codes has those whose Id is a word (`TAX`, `NON`) beyond MAXRESULTS: so a public
    client's tests saw it at the sandbox, and took it for a fault of Intuit's."""
    limit_plus_one: bool = False
    """Return one row more than MAXRESULTS, as was seen with TimeActivity."""
    batch_object_cap: int | None = 1000
    """Most objects in one batch answer; later items are cut short. None: documented, but not enforced."""
    batch_shuffled: bool = False
    """Answer the items of a batch in another order than asked, which the documentation allows."""
    batch_items: int = 30
    """Most items of a batch. One page of Intuit's still says 10."""
    batch_void: Literal["both", "operation", "options", "refused"] = "both"
    """Undocumented: how an item may void: by its operation, by optionsData of an update, or not at all."""
    cdc_object_cap: int = 1000
    cdc_max_age_days: int = 30
    cdc_also: tuple[str, ...] = ()
    """Entities that CDC carries beyond its documentation: TimeActivity is said to be one since 2021."""
    cdc_left_out: Literal["silent", "refused"] = "silent"
    """What CDC says when asked for ExchangeRate, TaxCode, TaxRate or TimeActivity, which the reference says it does not
    carry: that nothing changed (a public client's tests ask the sandbox for them and are answered), or fault 2000."""
    unnamed_sku: Literal["answered", "left_out"] = "answered"
    """Undocumented: whether `SELECT *` has an Item's Sku. A public client names it beside the `*`, to get it."""
    unqueried: tuple[str, ...] = ()
    """Undocumented: entities that no query reaches. Of InventoryAdjustment the reference has none."""
    unfilterable: tuple[str, ...] = ()
    """Undocumented, attribute by attribute: what no WHERE takes beyond what is known, each as `Term.Name`."""
    uncounted: tuple[str, ...] = ("CustomerType", "ExchangeRate")
    """Entities whose `SELECT COUNT(*)` is fault 4002, as a public client's tests met it at the sandbox."""
    bare_rates: Literal["answered", "refused"] = "answered"
    """What a query for exchange rates is answered that names no currency and no day. Documented only with either, yet
    a public client's tests ask the sandbox with neither."""
    poisoned: Mapping[tuple[str, str], frozenset[str]] = field(default_factory=dict)
    """(realm, entity) to Ids of stored rows that fail every page they are on."""
    request_id_life_s: float = 86_400.0
    """Undocumented: how long the answer to a request id is remembered. About a day, says a single note."""
    request_id_again: Literal["replayed", "refused", "unexpected", "executed"] = "replayed"
    """What the same request id does with the same content: the old answer, as documented; fault 600; fault 6000 and no
    more, as was seen of batches in 2016; or nothing, as was reported in the same year: it is done again."""
    request_id_changed: Literal["replayed", "refused", "executed"] = "replayed"
    """Undocumented: what the same request id does with another content: the old answer, fault 600, or the new one."""
    request_id_faults: bool = False
    """Undocumented: whether a refusal is remembered too, and given again."""
    poison_code: Literal["4002", "10000"] = "4002"
    """Which of the two recorded faults a poisoned page answers."""

    # Reports
    reports: ReportSettings = field(default_factory=ReportSettings)

    # Webhooks
    webhooks: WebhookSettings = field(default_factory=WebhookSettings)

    # The world around
    changes_per_minute: float = 0.0
    """Changes that other people make in each realm that was touched."""
    log_entries: int = 100_000
    """Most requests the log remembers."""
    control: bool = False
    """Serve `/control/...`, by which a rehearsal looks inside."""

    def __post_init__(self) -> None:
        """Raises `UsageError` that names every setting that makes no sense."""
        _require(
            (
                *((f"{name} is a finite number of at least 0", 0 <= number < inf) for name, number in self._numbers()),
                (f"window is one of {', '.join(WINDOW_FORMS)}", self.window in WINDOW_FORMS),
                (f"second_window is one of {', '.join(WINDOW_FORMS)}", self.second_window in WINDOW_FORMS),
                (f"window_offset_s is 0 to below {MINUTE_S:g}", 0 <= self.window_offset_s < MINUTE_S),
                (
                    "window_offset_s and window_offset_seed exclude each other",
                    self.window_offset_seed is None or self.window_offset_s == 0,
                ),
                ("limits_scale is above 0", 0 < self.limits_scale < inf),
                ("code_life_s is above 0", 0 < self.code_life_s < inf),
                ("download_link_life_s is above 0", 0 < self.download_link_life_s < inf),
                ("upload_bytes and body_bytes are above 0", min(self.upload_bytes, self.body_bytes) > 0),
                ("each app has a client_id of its own", len({app.client_id for app in self.apps}) == len(self.apps)),
                ("batch_items is at least 1", self.batch_items >= 1),
                ("request_id_life_s is above 0", self.request_id_life_s > 0),
                (
                    "other_batches_per_minute is at most other_requests_per_minute",
                    self.other_batches_per_minute <= self.other_requests_per_minute,
                ),
                ("other_burst is at least 1", self.other_burst >= 1),
            )
        )

    def _numbers(self) -> Iterator[tuple[str, float]]:
        """Every setting that is one, by its name; any number seeds a draw."""
        for entry in fields(self):
            value = getattr(self, entry.name)
            if isinstance(value, int | float) and entry.name != "window_offset_seed":
                yield entry.name, value


def require(what: str, rules: Iterable[tuple[str, bool]]) -> None:
    """Raises `UsageError` that names every rule that `what` breaks."""
    broken = [rule for rule, holds in rules if not holds]
    if broken:
        raise UsageError(f"{what} cannot be so: it must hold that {'; that '.join(broken)}.", action=f"Correct {what}.")


def _require(rules: Iterable[tuple[str, bool]]) -> None:
    require("the simulator", rules)
