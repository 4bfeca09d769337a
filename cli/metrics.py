"""`midwatch metrics`: how much of everything is there, for Prometheus, and how does that get it?"""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Final

import typer

from cli import beat, keys
from cli.home import ADDRESS, House, locate
from cli.ledger import open_ledger
from cli.page_address import port_file
from cli.ports import port_in

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from midwatch.ledger import Ledger

TOKEN: Final = "metrics.token"  # noqa: S105  # the name of a file
"""File in the home, its owner's alone: what `/metrics` of the page asks for. It opens nothing else."""


def metrics(
    scrape: Annotated[bool, typer.Option("--scrape", help="Print how Prometheus is told to ask for it.")] = False,
) -> None:
    """Print what /metrics of the page answers."""
    house = locate(os.environ)
    typer.echo(scrape_config(house) if scrape else asyncio.run(_text(house)), nl=scrape)


def scrape_config(house: House) -> str:
    """A job of prometheus.yml."""
    keys.kept(house.home / TOKEN, new_token)
    return f"""scrape_configs:
  - job_name: midwatch
    authorization: {{credentials_file: {house.home / TOKEN}}}
    static_configs: [{{targets: ["{ADDRESS}:{port_in(port_file(house)) or 4300}"]}}]"""


def new_token() -> str:
    """256 bits, for URLs and headers."""
    return secrets.token_urlsafe(32)


def scraped(house: House, ledger: Ledger) -> Callable[[], Awaitable[str]]:
    """What the page answers with."""
    from tasks.monitoring.metrics import metrics_text

    async def text() -> str:
        return await metrics_text(ledger, heartbeat_age(house), datetime.now(UTC))

    return text


def heartbeat_age(house: House) -> float | None:
    """Seconds since the keeper's last round; None where there never was one."""
    try:
        return max(time.time() - beat.beaten(house.home, "keeper"), 0.0)
    except OSError:
        return None


async def _text(house: House) -> str:
    async with await open_ledger(house.home) as ledger:
        await ledger.migrate()
        return await scraped(house, ledger)()
