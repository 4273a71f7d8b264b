"""What a world saw at the token endpoint: who refreshed what, and which refreshes got lost on their way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus

import msgspec

from backfill.model import RealmId
from backfill.rehearsal.life import Life
from backfill.store.memory_tokens import MemoryTokenVault
from backfill.wire import Response

NOBODY = RealmId("")


@dataclass(slots=True)
class Refresh:
    """One exchange of a refresh token."""

    realm_id: RealmId
    sent: str = field(repr=False)
    generation: Callable[[RealmId], int]
    """How often the server has replaced the realm's value."""
    rotated: bool = False
    """The server has replaced the value, whoever hears of it."""
    granted: str = field(default="", repr=False)
    """The value that was answered in its place, if it can be read."""
    refused: bool = False
    heard_by: Life | None = None
    """Of the process that the answer came to."""

    @property
    def got_lost(self) -> bool:
        """The new value came to nobody who could read it, or to a process that has died since."""
        return self.rotated and (not self.granted or self.heard_by is None or self.heard_by.over)

    @contextmanager
    def at_the_server(self) -> Iterator[None]:
        """While the server acts, and whatever becomes of its answer."""
        before = self.generation(self.realm_id)
        try:
            yield
        finally:
            self.rotated = self.generation(self.realm_id) != before

    def answered(self, response: Response) -> Response:
        """What the server said, as it left the server."""
        self.refused = response.status == HTTPStatus.BAD_REQUEST
        with suppress(msgspec.MsgspecError, UnicodeDecodeError):  # it may have been broken on purpose
            self.granted = msgspec.json.decode(response.body, type=_Granted).refresh_token
        return response


class _Granted(msgspec.Struct):
    refresh_token: str = ""


class Refreshes:
    """All refreshes of a world. `value` is a refresh token's."""

    def __init__(
        self, vault: MemoryTokenVault, realm_ids: Sequence[RealmId], generation: Callable[[RealmId], int]
    ) -> None:
        self._vault = vault
        self._realm_ids = realm_ids
        self._generation = generation
        self._open: Counter[RealmId] = Counter()
        self._made: list[Refresh] = []
        self._kept: set[str] = set()
        self.raced: list[RealmId] = []
        """Realms that were refreshed twice at the same time."""
        self.outdated: list[RealmId] = []
        """Realms of which a value was sent again that had a successor, which was stored and never refused."""

    @contextmanager
    def under_way(self, form: Mapping[str, str]) -> Iterator[Refresh]:
        """A refresh, as long as a process waits for it."""
        sent = form.get("refresh_token", "")
        realm_id = self._realm_of(sent)
        self._judge(realm_id, sent)
        refresh = Refresh(realm_id, sent, self._generation)
        self._made.append(refresh)
        self._open[realm_id] += 1
        try:
            yield refresh
        finally:
            self._open[realm_id] -= 1

    def kept(self, value: str) -> None:
        """A value was stored."""
        self._kept.add(value)

    def was_lost(self, realm_id: RealmId) -> bool:
        """The server once gave a value out that nobody stored: its answer got lost, or whoever waited for it died."""
        return any(refresh.got_lost and refresh.granted not in self._kept for refresh in self._of(realm_id))

    @property
    def lost(self) -> int:
        """How many values nobody stored."""
        return sum(refresh.got_lost and refresh.granted not in self._kept for refresh in self._made)

    def thrown_away(self) -> Iterator[RealmId]:
        """Realms whose new value came to a process that lives and did not store it."""
        for refresh in self._made:
            if refresh.rotated and not refresh.got_lost and refresh.granted not in self._kept:
                yield refresh.realm_id

    @property
    def rotations(self) -> int:
        """How often a value was replaced."""
        return sum(refresh.rotated for refresh in self._made)

    def _judge(self, realm_id: RealmId, sent: str) -> None:
        if self._open[realm_id]:
            self.raced.append(realm_id)
        refused = {refresh.sent for refresh in self._of(realm_id) if refresh.refused}
        heirs = {refresh.granted for refresh in self._of(realm_id) if refresh.rotated and refresh.sent == sent}
        if heirs & self._kept - refused:
            self.outdated.append(realm_id)

    def _of(self, realm_id: RealmId) -> Iterator[Refresh]:
        return (refresh for refresh in self._made if refresh.realm_id == realm_id)

    def _realm_of(self, value: str) -> RealmId:
        for realm_id in self._realm_ids:
            stored = self._vault.stored(realm_id)
            if value in {secret.reveal() for secret in (stored.refresh_token, stored.previous_refresh_token) if secret}:
                return realm_id
        return NOBODY
