"""Who gave which app consent to which company, and how far that consent has come."""

from __future__ import annotations

from dataclasses import dataclass

from backfill.simulator.oauth.scopes import SCOPES
from backfill.simulator.settings import SimulatorSettings


@dataclass(slots=True)
class Grant:
    """One app's consent to one company: the current value of its refresh token, and the one before it."""

    realm_id: str
    """Empty where the user let the app know who they are, and no more."""
    client_id: str
    consented: float
    issued: float
    """When the current value came to be; all times are wall-clock, in epoch seconds."""
    scopes: tuple[str, ...]
    consent: int = 1
    """The how-manieth consent of this company to this app."""
    generation: int = 0
    """Of the refresh token's value."""
    serial: int = 0
    """Of the last access token."""
    oldest_serial: int = 0
    """Access tokens before this one are dead."""
    rotated: float = float("-inf")
    """When the value before the current one was replaced."""
    ended: bool = False
    """By the app or by the owner: both tokens are dead."""
    disconnected: bool = False
    """By the owner, so that the API refuses what the tokens may still be good for."""


class Grants:
    """All consents. Every company is connected to the ready-made app from the start, with every scope."""

    def __init__(self, settings: SimulatorSettings, *, ready_made: str, began: float) -> None:
        self._settings = settings
        self._ready_made = ready_made
        self._began = began
        """When every realm gave its first consent."""
        self._grants: dict[tuple[str, str], Grant] = {}

    def of(self, realm_id: str, client_id: str) -> Grant | None:
        """The consent of that company to that app, ended ones included."""
        grant = self._grants.get((realm_id, client_id))
        if grant is None and client_id == self._ready_made and realm_id:
            grant = Grant(realm_id, client_id, consented=self._began, issued=self._began, scopes=SCOPES)
            self._grants[realm_id, client_id] = grant
        return grant

    def consented(self, realm_id: str, client_id: str, scopes: tuple[str, ...], *, at: float) -> Grant:
        """A new consent, in place of the one before. Scopes that were granted stay granted."""
        before = self.of(realm_id, client_id)
        kept = () if before is None or before.ended else before.scopes
        grant = Grant(realm_id, client_id, at, at, tuple(dict.fromkeys((*scopes, *kept))))
        if before is not None:
            grant.consent = before.consent + 1
            # Access tokens of a consent that was not ended live on till they expire.
            grant.serial = before.serial
            grant.oldest_serial = before.serial + 1 if before.ended or before.disconnected else before.oldest_serial
        self._grants[realm_id, client_id] = grant
        return grant

    def connected(self, realm_id: str) -> list[str]:
        """The apps that the company is connected to, the ready-made one first."""
        first = self.of(realm_id, self._ready_made)
        others = [grant for grant in self._grants.values() if grant.realm_id == realm_id and grant is not first]
        return [
            grant.client_id
            for grant in (first, *others)
            if grant is not None and not grant.ended and not grant.disconnected
        ]

    def disconnect(self, realm_id: str, client_id: str | None = None) -> None:
        """The company's owner disconnects an app; None: every app."""
        for connected in self.connected(realm_id):
            grant = self.of(realm_id, connected)
            if grant is not None and client_id in {None, connected}:
                grant.disconnected = True
                # The other two refusals were reported of tokens that refresh as ever.
                grant.ended = self._settings.disconnected == "3200"

    def honoured(self, grant: Grant, *, consent: int, generation: int, at: float) -> bool:
        """Whether that value of the refresh token still refreshes."""
        if grant.ended or consent != grant.consent or at >= grant.consented + self._settings.refresh_hard_s:
            return False
        if generation == grant.generation:
            return at < grant.issued + self._settings.refresh_idle_s
        previous = generation == grant.generation - 1
        return previous and at < grant.rotated + self._settings.old_refresh_token_life_s

    def refreshed(self, grant: Grant, *, generation: int, at: float) -> None:
        """Rotate the value if it has come of age, and end the access tokens before it if that is set."""
        if generation == grant.generation and at - grant.issued >= self._settings.refresh_rotation_s:
            self.rotated(grant, at=at)
        if self._settings.refresh_ends_access_token:
            grant.oldest_serial = grant.serial + 1

    def rotated(self, grant: Grant, *, at: float) -> None:
        """Another value takes the current one's place."""
        grant.generation += 1
        grant.issued = grant.rotated = at
