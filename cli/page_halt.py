"""The approval page: who may halt, and let go? At /halt, whoever gave the password; a form of ours alone is heard."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, assert_never

from starlette.requests import Request as Http
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from cli.home import House
from cli.link import page_signer
from cli.page_address import Address
from cli.page_guard import form_of
from midwatch.errors import LedgerError
from midwatch.halt import Halt
from midwatch.ledger import Ledger
from tasks.page import halt as sheet
from tasks.page.halt import HaltOrder, order_of
from tasks.page.meaning import FormFault
from tasks.page.sheet import Page
from tasks.page.tokens import Signer, holder_of
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
    signer: Signer = field(repr=False)
    operator: str
    address: Address
    now: Callable[[], datetime]

    def route(self) -> Route:
        return Route("/halt", self.answer, methods=["GET", "POST"])

    async def answer(self, http: Http) -> Response:
        cookie = http.cookies.get(self.address.cookie, "")
        if self.signer.read_session(cookie, self.now()) is None:
            return RedirectResponse("/", 303)
        holder = holder_of(cookie)
        if http.method != "POST":
            return await self._shown(holder)
        form = await form_of(http, LARGEST)
        if self.signer.read_form(form.get("form", ""), holder) is None:
            fault = "What was sent is not a form that this page made. Nothing was done; try it again from here."
            return await self._shown(holder, status=403, faults={"": fault})
        try:
            return await self._done(holder, order_of(form, self.agents()))
        except FormFault as refused:
            return await self._shown(holder, status=422, typed=form, faults=refused.faults)

    async def _done(self, holder: str, order: HaltOrder) -> Response:
        match order.wish:
            case "lift":
                return await self._shown(holder, asked=order)
            case "really_lift":
                notes = [await self._lifted(order)]
            case "halt":
                notes = await self._halted(order)
            case _:
                assert_never(order.wish)
        return await self._shown(holder, notes=notes)

    async def _halted(self, order: HaltOrder) -> list[str]:
        done = await set_halt(
            self.home,
            self.ledger,
            order.target,
            by=self.operator,
            via="page",
            because=order.because,
            now=self.now(),
        )
        more = [f"Only half of it: {fault}. Do it again." for fault in done.faults]
        return [f"Halted: {done.halt.words()}. `midwatch resume` says what was cut where.", *more]

    async def _lifted(self, order: HaltOrder) -> str:
        try:
            was = await lift(self.home, self.ledger, order.target, by=self.operator, via="page", because=order.because)
        except LedgerError as error:
            return f"Nothing was lifted: {error}"
        return f"Lifted: {was.words()}." if was else f"There was no halt of {order.target.words()}."

    async def _shown(self, holder: str, *, status: int = 200, asked: HaltOrder | None = None, **said: Any) -> Response:
        token = self.signer.form(holder, ())
        page = Page(path="/halt", form=token, by=self.operator, login=True, now=self.now(), logout=token, **said)
        halts, agents = await self._standing(), self.agents()
        return HTMLResponse(sheet.halt_page(halts, agents, page, asked=asked), status)

    async def _standing(self) -> list[Halt]:
        """Without the ledger's where it cannot be read: a halt is set here even then."""
        with suppress(LedgerError):
            return await in_force(self.home, self.ledger)
        return Latch(self.home).standing()


def halt_page(house: House, ledger: Ledger, address: Address) -> HaltPage:
    """Of one installation."""

    def agents() -> list[str]:
        return sorted(path.stem for path in (house.project / "agents").glob("*.yaml"))

    return HaltPage(
        ledger=ledger,
        home=house.home,
        agents=agents,
        signer=page_signer(house),
        operator=getpass.getuser(),
        address=address,
        now=lambda: datetime.now(UTC),
    )
