"""The house: how are people asked in Slack, and heard there? Run as `python -m cli.slack_door BLOCK`, one a house.

Every two seconds, and whenever somebody clicked: what waits is posted, what was decided anywhere is rewritten. Clicks arrive
over Socket Mode, so nothing here listens. It never ends by itself: without Slack, people are asked everywhere else.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, assert_never

import aiohttp
from prefect.client.orchestration import PrefectClient, get_client
from slack_sdk.errors import SlackApiError
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web.async_client import AsyncWebClient

from blocks import Slack
from blocks.ledger import open_ledger
from midwatch.ledger import Ledger
from tasks.harness.place import Place, place
from tasks.permissions.answers import resume_if_decided
from tasks.slack.door import Decided, Faulty, Meaning, Opens, Told, Touch, meaning, touch
from tasks.slack.modal import told
from tasks.slack.posting import Board, retry_after
from tasks.slack.rich import block, fallback, line, says

ROUND_SECONDS: Final = 2.0
AGAIN_SECONDS: Final = 30.0
"""Until Slack is tried again when it, the block or the ledger could not be used."""
TRIES: Final = 3

Deciders = Callable[[], Awaitable[Collection[str]]]
"""Ids of the users who may decide now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackDoor:
    """What a click works with."""

    deciders: Deciders
    web: AsyncWebClient
    ledger: Ledger
    prefect: PrefectClient
    board: Board
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    """Somebody decided: the next round begins now."""

    async def heard(self, socket: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
        """One envelope of Socket Mode. Slack waits three seconds for its acknowledgement."""
        it = touch(request.payload) if request.type == "interactive" else None
        if it is None or not it.sent:
            await socket.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id))
        if it is None:
            return
        meant = await self._meant(it)
        if it.sent:
            answer = SocketModeResponse(envelope_id=request.envelope_id, payload=_reply(meant))
            await socket.send_socket_mode_response(answer)
        await self._follow(it, meant)

    async def _meant(self, it: Touch) -> Meaning:
        """Who may decide is looked up anew: whoever was taken off the list decides nothing from then on."""
        try:
            deciders = await self.deciders()
        except Exception as error:
            _say(f"who may decide could not be looked up: {error!r}")
            return Told(text="Nothing was done: who may decide could not be looked up. Try it again.")
        try:
            return await meaning(self.ledger, deciders, it)
        except Exception:
            traceback.print_exc()
            return Told(
                text="It failed on the way. If the message does not change soon, nothing was done: try it again."
            )

    async def _follow(self, it: Touch, meant: Meaning) -> None:
        match meant:
            case Opens(view=view):
                await _patiently(lambda: self.web.views_open(trigger_id=it.trigger_id, view=view))
            case Told(text=text):
                await self._tell(it, text)
            case Decided(decision=decision):
                self.changed.set()
                if not decision.first:
                    await self._tell(it, meant.stands)
                await resume_if_decided(self.prefect, self.ledger, decision.row.run_id)
            case Faulty():
                return
            case unknown:
                assert_never(unknown)

    async def _tell(self, it: Touch, text: str) -> None:
        """Only who clicked sees it; whoever sent a form has read it there."""
        if it.sent:
            return
        shown = [block(line(says(text)))]
        await _patiently(
            lambda: self.web.chat_postEphemeral(
                channel=it.channel, user=it.person.id, text=fallback(text), blocks=shown
            )
        )

    async def rounds(self, stop: asyncio.Event) -> None:
        """Until `stop`; what fails is reported, and tried again in the next round."""
        while not stop.is_set():
            pause = ROUND_SECONDS
            self.changed.clear()
            try:
                for fault in await self.board.one_round():
                    _say(fault)
            except SlackApiError as error:
                pause = retry_after(error) or AGAIN_SECONDS
                _say(f"Slack wants a pause of {pause:.0f} s")
            except Exception:
                traceback.print_exc()
            await _first_of(pause, stop, *([self.changed] if pause == ROUND_SECONDS else []))


def _reply(meant: Meaning) -> dict[str, object]:
    """What the form that was sent becomes: it closes, shows a fault, or says why nothing was done."""
    match meant:
        case Faulty(errors=errors):
            return {"response_action": "errors", "errors": errors}
        case Told(text=text):
            return {"response_action": "update", "view": told(text)}
        case Decided() if not meant.decision.first:
            return {"response_action": "update", "view": told(meant.stands)}
        case _:
            return {}


async def _patiently(call: Callable[[], Awaitable[object]]) -> None:
    """A call that may be made twice without harm, when Slack wanted a pause or the line broke."""
    for tries_left in reversed(range(TRIES)):
        try:
            await call()
            return
        except SlackApiError as error:
            pause = retry_after(error)
            if pause is None or not tries_left:
                raise
            await asyncio.sleep(pause)
        except aiohttp.ClientError:
            if not tries_left:
                raise


@asynccontextmanager
async def opened(
    slack: Slack, deciders: Deciders, ledger: Ledger, prefect: PrefectClient, here: Place
) -> AsyncIterator[SlackDoor]:
    """The door, listening. Raises SlackApiError where Slack does not take the bot's token."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
        web = slack.get_client(session)
        await web.auth_test()
        board = Board(ledger=ledger, web=web, channel=slack.channel, path=here.home / "slack.json")
        _load(board)
        door = SlackDoor(deciders=deciders, web=web, ledger=ledger, prefect=prefect, board=board)
        socket = SocketModeClient(app_token=slack.app_token.get_secret_value(), web_client=web)
        socket.socket_mode_request_listeners.append(door.heard)
        # It tries until it succeeds, and posting need not wait for it.
        connecting = asyncio.ensure_future(socket.connect())  # type: ignore[no-untyped-call]  # of slack-sdk
        try:
            yield door
        finally:
            connecting.cancel()
            await asyncio.gather(connecting, return_exceptions=True)
            await socket.close()  # type: ignore[no-untyped-call]  # of slack-sdk


def _load(board: Board) -> None:
    try:
        board.load()
    except ValueError as error:
        _say(f"what waits is posted anew: {error}")


async def keep(name: str, here: Place, stop: asyncio.Event) -> None:
    """The door of the block `name`, opened again and again until `stop`."""

    async def deciders() -> Collection[str]:
        return (await _block(name)).deciders

    async with await open_ledger(here.home) as ledger, get_client() as prefect:
        while not stop.is_set():
            try:
                await ledger.migrate()
                slack = await _block(name)
                async with opened(slack, deciders, ledger, prefect, here) as door:
                    _say(f"people are asked in {slack.channel}")
                    await door.rounds(stop)
            except Exception as error:
                _say(f"Slack cannot be used ({error}); see docs/slack.md. Tried again in {AGAIN_SECONDS:.0f} s")
                await _first_of(AGAIN_SECONDS, stop)


async def _block(name: str) -> Slack:
    return await Slack.aload(name)


async def _first_of(seconds: float, *events: asyncio.Event) -> None:
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


def _say(text: str) -> None:
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} {text}", flush=True)


async def _main(name: str) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await keep(name, place(os.environ), stop)


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1]))
