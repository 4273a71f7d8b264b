"""Which of these endpoints answers what, below `/v3/company/{realm_id}`."""

from __future__ import annotations

from collections.abc import Mapping

from backfill.simulator.acting import Handler
from backfill.simulator.endpoints.attachments import download, upload
from backfill.simulator.endpoints.entitlements import entitlements
from backfill.simulator.endpoints.forms import printed, sent
from backfill.simulator.endpoints.rates import exchange_rate, tax_classification
from backfill.simulator.reports.answer import report

ENDPOINTS: Mapping[tuple[str, str], Handler] = {
    ("GET", "download"): download,
    ("GET", "exchangerate"): exchange_rate,
    ("GET", "entitlements"): entitlements,
    ("GET", "reports"): report,
    ("GET", "taxclassification"): tax_classification,
    ("POST", "upload"): upload,
}
"""Method and first part of the path to what answers it."""

ON_OBJECTS: Mapping[tuple[str, str], Handler] = {("GET", "pdf"): printed, ("POST", "send"): sent}
"""Method and last part of `/{entity}/{id}/...` to what answers it."""
