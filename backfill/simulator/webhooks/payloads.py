"""The two forms in which Intuit tells of changes, and the signature over either. Pure, but for the draw of Ids."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from itertools import groupby
from operator import attrgetter
from random import Random
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from backfill.simulator.webhooks.notices import Notice

JSON = "application/json"
CLOUD_EVENTS = "application/cloudevents+json"
"""As announced; a batch's own spelling is `application/cloudevents-batch+json`."""

_PACIFIC = ZoneInfo("America/Los_Angeles")
_VERBS = {"Create": "created", "Update": "updated", "Delete": "deleted", "Emailed": "emailed"}
_VOIDED = ("void", "voided")
"""Both were reported."""

Form = Callable[[Sequence[Notice], Random], tuple[str, bytes]]
"""Notices to a content type and a body."""


def notifications(notices: Sequence[Notice], _rng: Random) -> tuple[str, bytes]:
    """The older form: companies, each with its entities; times have whole seconds."""
    told = [
        {
            "realmId": realm_id,
            "dataChangeEvent": {
                "entities": [
                    {
                        "name": notice.entity,
                        "id": notice.object_id,
                        "operation": notice.operation,
                        "lastUpdated": notice.at.astimezone(_PACIFIC).strftime("%Y-%m-%dT%H:%M:%S%z"),
                    }
                    for notice in of_realm
                ]
            },
        }
        for realm_id, of_realm in groupby(sorted(notices, key=attrgetter("realm_id")), key=attrgetter("realm_id"))
    ]
    return JSON, msgspec.json.encode({"eventNotifications": told})


def cloud_events(notices: Sequence[Notice], rng: Random) -> tuple[str, bytes]:
    """CloudEvents: a bare array that mixes companies; times have nanoseconds."""
    told = [
        {
            "specversion": "1.0",
            "id": str(UUID(int=rng.getrandbits(128), version=4)),
            "source": "intuit.simulator",
            "type": f"qbo.{notice.entity.lower()}.{_VERBS.get(notice.operation) or rng.choice(_VOIDED)}.v1",
            "datacontenttype": JSON,
            "time": _nanoseconds(notice.at, rng),
            "intuitentityid": notice.object_id,
            "intuitaccountid": notice.realm_id,
            "data": {},
        }
        for notice in notices
    ]
    return CLOUD_EVENTS, msgspec.json.encode(told)


FORMS: Mapping[str, Sequence[Form]] = {
    "legacy": (notifications,),
    "cloudevents": (cloud_events,),
    "both": (notifications, cloud_events),
}


def signature(token: str, body: bytes) -> str:
    """The value of `intuit-signature`."""
    return base64.b64encode(hmac.digest(token.encode(), body, sha256)).decode()


def _nanoseconds(at: datetime, rng: Random) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond:06}{rng.randrange(1000):03}Z"
