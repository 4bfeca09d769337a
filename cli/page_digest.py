"""The approval page: what happened in the last day? At /digest, for whoever gave the password; made anew at every look."""

from __future__ import annotations

import getpass
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final

from cli.home import House
from cli.zone import here
from midwatch.digest import digest_of
from midwatch.errors import LedgerError
from midwatch.ledger import Ledger
from tasks.digest.facts import gather
from tasks.digest.links import Links
from tasks.digest.page import digest_page
from tasks.harness.place import Place

SHOWN: Final = timedelta(hours=24)


def digest_article(house: House, ledger: Ledger) -> Callable[[], Awaitable[str]]:
    """What makes the part of the page that is the digest, as HTML. That somebody has looked at it is a sign of them."""
    place = Place(project=house.project, home=house.home)

    async def made() -> str:
        now = datetime.now(UTC)
        digest = digest_of(await gather(ledger, place, now - SHOWN, now, here()))
        with suppress(LedgerError):  # it can be read, so it is shown
            await ledger.person_seen(getpass.getuser(), "page")
        return digest_page(digest, Links(page="", stories=True))

    return made
