"""The house: who serves the approval page? Run as `python -m cli.page`, one a house, on 127.0.0.1 and a port of its own.

It never ends by itself: without it people are asked everywhere else. What anybody may do there is `cli/page_app.py`'s.
"""

from __future__ import annotations

import asyncio
import getpass
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Final

import uvicorn
from prefect.client.orchestration import get_client

from blocks.ledger import open_ledger
from cli import keys
from cli.home import ADDRESS, House, locate
from cli.link import page_signer
from cli.metrics import TOKEN, new_token, scraped
from cli.page_address import page_address, remember_port, remembered_port
from cli.page_app import Door
from cli.page_digest import digest_article
from cli.page_halt import halt_page
from cli.page_metrics import metrics_route
from cli.page_night import Nights
from cli.page_wire import patient
from cli.ports import first_free, holder
from cli.service import say, told_to_stop
from cli.widening import offered, proposed
from cli.zone import here
from midwatch.errors import HouseError
from tasks.harness.place import Place
from tasks.permissions.answers import resume_if_decided

USUAL: Final = range(4300, 4400)
"""Ports, of which the first free one is taken at the first start."""
AGAIN_SECONDS: Final = 30.0
"""Until it is tried again when the port, the ledger or Prefect could not be used."""
CONNECTIONS: Final = 100


class _Server(uvicorn.Server):
    """Ended by us alone: uvicorn would end the process with its own signal before anything else is closed."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def keep(house: House, stop: asyncio.Event) -> None:
    """The page, opened again and again until `stop`."""
    while not stop.is_set():
        try:
            await serve(house, stop)
        except Exception as error:
            say(f"the page cannot be opened ({error}). Tried again in {AGAIN_SECONDS:.0f} s")
            with suppress(TimeoutError):
                async with asyncio.timeout(AGAIN_SECONDS):
                    await stop.wait()


async def serve(house: House, stop: asyncio.Event) -> None:
    """Answer browsers until `stop`."""
    with _listening(house) as listener:
        address = page_address(house)
        async with await open_ledger(house.home) as ledger, get_client() as prefect:
            await ledger.migrate()
            place = Place(project=house.project, home=house.home)
            door = Door(
                ledger=ledger,
                signer=page_signer(house),
                operator=getpass.getuser(),
                address=address,
                ui=house.url,
                resume=lambda run_id: resume_if_decided(prefect, ledger, run_id),
                propose=proposed,
                offer=offered,
                now=lambda: datetime.now(UTC),
                also=(
                    metrics_route(scraped(house, ledger), keys.kept(house.home / TOKEN, new_token)),
                    halt_page(house, ledger, address).route(),
                ),
                digest=digest_article(house, ledger),
                nights=Nights(ledger=ledger, place=place, zone=here(), ui=house.url),
            )
            server = _Server(_config(door))
            serving = asyncio.create_task(server.serve(sockets=[listener]))
            say(f"the page is at {address.local}, for others at {address.public}")
            await asyncio.wait([serving, stopped := asyncio.create_task(stop.wait())], return_when="FIRST_COMPLETED")
            server.should_exit = True
            await serving
            stopped.cancel()


def _config(door: Door) -> uvicorn.Config:
    """No access log: a link is as good as a password for what it is about."""
    return uvicorn.Config(
        door.app(),
        http=patient(),
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=CONNECTIONS,
        timeout_graceful_shutdown=5,
    )


@contextmanager
def _listening(house: House) -> Iterator[socket.socket]:
    port = remembered_port(house) or first_free(USUAL)
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((ADDRESS, port))
        except OSError as error:
            file = house.home / "page.port"
            raise HouseError(
                f"port {port} is in use by {holder(port)}: stop that, or write another into {file}"
            ) from error
        remember_port(house, port)
        yield listener


async def _main() -> None:
    await keep(locate(os.environ), told_to_stop())


if __name__ == "__main__":
    asyncio.run(_main())
