"""The house: who serves the approval page? Run as `python -m cli.page`, one a house, on 127.0.0.1 and a port of its own.

It never ends by itself: without it people are asked everywhere else. What anybody may do there is `cli/page_app.py`'s.
"""

from __future__ import annotations

import asyncio
import getpass
import os
from datetime import UTC, datetime
from typing import Final

from prefect.client.orchestration import get_client

from blocks.ledger import open_ledger
from cli import keys
from cli.home import House, locate
from cli.link import page_signer
from cli.loopback import listening, served
from cli.metrics import TOKEN, new_token, scraped
from cli.page_address import page_address, port_file
from cli.page_app import Door
from cli.page_digest import digest_article
from cli.page_halt import halt_page
from cli.page_login import Logins
from cli.page_metrics import metrics_route
from cli.page_night import Nights
from cli.page_wire import patient
from cli.service import again, say, told_to_stop
from cli.widening import offered, proposed
from cli.zone import here
from tasks.harness.place import Place
from tasks.permissions.answers import resume_if_decided

USUAL: Final = range(4300, 4400)
"""Ports, of which the first free one is taken at the first start."""
CONNECTIONS: Final = 100


async def keep(house: House, stop: asyncio.Event) -> None:
    """The page, opened again and again until `stop`."""
    await again("the page cannot be opened", lambda: serve(house, stop), stop)


async def serve(house: House, stop: asyncio.Event) -> None:
    """Answer browsers until `stop`."""
    with listening(port_file(house), USUAL, backlog=CONNECTIONS) as listener:
        address = page_address(house)
        async with await open_ledger(house.home) as ledger, get_client() as prefect:
            await ledger.migrate()
            place = Place(project=house.project, home=house.home)
            logins = Logins(
                signer=page_signer(house),
                operator=getpass.getuser(),
                address=address,
                now=lambda: datetime.now(UTC),
            )
            door = Door(
                ledger=ledger,
                logins=logins,
                ui=house.url,
                resume=lambda run_id: resume_if_decided(prefect, ledger, run_id),
                propose=proposed,
                offer=offered,
                also=(
                    metrics_route(scraped(house, ledger), keys.kept(house.home / TOKEN, new_token)),
                    halt_page(house, ledger, logins).route(),
                ),
                digest=digest_article(house, ledger),
                nights=Nights(ledger=ledger, place=place, zone=here(), ui=house.url),
            )
            say(f"the page is at {address.local}, for others at {address.public}")
            await served(door.app(), listener, stop, connections=CONNECTIONS, http=patient())


async def _main() -> None:
    await keep(locate(os.environ), told_to_stop())


if __name__ == "__main__":
    asyncio.run(_main())
