"""One simulated QuickBooks: everything a request passes, whichever face it comes in by."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlencode

import anyio
from anyio.abc import TaskGroup

from backfill.simulator.api import Api, asked
from backfill.simulator.call import Call
from backfill.simulator.endpoints.files import Files, shows_files
from backfill.simulator.endpoints.forms import asks_invoice_links, with_invoice_links
from backfill.simulator.envelopes import (
    Answer,
    fault_answer,
    intuit_tid,
    unauthenticated,
    unauthorised,
    with_headers,
)
from backfill.simulator.faults import Fault, FaultedError
from backfill.simulator.fleet import Fleet
from backfill.simulator.front import Front, form_of
from backfill.simulator.injection.injections import Injections
from backfill.simulator.injection.mishap import Strike
from backfill.simulator.injection.subject import Subject
from backfill.simulator.oauth.authority import Credentials, OAuth, TokenState
from backfill.simulator.oauth.discovery import TOKEN_PATH
from backfill.simulator.people import People
from backfill.simulator.request_log import STATEMENT_CHARACTERS, LogEntry, RequestLog
from backfill.simulator.settings import SimulatorSettings
from backfill.simulator.throttle import Throttle, refusal_answer
from backfill.simulator.webhooks.emitter import Emitter, Post
from backfill.simulator.xml_form import in_json, in_xml

OPTIONS = Answer(200, b"", headers={"allow": "GET, HEAD, OPTIONS, POST"})
"""What the gateway answers to OPTIONS: no word of other origins, so that no browser's script may call the API."""

USER_GONE = Fault("120", "AuthorizationFailure", TokenState.USER_GONE.value, type="AuthorizationFault", status=401)
"""The user who connected the company lost access to it. It was seen with status 400, too."""


@dataclass(frozen=True, slots=True)
class _Admission:
    """What the doors said: the app, its calls in flight, and the refusal, if it is one."""

    app: str
    in_flight: int
    refusal: Answer | None
    limit: str = ""
    """For which the throttle refused."""


class Simulator:
    """The fleet's API, authorisation server, throttle and log. Same seed and same calls, same answers.

    `now` is the simulated service's wall clock (aware); durations are the event loop's.
    """

    def __init__(self, settings: SimulatorSettings, fleet: Fleet, *, now: Callable[[], datetime], seed: int) -> None:
        self.settings = settings
        self.fleet = fleet
        self.now = now
        self.oauth = OAuth(settings, now=now, seed=seed)
        self._files = Files(settings, key=f"{seed}".encode())
        self.api = Api(settings, fleet, files=self._files)
        self._front = Front(self.oauth, fleet, self._files, now=now)
        self.throttle = Throttle(settings)
        self.log = RequestLog(settings.log_entries, limits_scale=settings.limits_scale)
        self.injections = Injections(seed=seed)
        self.webhooks = Emitter(
            settings.webhooks, limits_scale=settings.limits_scale, rng=random.Random(f"{seed}:webhooks")
        )
        fleet.watch = self.webhooks.told
        self._seed = seed
        self._rng = random.Random(f"{seed}:answers")
        self._people: dict[str, People] = {}
        self._group: TaskGroup | None = None
        self._desk = anyio.Lock()
        """While the simulator runs, who has it acts, and the others wait in line."""

    def credentials(self, realm_id: str) -> Credentials:
        """What an app that was given consent for the realm holds."""
        self.fleet.size_of(realm_id)  # an unknown realm is the caller's mistake, and said as one
        return self.oauth.credentials(realm_id)

    def people(self, realm_id: str) -> People:
        """Whoever else works in the realm's books."""
        people = self._people.get(realm_id)
        if people is None:
            people = self._people[realm_id] = People(
                self.fleet.company(realm_id),
                random.Random(f"{self._seed}:people:{realm_id}"),
                changes_per_minute=self.settings.changes_per_minute,
            )
        return people

    @asynccontextmanager
    async def running(self, post: Post | None = None) -> AsyncIterator[None]:
        """While open, calls are acted on in turn, and other people work in every realm from its first call on.

        `post` sends webhooks, to whoever asked for them; without it they stay unsent.
        """
        async with anyio.create_task_group() as group:
            self._group = group
            if post is not None:
                group.start_soon(self.webhooks.run, post, name="webhooks")
            try:
                yield
            finally:
                self._group = None
                group.cancel_scope.cancel()

    async def exchange(self, call: Call) -> Answer:
        """One call: the way there, the doors, the act, the way back. The answer has all its headers.

        HEAD is GET, whose body the face leaves out; OPTIONS is answered by the gateway to anybody.
        """
        if call.method == "OPTIONS":
            return self.dressed(OPTIONS)
        if call.method == "HEAD":
            call = replace(call, method="GET")
        there_s, back_s = self._delays()
        await _pass(there_s)
        if self.injections:
            return await self._befallen(call, back_s)
        return await self._served(call, back_s)

    async def visit(self, call: Call) -> Answer:
        """One call outside `/v3/company`, `path` being the whole one: consent, tokens, keys, files; not throttled."""
        there_s, back_s = self._delays()
        await _pass(there_s)
        if call.method == "OPTIONS":
            answer = OPTIONS
        elif self.injections:
            answer = await self._befallen_in_front(call)
        else:
            answer = self._front.answer(call)
        await _pass(back_s)
        return self.dressed(answer)

    async def token(self, form: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        """One call of the token endpoint. `headers` have lower-case names."""
        return await self.visit(Call("", "POST", TOKEN_PATH, headers=headers, body=urlencode(form).encode()))

    async def _served(self, call: Call, back_s: float, strike: Strike | None = None) -> Answer:
        """The doors, the act, the way back. With a strike, what is injected where the service acts is on the way."""
        at_s = anyio.current_time()
        admission = self._admit(call, self.settings if strike is None else strike.settings, at_s)
        self.log.arrive(call.realm_id, call.lane.value, at_s)
        try:
            if admission.refusal is not None:
                answer = admission.refusal
            elif strike is None:
                answer = await self._in_turn(call, self.settings)
            else:
                answer = await self.injections.befall(strike, self._act, at_gateway=False)
            answer = self._logged(call, admission, answer, at_s, () if strike is None else strike.befell)
            await _pass(answer.work_s + back_s)
        finally:
            if admission.refusal is None:
                self.throttle.depart(call.realm_id, admission.app, arrived_at=at_s)
        return answer

    def _admit(self, call: Call, settings: SimulatorSettings, at_s: float) -> _Admission:
        """First the gateway asks who it is, then how often they came; an unknown caller uses up no realm's limit."""
        state, app, token = self.oauth.check(call.headers.get("authorization", ""), call.realm_id)
        if state is not TokenState.GOOD:
            return _Admission(app, 0, self._stranger(call, state, token))
        refused = self.throttle.arrive(call.realm_id, app, kind=call.kind, at=at_s)
        if refused is None:
            return _Admission(app, self.throttle.in_flight(call.realm_id, app), None)
        form, retry_after = settings.throttle_body, settings.retry_after
        answer = refusal_answer(form, self.now(), retry_after=retry_after, wait_s=refused.wait_s)
        return _Admission(app, 0, answer, refused.limit)

    def _stranger(self, call: Call, state: TokenState, token: str) -> Answer:
        """What the gateway answers to a call whose token is not good for it."""
        now, json = self.now(), call.accepts_json
        match state:
            case TokenState.OTHER_REALM | TokenState.NO_SCOPE | TokenState.DISCONNECTED:
                return unauthorised(state.value, now, json=json)
            case TokenState.USER_GONE:
                return fault_answer(USER_GONE, now, json=json)
            case TokenState.EXPIRED | TokenState.REVOKED:
                # The real gateway repeats the token in its answer, expired as it is.
                return unauthenticated(f"{state.value}: {token}", now, json=json)
            case _:
                return unauthenticated(state.value, now, json=json)

    def _logged(self, call: Call, admission: _Admission, answer: Answer, at_s: float, befell: Sequence[str]) -> Answer:
        """The answer dressed, and written down."""
        tid = self._tid()
        self.log.add(
            LogEntry(
                at_s=at_s,
                now=self.now().isoformat(),
                realm_id=call.realm_id,
                lane=call.lane.value,
                method=call.method,
                path=call.path,
                asked=asked(call)[:STATEMENT_CHARACTERS],
                status=answer.status,
                code=answer.code,
                rows=answer.rows,
                intuit_tid=tid,
                in_flight=admission.in_flight,
                limit=admission.limit,
                injected=" ".join(befell),
            )
        )
        return self.dressed(answer, tid=tid)

    async def _befallen(self, call: Call, back_s: float) -> Answer:
        """A call of the API past what is injected: some before the doors, some where the service acts."""
        app = self.oauth.check(call.headers.get("authorization", ""), call.realm_id)[1]
        subject = Subject(call, realm_id=call.realm_id, app=app)

        async def enter(strike: Strike) -> Answer:
            return await self._served(strike.call, back_s, strike)

        answer = await self._apart(lambda: self.injections.befall(self._strike(subject), enter, at_gateway=True))
        return answer if "intuit_tid" in answer.headers else self.dressed(answer)

    async def _befallen_in_front(self, call: Call) -> Answer:
        """A call outside the API past what is injected; there are no doors."""
        realm_id, app = self.oauth.sender(form_of(call), call.headers) if call.path == TOKEN_PATH else ("", "")
        subject = Subject(call, realm_id=realm_id, app=app)

        async def act(strike: Strike) -> Answer:
            return self._front.answer(strike.call)

        async def enter(strike: Strike) -> Answer:
            return await self.injections.befall(strike, act, at_gateway=False)

        return await self._apart(lambda: self.injections.befall(self._strike(subject), enter, at_gateway=True))

    def _strike(self, subject: Subject) -> Strike:
        return Strike(
            call=subject.call,
            subject=subject,
            settings=self.settings,
            now=self.now,
            rng=self._rng,
            oauth=self.oauth,
            throttle=self.throttle,
            befell=[],
        )

    async def _act(self, strike: Strike) -> Answer:
        return await self._in_turn(strike.call, strike.settings)

    async def _in_turn(self, call: Call, settings: SimulatorSettings) -> Answer:
        """Act, while the simulator runs one call after the other, and look between two at who arrived.

        A page takes some 20 ms to make, a company's first one twice as long. Were all made that are asked for, whoever
        knocks meanwhile would be taken for having come when they are done: all at once, and more than a second allows.
        """
        if self._group is None:
            return self._acted(call, settings)
        async with self._desk:
            self._touch(call.realm_id)
            answer = self._acted(call, settings)
            await anyio.lowlevel.cancel_shielded_checkpoint()  # what was done is also written down
        return answer

    async def _apart(self, serve: Callable[[], Awaitable[Answer]]) -> Answer:
        """Serve in the simulator's own group while it runs, where it goes on when the client gives up."""
        if self._group is None:
            return await serve()
        answers: list[Answer] = []
        done = anyio.Event()

        async def run() -> None:
            answers.append(await serve())
            done.set()

        self._group.start_soon(run)
        await done.wait()
        return answers[0]

    def _acted(self, call: Call, settings: SimulatorSettings) -> Answer:
        """The API's answer, which speaks JSON, in the language of the call, with links that work now."""
        try:
            answer = self.api.handle(in_json(call), settings)
        except FaultedError as error:
            answer = fault_answer(error.fault, self.now())
        if shows_files(call):
            body = self._files.with_links(answer.body, call.origin, call.realm_id, self.now())
            answer = replace(answer, body=body)
        if asks_invoice_links(call):
            answer = with_invoice_links(answer, call.origin, call.realm_id)
        return answer if call.accepts_json else in_xml(answer)

    def dressed(self, answer: Answer, *, tid: str | None = None) -> Answer:
        """The answer with all its headers, under an id of its own where none is given."""
        return with_headers(answer, tid=tid or self._tid(), span=f"{self._rng.getrandbits(128):032x}")

    def _touch(self, realm_id: str) -> None:
        if self._group is not None and self.settings.changes_per_minute > 0 and realm_id not in self._people:
            self._group.start_soon(self.people(realm_id).run)

    def _delays(self) -> tuple[float, float]:
        """There and back: half the latency each, and the jitter on the way there, where it reorders requests."""
        half_s = self.settings.latency_s / 2
        jitter_s = self.settings.jitter_s
        return max(0.0, half_s + (self._rng.uniform(-jitter_s, jitter_s) if jitter_s else 0.0)), half_s

    def _tid(self) -> str:
        return intuit_tid(self._rng, self.now())


async def _pass(wait_s: float) -> None:
    if wait_s > 0:
        await anyio.sleep(wait_s)
    else:
        await anyio.lowlevel.checkpoint()
