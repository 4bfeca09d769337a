"""The house: how are people asked in Slack, and heard there? Run as `python -m cli.slack_door BLOCK`, one a house.

Every two seconds, and whenever somebody clicked: what waits is posted, what was decided anywhere is rewritten. Clicks arrive
over Socket Mode, so nothing here listens. It never ends by itself: without Slack, people are asked everywhere else.
"""

from __future__ import annotations

import asyncio
import os
import sys
import traceback
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import aiohttp
from prefect.client.orchestration import PrefectClient, get_client
from slack_sdk.errors import SlackApiError
from slack_sdk.socket_mode.aiohttp import SocketModeClient

from blocks import Slack
from blocks.ledger import open_ledger
from cli.service import AGAIN_SECONDS, again, pause, say, told_to_stop
from cli.widening import offered, proposed
from midwatch.ledger import AskRow, Ledger
from tasks.harness.place import Place, place
from tasks.slack.hearing import Deciders, Hearing, Widening
from tasks.slack.posting import Board, Wait, retry_after

ROUND_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackDoor:
    """What is posted, and what is heard."""

    board: Board
    hearing: Hearing

    async def rounds(self, stop: asyncio.Event) -> None:
        """Until `stop`; what fails is reported, and tried again in the next round."""
        while not stop.is_set():
            seconds = ROUND_SECONDS
            self.hearing.changed.clear()
            try:
                for fault in await self.board.one_round():
                    say(fault)
            except SlackApiError as error:
                seconds = retry_after(error) or AGAIN_SECONDS
                say(f"Slack wants a pause of {seconds:.0f} s")
            except Exception:
                traceback.print_exc()
            await pause(stop, seconds, *([self.hearing.changed] if seconds == ROUND_SECONDS else []))


@asynccontextmanager
async def opened(
    slack: Slack, deciders: Deciders, ledger: Ledger, prefect: PrefectClient, here: Place, widening: Widening
) -> AsyncIterator[SlackDoor]:
    """The door, listening. Raises SlackApiError where Slack does not take the bot's token."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
        web = slack.get_client(session)
        await web.auth_test()
        board = Board(
            ledger=ledger, web=web, channel=slack.channel, path=here.home / "slack.json", wait=_attention(ledger)
        )
        _load(board)
        hearing = Hearing(
            deciders=deciders,
            web=web,
            ledger=ledger,
            prefect=prefect,
            channel=slack.channel,
            widening=widening,
            home=here.home,
        )
        socket = SocketModeClient(app_token=slack.app_token.get_secret_value(), web_client=web)
        socket.socket_mode_request_listeners.append(hearing.heard)
        # It tries until it succeeds, and posting need not wait for it.
        connecting = asyncio.ensure_future(socket.connect())  # type: ignore[no-untyped-call]  # of slack-sdk
        try:
            yield SlackDoor(board=board, hearing=hearing)
        finally:
            connecting.cancel()
            await asyncio.gather(connecting, return_exceptions=True)
            await socket.close()  # type: ignore[no-untyped-call]  # of slack-sdk


def _attention(ledger: Ledger) -> Wait:
    """Whom a question would interrupt now who is not to be: it is posted when it may."""

    async def wait(asks: Sequence[AskRow]) -> Collection[str]:
        return await ledger.held_back(asks, datetime.now(UTC))

    return wait


def _load(board: Board) -> None:
    try:
        board.load()
    except ValueError as error:
        say(f"what waits is posted anew: {error}")


async def keep(name: str, here: Place, stop: asyncio.Event) -> None:
    """The door of the block `name`, opened again and again until `stop`."""

    async def deciders() -> Collection[str]:
        return (await _block(name)).deciders

    async with await open_ledger(here.home) as ledger, get_client() as prefect:

        async def door_of_the_block() -> None:
            await ledger.migrate()
            slack = await _block(name)
            async with opened(
                slack, deciders, ledger, prefect, here, Widening(propose=proposed, offer=offered)
            ) as door:
                say(f"people are asked in {slack.channel}")
                await door.rounds(stop)

        await again("Slack cannot be used (docs/slack.md)", door_of_the_block, stop)


async def _block(name: str) -> Slack:
    return await Slack.aload(name)


async def _main(name: str) -> None:
    await keep(name, place(os.environ), told_to_stop())


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1]))
