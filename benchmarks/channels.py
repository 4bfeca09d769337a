"""How long from a person's yes to the approved effect, by channel? And is it the same decision, whatever the channel?

    python -m benchmarks.channels [--tries 30] [--only terminal,page,slack,prefect-ui]

Real runs, one after the other, in a house of their own with a scripted model on loopback: each asks whether it may write a
file. The clock starts when the command is started (`terminal`, a fresh Python included), the form is sent (`page`), the
button is clicked (`slack`, on a loopback server that speaks Slack's Web API and Socket Mode with the real slack-sdk), or
Resume is clicked in a real Chromium (`prefect-ui`), and stops when the file is there. Writes benchmarks/results/channels.json,
a list of {channel, n, decided_median_s, decided_p95_s, effect_median_s, effect_p95_s}; "decided" is when the ledger has it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.table import Table

from benchmarks.own_house import own_house
from benchmarks.percentile import p95
from midwatch.run_ids import short

if TYPE_CHECKING:
    from midwatch.ledger import AskRow
    from tests.flows.conftest import Night

RESULTS: Final = Path(__file__).parent / "results" / "channels.json"
CHANNELS: Final = ("terminal", "page", "slack", "prefect-ui")
VIA: Final = {"terminal": "cli", "page": "page", "slack": "slack", "prefect-ui": "prefect-ui"}
AGENT: Final = "channels"
WRITER: Final = """
tools: [{write_file: {root: work}}]
rules: {ask: [write_file]}
contract: {done_when: [{file: {path: work/seen.txt, contains: [seen]}}]}
"""
PATIENCE: Final = 180

Click = Callable[[], Coroutine[Any, Any, None]]
Ready = Callable[["AskRow"], Awaitable[Click]]
"""Everything that a person has done before the last click; returns that."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    channel: str
    n: int
    decided_median_s: float
    decided_p95_s: float
    effect_median_s: float
    effect_p95_s: float


async def one_try(night: Night, channel: str, ready: Ready) -> tuple[float, float]:
    """Seconds from the click to the decision and to the effect."""
    effect = night.project / "work" / "seen.txt"
    effect.unlink(missing_ok=True)
    run_id = await night.start(AGENT)
    (row,) = await night.waiting(run_id)
    click = await ready(row)
    await asyncio.sleep(random.uniform(0, 2))  # nothing is to keep time with the worker's polling
    began, at = time.monotonic(), time.time()
    clicked = asyncio.create_task(click())
    while not effect.exists():
        assert time.monotonic() - began < PATIENCE, f"{channel}: it never came"
        await asyncio.sleep(0.005)
    took = time.monotonic() - began
    await clicked
    await night.ended(run_id)
    now = await night.ledger.ask(row.ask_id)
    assert (now.verdict, now.via, now.granted_digest) == ("approved", VIA[channel], row.digest), now
    assert now.decided_at is not None
    return now.decided_at.timestamp() - at, took


@asynccontextmanager
async def terminal(_night: Night) -> AsyncIterator[Ready]:
    async def ready(row: AskRow) -> Click:
        async def click() -> None:
            words = ("-c", "from cli.main import main; main()", "approve", row.run_id, "1")
            process = await asyncio.create_subprocess_exec(sys.executable, *words, stdout=asyncio.subprocess.DEVNULL)
            assert await process.wait() == 0

        return click

    yield ready


@asynccontextmanager
async def page(night: Night) -> AsyncIterator[Ready]:
    import httpx

    from cli.link import link_to
    from tests.cli.page_house import Visitor, form_of

    async def ready(row: AskRow) -> Click:
        url = httpx.URL(await link_to(night.house, night.ledger, [row.ask_id], "anna"))
        phone = Visitor(
            await stack.enter_async_context(httpx.AsyncClient(base_url=url.copy_with(path="/"), timeout=60))
        )
        action, token = form_of((await phone.get(url.path)).text)

        async def click() -> None:
            sent = await phone.post(action, {"form": token, "q0.do": "approve"})
            assert sent.status_code == 303, sent.text

        return click

    async with AsyncExitStack() as stack:
        yield ready


@asynccontextmanager
async def slack(_night: Night) -> AsyncIterator[Ready]:
    from tests.cli.slack_house import saved
    from tests.tasks.slack.slack_server import ANNA, slack_server

    async with slack_server() as server:
        await saved(server).asave("channels", overwrite=True)
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", "cli.slack_door", "channels")

        async def ready(row: AskRow) -> Click:
            await server.until(
                lambda: bool(server.messages and server.links) and short(row.run_id) in server.text(), seconds=PATIENCE
            )

            async def click() -> None:
                await server.click(ANNA, "approve")

            return click

        try:
            yield ready
        finally:
            process.terminate()
            await process.wait()


@asynccontextmanager
async def prefect_ui(night: Night) -> AsyncIterator[Ready]:
    from cli import keys
    from tests.flows.browser import NewUi, chromium

    with tempfile.TemporaryDirectory() as profile, chromium(Path(profile)) as driver:
        ui = NewUi(driver)
        driver.get(night.house.url)
        await asyncio.to_thread(ui.log_in, keys.read(night.house.auth))

        def opened(run_id: str) -> None:
            driver.get(f"{night.house.url}/v2/runs/flow-run/{run_id}")
            ui.click("//button[.='Open menu']")
            ui.click("//*[@role='menuitem'][.='Resume']")
            ui.see(ui.form)
            ui.choose("approve")

        async def ready(row: AskRow) -> Click:
            await asyncio.to_thread(opened, row.run_id)

            async def click() -> None:
                await asyncio.to_thread(ui.submit)

            return click

        yield ready


DOORS: Final[dict[str, Any]] = {"terminal": terminal, "page": page, "slack": slack, "prefect-ui": prefect_ui}


async def measure(night: Night, channels: Sequence[str], tries: int, console: Console) -> list[Figure]:
    figures = []
    for channel in channels:
        seen: list[tuple[float, float]] = []
        async with DOORS[channel](night) as ready:
            for number in range(1, tries + 1):
                seen.append(await one_try(night, channel, ready))
                console.print(f"{channel} {number}/{tries}: decided {seen[-1][0]:.2f} s, effect {seen[-1][1]:.2f} s")
        figures.append(figure(channel, seen))
    return figures


def figure(channel: str, seen: Sequence[tuple[float, float]]) -> Figure:
    decided, effect = ([pair[place] for pair in seen] for place in (0, 1))
    return Figure(
        channel=channel,
        n=len(seen),
        decided_median_s=round(statistics.median(decided), 2),
        decided_p95_s=round(p95(decided), 2),
        effect_median_s=round(statistics.median(effect), 2),
        effect_p95_s=round(p95(effect), 2),
    )


def shown(figures: Sequence[Figure]) -> Table:
    table = Table("channel", "tries", "to the decision, median", "p95", "to the effect, median", "p95")
    for each in figures:
        seconds = (each.decided_median_s, each.decided_p95_s, each.effect_median_s, each.effect_p95_s)
        table.add_row(each.channel, str(each.n), *(f"{one:.2f}" for one in seconds))
    return table


async def figures_in(house: Any, script: Any, channels: Sequence[str], tries: int, console: Console) -> list[Figure]:
    from midwatch.ledger import Ledger
    from tests.flows.conftest import Night
    from tests.flows.scripted_model import call

    async with Ledger.open(f"sqlite+aiosqlite:///{house.home / 'ledger.db'}") as ledger:
        await ledger.migrate()
        night = Night(house=house, script=script, _ledger=(ledger,))
        night.agent(AGENT, WRITER, call("write_file", path="seen.txt", content="seen"), "done")
        return await measure(night, channels, tries, console)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.channels")
    parser.add_argument("--tries", type=int, default=30)
    parser.add_argument("--only", default=",".join(CHANNELS))
    words, console = parser.parse_args(), Console(soft_wrap=True)
    channels = words.only.split(",")
    if unknown := [channel for channel in channels if channel not in DOORS]:
        parser.error(f"no channel {unknown[0]!r}; there are {', '.join(CHANNELS)}")
    with own_house() as (house, script):
        figures = asyncio.run(figures_in(house, script, channels, words.tries, console))
    console.print(shown(figures))
    RESULTS.write_text(json.dumps([asdict(each) for each in figures], indent=2) + "\n")


if __name__ == "__main__":
    main()
