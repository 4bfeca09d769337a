"""The approval page: who may halt, and let go? At /halt, whoever gave the password; a form of ours alone is heard."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, assert_never

from starlette.requests import Request as Http
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from cli.home import House
from cli.page_guard import form_of
from cli.page_login import Logins, Visitor
from midwatch.agent_file import names
from midwatch.errors import LedgerError
from midwatch.halt import Halt
from midwatch.ledger import Ledger
from tasks.page import halt as sheet
from tasks.page.halt import HaltOrder, order_of
from tasks.page.meaning import FormFault
from tasks.permissions.halting import in_force, lift, set_halt
from tasks.permissions.latch import Latch

LARGEST: Final = 16_384
"""Bytes of the form."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HaltPage:
    """What the page works with."""

    ledger: Ledger
    home: Path
    agents: Callable[[], Sequence[str]]
    """Those of this installation, now."""
    logins: Logins

    def route(self) -> Route:
        return Route("/halt", self.answer, methods=["GET", "POST"])

    async def answer(self, http: Http) -> Response:
        visitor = self.logins.visitor(http)
        if visitor is None:
            return self.logins.asked_for(http)
        if http.method != "POST":
            return await self._shown(visitor)
        form = await form_of(http, LARGEST)
        if self.logins.signer.read_form(form.get("form", ""), visitor.holder) is None:
            fault = "What was sent is not a form that this page made. Nothing was done; try it again from here."
            return await self._shown(visitor, status=403, faults={"": fault})
        try:
            return await self._done(visitor, order_of(form, self.agents()))
        except FormFault as refused:
            return await self._shown(visitor, status=422, typed=form, faults=refused.faults)

    async def _done(self, visitor: Visitor, order: HaltOrder) -> Response:
        match order.wish:
            case "lift":
                return await self._shown(visitor, asked=order)
            case "really_lift":
                notes = [await self._lifted(order)]
            case "halt":
                notes = await self._halted(order)
            case _:
                assert_never(order.wish)
        return await self._shown(visitor, notes=notes)

    async def _halted(self, order: HaltOrder) -> list[str]:
        done = await set_halt(
            self.home,
            self.ledger,
            order.target,
            by=self.logins.operator,
            via="page",
            because=order.because,
            now=self.logins.now(),
        )
        more = [f"Only half of it: {fault}. Do it again." for fault in done.faults]
        return [f"Halted: {done.halt.words()}. `midwatch resume` says what was cut where.", *more]

    async def _lifted(self, order: HaltOrder) -> str:
        try:
            was = await lift(
                self.home, self.ledger, order.target, by=self.logins.operator, via="page", because=order.because
            )
        except LedgerError as error:
            return f"Nothing was lifted: {error}"
        return f"Lifted: {was.words()}." if was else f"There was no halt of {order.target.words()}."

    async def _shown(
        self, visitor: Visitor, *, status: int = 200, asked: HaltOrder | None = None, **said: Any
    ) -> Response:
        page = self.logins.page(visitor, form=self.logins.signer.form(visitor.holder, ()), **said)
        halts, agents = await self._standing(), self.agents()
        return HTMLResponse(sheet.halt_page(halts, agents, page, asked=asked), status)

    async def _standing(self) -> list[Halt]:
        """Without the ledger's where it cannot be read: a halt is set here even then."""
        with suppress(LedgerError):
            return await in_force(self.home, self.ledger)
        return Latch(self.home).standing()


def halt_page(house: House, ledger: Ledger, logins: Logins) -> HaltPage:
    """Of one installation."""

    return HaltPage(ledger=ledger, home=house.home, agents=lambda: names(house.project / "agents"), logins=logins)
