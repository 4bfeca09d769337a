"""The approval page: what does each address answer? GET shows, and decides nothing, whoever follows a link; POST decides."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request as Http
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from cli.loopback import health
from cli.page_guard import Guard, TooMuch, form_of
from cli.page_login import Logins, Visitor
from cli.page_night import NightDoor, Nights
from midwatch.errors import LedgerAway, LedgerError, MidwatchError
from midwatch.ledger import AskRow, Ledger
from midwatch.policy.offers import Bounds, Offer
from midwatch.request import Request, together
from tasks.page import sheet, words
from tasks.page.ahead import bounds, facts_of
from tasks.page.meaning import Form, FormFault
from tasks.page.outcome import taken
from tasks.page.sheet import Page
from tasks.page.tokens import Seen, Signer, holder_of
from tasks.permissions.requests import request_of, request_with

RESUME_SECONDS: Final = 10.0
"""Until a run that did not go on at once is left to the keeper."""
MOST_ASKS: Final = 100
"""Questions that an address can name."""


class Told(Exception):
    """There is nothing to be shown or decided, and the visitor reads why."""

    def __init__(self, status: int, title: str, text: str) -> None:
        super().__init__(text)
        self.status, self.title, self.text = status, title, text


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """What the page works with."""

    ledger: Ledger
    logins: Logins
    ui: str
    """Prefect's."""
    resume: Callable[[str], Awaitable[object]]
    """Send a run on of which nothing waits any more."""
    propose: Callable[[Sequence[AskRow]], Awaitable[list[str]]]
    """Write down the narrow rule for each of these calls; what to tell the person."""
    offer: Callable[[AskRow, Bounds], Awaitable[Offer]]
    """The mandate for calls like this one. Raises MidwatchError where there is none."""
    also: tuple[Route, ...] = ()
    """Addresses that see for themselves who may read them."""
    digest: Callable[[], Awaitable[str]] | None = None
    """The digest of the last day as HTML, every foreign word escaped; None: there is none here."""
    nights: Nights | None = None
    """None: no night is shown here."""

    def app(self) -> ASGIApp:
        routes = [
            Route("/", self.inbox),
            Route("/health", health),
            *self.logins.routes(),
            Route("/request", self.request, methods=["GET", "POST"]),
            Route("/digest", self.last_day),
            *self.also,
            Route("/r/{token}", self.linked, methods=["GET", "POST"]),
            *(NightDoor(nights=self.nights, logins=self.logins).routes() if self.nights else ()),
        ]
        handlers: dict[Any, Any] = {Told: self._told, TooMuch: self._too_much, Exception: self._failed}
        return Guard(app=Starlette(routes=routes, exception_handlers=handlers), address=self.logins.address)

    @property
    def _signer(self) -> Signer:
        return self.logins.signer

    async def inbox(self, http: Http) -> Response:
        page = self.logins.page_of(http)
        if page is None:
            return self.logins.asked_for(http)
        requests = sorted(together(await self.ledger.open_asks()), key=urgency)
        return HTMLResponse(sheet.inbox_page(requests, page))

    async def last_day(self, http: Http) -> Response:
        """The digest, for somebody who logged in."""
        page = self.logins.page_of(http)
        if page is None:
            return self.logins.asked_for(http)
        if self.digest is None:
            return RedirectResponse("/", 303)
        return HTMLResponse(sheet.digest_page(await self.digest(), page))

    async def request(self, http: Http) -> Response:
        """One request, for somebody who logged in."""
        ask_ids = http.query_params.getlist("ask")
        if not ask_ids:
            return RedirectResponse("/", 303)
        visitor = self.logins.visitor(http, f"/request?{urlencode([('ask', ask_id) for ask_id in ask_ids])}")
        if visitor is None:
            return self.logins.asked_for(http)
        if http.method == "POST":
            return await self._decided(visitor, await form_of(http))
        (first, *others) = await self._rows([Seen(ask_id=ask_id, digest="") for ask_id in ask_ids])
        alone = not others and first.verdict is None
        request = await (
            request_with(self.ledger, first.ask_id) if alone else request_of(self.ledger, [first, *others])
        )
        return await self._shown(http, request, visitor)

    async def linked(self, http: Http) -> Response:
        """What a link is about, for whoever has it."""
        token = http.path_params["token"]
        link = self._signer.read_link(token)
        if link is None:
            raise Told(404, "No such link", "This link was not made by this house, or not whole. Nothing was done.")
        if self.logins.now() >= link.expires:
            ended = f"It was good until {words.moment(link.expires)}. Nothing was done."
            raise Told(410, "This link has expired", f"{ended} `midwatch inbox` lists what waits.")
        visitor = Visitor(by=link.person, holder=holder_of(token), path=f"/r/{token}", link=link)
        if http.method == "POST":
            return await self._decided(visitor, await form_of(http))
        return await self._shown(http, await request_of(self.ledger, await self._rows(link.questions)), visitor)

    async def _shown(self, http: Http, request: Request, visitor: Visitor) -> Response:
        """The whole request; one of its questions, where that is to be edited or is to stand for more."""
        for view in ("edit", "ahead"):
            one = [each for each in request.waiting if each.ask.ask_id == http.query_params.get(view)]
            if one and one[0].ask.kind == "approve" and (view == "edit" or not visitor.link):
                return await self._written(Request(questions=tuple(one), cost=request.cost), visitor, view=view)
        return await self._written(request, visitor)

    async def _written(
        self, request: Request, visitor: Visitor, *, status: int = 200, view: str = "", **said: Any
    ) -> Response:
        """A call may be long: its page is made beside the loop, which serves others meanwhile."""
        page = self._page_of(request, visitor, **said)
        made = {"edit": sheet.edit_page, "ahead": sheet.ahead_page}.get(view, sheet.request_page)
        return HTMLResponse(await run_in_threadpool(made, request, page), status)

    async def _decided(self, visitor: Visitor, form: Form) -> Response:
        """Take what was sent; nothing is decided where anything about it is wrong."""
        seen = self._signer.read_form(form.get("form", ""), visitor.holder)
        view = next((view for view in ("edit", "ahead", "sign") if view in form), "")
        foreign = visitor.link is not None and not set(seen or ()) <= set(visitor.link.questions)
        if not seen or foreign or (view and len(seen) != 1):
            raise Told(403, "Nothing was done", "What was sent is not a form that this page made. Open it again.")
        if visitor.link and (view in ("ahead", "sign") or _wants_a_rule(form)):
            raise Told(403, "Nothing was done", "A link decides its questions, and nothing else: log in for more.")
        rows = await self._rows(seen)
        try:
            if view == "ahead":
                return await self._offered(visitor, rows, form)
            outcome = await taken(self.ledger, self._signer, rows, form, by=visitor.by, holder=visitor.holder)
        except FormFault as fault:
            request = await request_of(self.ledger, rows)
            return await self._written(request, visitor, status=422, view=view, typed=form, faults=fault.faults)
        for run_id in {one.row.run_id for one in outcome.made if one.first}:
            await self._resumed(run_id)
        notes = [*outcome.notes, *(await self.propose(outcome.always) if outcome.always else ())]
        if not notes:
            asked = urlencode([("ask", row.ask_id) for row in rows])
            here = f"/request?{asked}" if len(rows) <= MOST_ASKS else "/"
            return RedirectResponse(visitor.path if visitor.link else here, 303)
        return await self._written(
            await request_of(self.ledger, rows), visitor, status=200 if outcome.as_wanted else 409, notes=notes
        )

    async def _offered(self, visitor: Visitor, rows: Sequence[AskRow], form: Form) -> Response:
        """What a mandate would let through, to be signed."""
        request, wanted = await request_of(self.ledger, rows), bounds(form, self.logins.now())
        try:
            offer = await self.offer(rows[0], wanted)
        except LedgerAway:
            raise
        except MidwatchError as error:
            raise FormFault({"": str(error)}) from error
        token = self._signer.offer(visitor.holder, facts_of(offer, rows[0].ask_id))
        return HTMLResponse(
            await run_in_threadpool(sheet.ahead_page, request, self._page_of(request, visitor), offer, token)
        )

    async def _resumed(self, run_id: str) -> None:
        """Send the run on; where that fails now, the keeper does it."""
        try:
            async with asyncio.timeout(RESUME_SECONDS):
                await self.resume(run_id)
        except Exception:
            traceback.print_exc()

    async def _rows(self, seen: Sequence[Seen]) -> list[AskRow]:
        """The questions as they stand. Raises Told where one is unknown, or is about another call than was shown."""
        try:
            rows = [await self.ledger.ask(one.ask_id) for one in seen]
        except LedgerAway:
            raise
        except LedgerError as error:
            raise Told(404, "No such question", f"{error}. Nothing was done.") from error
        if any(one.digest not in ("", row.digest) for one, row in zip(seen, rows, strict=True)):
            raise Told(409, "Nothing was done", "What you saw is not the call that waits now. Look at it again.")
        return rows

    def _page_of(self, request: Request, visitor: Visitor, **said: Any) -> Page:
        """With a form that is good for exactly these questions."""
        seen = [Seen(ask_id=one.ask.ask_id, digest=one.ask.digest) for one in request.questions]
        runs = {run_id: f"{self.ui}/runs/flow-run/{run_id}" for run_id in request.run_ids}
        return self.logins.page(visitor, form=self._signer.form(visitor.holder, seen), runs=runs, **said)

    async def _told(self, _: Http, told: Exception) -> Response:
        assert isinstance(told, Told)
        return HTMLResponse(sheet.told_page(told.title, told.text, self.logins.page()), told.status)

    async def _too_much(self, _: Http, error: Exception) -> Response:
        text = f"What was sent cannot be taken: {error}."
        return HTMLResponse(sheet.told_page("Nothing was done", text, self.logins.page()), 413)

    async def _failed(self, _: Http, error: Exception) -> Response:
        away = isinstance(error, LedgerAway)
        text = "It failed on the way. Look at the request again before you send anything: it says what stands."
        return HTMLResponse(sheet.told_page("That did not work", text, self.logins.page()), 503 if away else 500)


def _wants_a_rule(form: Form) -> bool:
    return any(name.endswith(".do") and act == "always" for name, act in form.items())


def urgency(asks: Sequence[AskRow]) -> tuple[bool, float]:
    """First what may have done harm already, then what ends first."""
    ends = [ask.deadline.timestamp() for ask in asks if ask.deadline]
    return all(ask.kind != "settle" for ask in asks), min(ends, default=float("inf"))
