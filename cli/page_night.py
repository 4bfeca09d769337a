"""The approval page: what happened in the night, and in one run? At /night and /run/ID, for whoever gave the password.

Both are made anew at every look, from the ledger; both only show.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from starlette.requests import Request as Http
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from cli.ledger import whole_id
from cli.page_login import Logins
from midwatch.digest import digest_of
from midwatch.errors import LedgerAway, LedgerError
from midwatch.ledger import Ledger
from midwatch.night import NightFault, night_of
from tasks.digest.facts import gather
from tasks.harness.place import Place
from tasks.page import sheet
from tasks.page.night import lapsed, night_page, stopped
from tasks.page.story import STEPS, pages_of, story_page

LONGEST_NUMBER: Final = 6
"""Digits of a page's number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Nights:
    """What the pages of the night work with."""

    ledger: Ledger
    place: Place
    zone: ZoneInfo
    """Of the house, whose evening begins a night."""
    ui: str
    """Prefect's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NightDoor:
    """The two addresses."""

    nights: Nights
    logins: Logins

    def routes(self) -> list[Route]:
        return [Route("/night", self.night), Route("/run/{run_id}", self.run)]

    async def night(self, http: Http) -> Response:
        """The last night, or the one that is asked for."""
        page = self.logins.page_of(http)
        if page is None:
            return self.logins.asked_for(http)
        asked = {name: http.query_params.get(name, "") for name in ("day", "since")}
        ledger, zone = self.nights.ledger, self.nights.zone
        try:
            night = night_of(self.logins.now(), zone, **asked)
        except NightFault as fault:
            return HTMLResponse(sheet.told_page("No such night", str(fault), page), 422)
        facts = await gather(ledger, self.nights.place, night.since, night.until, zone)
        here = urlencode({name: text for name, text in asked.items() if text})
        return HTMLResponse(
            night_page(
                night,
                facts,
                digest_of(facts),
                (
                    stopped(await ledger.halts_since(night.since), night, zone),
                    lapsed(await ledger.lapses_between(night.since, night.until), night, zone),
                ),
                page,
                agent=http.query_params.get("agent", ""),
                here=here,
            )
        )

    async def run(self, http: Http) -> Response:
        """One run's story, or a page of it."""
        page = self.logins.page_of(http)
        if page is None:
            return self.logins.asked_for(http)
        ledger = self.nights.ledger
        try:
            run_id = await whole_id(ledger, http.path_params["run_id"])
        except LedgerAway:
            raise
        except LedgerError as error:
            return HTMLResponse(sheet.told_page("No such run", f"{error}.", page), 404)
        run = await ledger.run(run_id)
        assert run is not None
        here = _number(http.query_params.get("page", "1"))
        story = await ledger.story_page(run_id, first=(here - 1) * STEPS if here else 0, most=STEPS)
        pages = pages_of(story.all, here)
        if pages is None:
            return HTMLResponse(sheet.told_page("No such page", "The story of this run is not so long.", page), 404)
        return HTMLResponse(
            story_page(
                run,
                story,
                await ledger.asks_of(run_id),
                await ledger.spent_by(run_id),
                replace(page, runs={run_id: f"{self.nights.ui}/runs/flow-run/{run_id}"}),
                pages=pages,
                zone=self.nights.zone,
                labels=frozenset(await ledger.labels_of(run_id)),
            )
        )


def _number(text: str) -> int:
    """0 where it is none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= LONGEST_NUMBER else 0
