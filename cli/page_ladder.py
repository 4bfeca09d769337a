"""The approval page: where does each agent stand on its ladder? At /ladder, for whoever gave the password; it only shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request as Http
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from cli.page_login import Logins
from cli.page_night import Nights, number_of
from midwatch.agents import Agents
from midwatch.ladder_view import LadderView, view_of
from midwatch.spec import AgentSpec
from midwatch.stand_ins import stand_ins
from tasks.page import sheet
from tasks.page.ladder import TrustLedger, ladder_page
from tasks.page.sheet import Page

AGENTS: Final = 6
"""That are shown whole where all are; the others are a link."""
ROWS: Final = 50
"""Of the trust ledger on a page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LadderDoor:
    """The address."""

    nights: Nights
    logins: Logins
    agents: Agents

    def routes(self) -> list[Route]:
        return [Route("/ladder", self.ladder)]

    async def ladder(self, http: Http) -> Response:
        """All agents, or the one that is asked for."""
        page = self.logins.page_of(http)
        if page is None:
            return RedirectResponse("/", 303)
        asked = http.query_params.get("agent", "")
        specs, wrong = self.agents.every()
        if asked and asked not in specs:
            return HTMLResponse(sheet.told_page("No such agent", "No file of that name can be read here.", page), 404)
        here = number_of(http.query_params.get("page", "1"))
        trust = await self._trust(here, asked)
        if here == 0 or (here > 1 and not trust.rows):
            return HTMLResponse(sheet.told_page("No such page", "The trust ledger is not so long.", page), 404)
        names = [asked] if asked else await self._first(list(specs))
        views = [await self._view(specs[name], page) for name in names[:AGENTS]]
        faults = () if asked else [str(error) for error in wrong]
        return HTMLResponse(ladder_page(views, trust, page, agent=asked, others=names[AGENTS:], wrong=faults))

    async def _first(self, names: Sequence[str]) -> list[str]:
        """Those first of which something waits for a person."""
        waiting = {one.agent for one in await self.nights.ledger.open_proposals()}
        return sorted(names, key=lambda name: (name not in waiting, name))

    async def _view(self, spec: AgentSpec, page: Page) -> LadderView:
        ledger, home = self.nights.ledger, self.nights.place.home
        return await view_of(ledger, spec, await stand_ins(ledger, spec, home, page.now, as_answered=True), page.now)

    async def _trust(self, here: int, agent: str) -> TrustLedger:
        rows = await self.nights.ledger.trusted(first=max(here - 1, 0) * ROWS, most=ROWS + 1, agent=agent)
        return TrustLedger(rows=rows[:ROWS], here=here, more=len(rows) > ROWS)


def ladder_door(nights: Nights, logins: Logins) -> LadderDoor:
    """Of one installation."""
    return LadderDoor(nights=nights, logins=logins, agents=Agents(folder=nights.place.agents))
