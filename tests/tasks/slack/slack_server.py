"""Slack on 127.0.0.1: the Web API and Socket Mode as far as Midwatch uses them, refusing what Slack refuses."""

from __future__ import annotations

import asyncio
import copy
import itertools
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

CHANNEL = "C0WATCH"
BOT, APP = "bot-token-of-the-tests", "app-token-of-the-tests"
ANNA, BELA, EVE = ("U1ANNA", "anna"), ("U2BELA", "bela"), ("U3EVE", "eve")
Json = dict[str, Any]


class Refused(Exception):
    """`ok: false`, with Slack's word for it."""


@dataclass(kw_only=True)
class SlackServer:
    """What a person in Slack sees and does, and what the line does to them."""

    url: str = ""
    messages: dict[str, Json] = field(default_factory=dict)
    """By `ts`: as they stand now."""
    posts: int = 0
    ephemeral: list[Json] = field(default_factory=list)
    views: list[Json] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    pauses: dict[str, list[int]] = field(default_factory=dict)
    """By method: the Retry-After of its next answers, all of them 429."""
    cut: set[str] = field(default_factory=set)
    """Methods whose next call is done, and its answer lost."""
    down: set[str] = field(default_factory=set)
    """Methods whose next answer is a page of some proxy."""
    refuse: dict[str, str] = field(default_factory=dict)
    """By method: the error of every answer."""
    links: list[web.WebSocketResponse] = field(default_factory=list)
    sequence: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    triggers: set[str] = field(default_factory=set)
    acks: dict[str, asyncio.Future[Json]] = field(default_factory=dict)
    happened: asyncio.Condition = field(default_factory=asyncio.Condition)

    # --- the Web API ---

    async def api(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        self.calls.append(method)
        if self.pauses.get(method):
            pause = self.pauses[method].pop(0)
            return web.json_response(
                {"ok": False, "error": "ratelimited"}, status=429, headers={"Retry-After": str(pause)}
            )
        if method in self.down:
            self.down.remove(method)
            return web.Response(status=503, text="<html>Bad gateway</html>", content_type="text/html")
        if request.content_type == "application/json":
            said = await request.json()
        else:
            said = {**request.query, **await request.post()}
        try:
            answer = {"ok": True, **self._answer(method, request.headers.get("Authorization", ""), said)}
        except Refused as error:
            answer = {"ok": False, "error": str(error)}
        await self._tell()
        if method in self.cut:
            self.cut.remove(method)
            assert request.transport is not None
            request.transport.abort()
        return web.json_response(answer)

    def _answer(self, method: str, authorization: str, said: Json) -> Json:
        if authorization != f"Bearer {APP if method == 'apps.connections.open' else BOT}":
            raise Refused("invalid_auth")
        if method in self.refuse:
            raise Refused(self.refuse[method])
        match method:
            case "auth.test":
                return {}
            case "apps.connections.open":
                return {"url": f"{self.url.replace('http', 'ws')}/link"}
            case "chat.postMessage":
                return self._post(said)
            case "chat.update":
                return self._update(said)
            case "chat.postEphemeral":
                self.ephemeral.append({**said, "blocks": checked(said["blocks"])})
                return {}
            case "conversations.history":
                oldest = float(said["oldest"])
                return {"messages": [one for one in self.messages.values() if float(one["ts"]) >= oldest]}
            case "views.open":
                return self._open(said)
            case "views.update":
                return self._rewrite(said)
        raise Refused("unknown_method")

    def _post(self, said: Json) -> Json:
        self.posts += 1
        ts = f"{asyncio.get_running_loop().time() + 2e9:.0f}.{next(self.sequence):06d}"
        self.messages[ts] = self._message(said, ts)
        return {"ts": ts, "channel": said["channel"]}

    def _update(self, said: Json) -> Json:
        message = self._message(said, said["ts"])
        if said["ts"] not in self.messages:
            raise Refused("message_not_found")
        self.messages[said["ts"]] = message
        return {"ts": said["ts"], "channel": said["channel"]}

    def _message(self, said: Json, ts: str) -> Json:
        if said["channel"] != CHANNEL:
            raise Refused("channel_not_found")
        return {"ts": ts, "text": said["text"], "blocks": checked(said["blocks"]), "metadata": said.get("metadata")}

    def _open(self, said: Json) -> Json:
        if said["trigger_id"] not in self.triggers:
            raise Refused("expired_trigger_id")
        self.triggers.remove(said["trigger_id"])
        self.views.append({**checked_view(said["view"]), "id": f"V{next(self.sequence)}"})
        return {}

    def _rewrite(self, said: Json) -> Json:
        if said["view_id"] not in {view["id"] for view in self.views}:
            raise Refused("not_found")
        self.views.append({**checked_view(said["view"]), "id": said["view_id"]})
        return {}

    # --- Socket Mode ---

    async def link(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json({"type": "hello", "num_connections": len(self.links) + 1})
        self.links.append(socket)
        await self._tell()
        async for message in socket:
            if message.type == WSMsgType.TEXT:
                ack = json.loads(message.data)
                self.acks[ack["envelope_id"]].set_result(ack.get("payload") or {})
        if socket in self.links:
            self.links.remove(socket)
        await self._tell()
        return socket

    async def send(self, payload: Json, envelope: str = "") -> Json:
        """Deliver an interaction over the newest connection; what comes back with its acknowledgement, within 3 s."""
        await self.until(lambda: bool(self.links))
        envelope = envelope or f"e{next(self.sequence)}"
        self.acks[envelope] = asyncio.get_running_loop().create_future()
        body = {"type": "interactive", "envelope_id": envelope, "accepts_response_payload": True, "payload": payload}
        await self.links[-1].send_json(body)
        return await asyncio.wait_for(self.acks[envelope], timeout=3)

    async def disconnect(self) -> None:
        """What Slack says every few hours before it closes a connection."""
        await self.links[-1].send_json({"type": "disconnect", "reason": "refresh_requested"})

    def drop(self) -> None:
        """The line is gone, without a word."""
        link = self.links.pop()
        assert link._req is not None
        assert link._req.transport is not None
        link._req.transport.abort()

    # --- the person ---

    def payload(self, person: tuple[str, str], act: str, number: int = 1) -> Json:
        """What a click on a button of that question sends, or on an entry of its menu."""
        block = self.block(number)
        for one in block["elements"]:  # what is not there cannot be clicked
            if one["action_id"] == act:
                return self.click_of(person, act, one.get("value") or block["block_id"])
            if act in [option["value"] for option in one.get("options", [])]:
                chosen = {"type": "overflow", "action_id": one["action_id"], "selected_option": {"value": act}}
                return self._interaction(person, {**chosen, "block_id": block["block_id"]})
        raise AssertionError(f"question {number} has no {act}")

    def click_of(self, person: tuple[str, str], act: str, value: str) -> Json:
        return self._interaction(person, {"action_id": act, "value": value, "type": "button"})

    def _interaction(self, person: tuple[str, str], action: Json) -> Json:
        trigger = f"t{next(self.sequence)}"
        self.triggers.add(trigger)
        return {
            "type": "block_actions",
            "user": {"id": person[0], "username": person[1]},
            "channel": {"id": CHANNEL},
            "trigger_id": trigger,
            "actions": [action],
        }

    async def click(self, person: tuple[str, str], act: str, number: int = 1) -> Json:
        payload = self.payload(person, act, number)
        await self.send(payload)
        return payload

    async def opened(self, person: tuple[str, str], act: str, number: int = 1) -> Json:
        """The form that a click opens."""
        before = len(self.views)
        await self.click(person, act, number)
        await self.until(lambda: len(self.views) > before)
        return self.views[-1]

    async def submit(self, person: tuple[str, str], view: Json, **fields: str | None) -> Json:
        """Send a form: everything as it was filled in, but for `fields`, by their block id."""
        state = {**filled(view), **{name: {"said": {"value": text}} for name, text in fields.items()}}
        sent = {name: view[name] for name in ("callback_id", "private_metadata", "id")}
        user = {"id": person[0], "username": person[1]}
        return await self.send({"type": "view_submission", "user": user, "view": {**sent, "state": {"values": state}}})

    @property
    def message(self) -> Json:
        """The newest message."""
        return self.messages[max(self.messages)]

    def text(self) -> str:
        """All that the newest message shows."""
        return " ".join(strings(self.message["blocks"]))

    def buttons(self, number: int = 1) -> list[Json]:
        """Of the question with that number in the newest message; without its menu."""
        block = self.block(number)
        return [one for one in block.get("elements", []) if one["type"] == "button"]

    def block(self, number: int = 1) -> Json:
        """What can be clicked on there; empty where nothing can."""
        heading = f"{number} · "
        blocks = iter(self.message["blocks"])
        for block in blocks:
            if block["type"] == "rich_text" and strings(block)[0].startswith(heading):
                following: Json = next(blocks)
                return following if following["type"] == "actions" else {}
        raise AssertionError(f"the message has no question {number}")

    async def until(self, reached: Callable[[], bool], seconds: float = 20) -> None:
        """Wait for something that this server can see."""
        async with self.happened, asyncio.timeout(seconds):
            await self.happened.wait_for(reached)

    async def _tell(self) -> None:
        async with self.happened:
            self.happened.notify_all()


def filled(view: Json) -> Json:
    """The state of a form that nobody has touched."""
    state: Json = {}
    for block in view["blocks"]:
        if block["type"] == "input":
            element = block["element"]
            choices = element["type"] in ("radio_buttons", "static_select")
            chosen = {"selected_option": element.get("initial_option")} if choices else {}
            state[block["block_id"]] = {"said": chosen or {"value": element.get("initial_value")}}
    return state


def strings(part: object) -> list[str]:
    """Every text that is shown, in its order."""
    if isinstance(part, list):
        return [text for one in part for text in strings(one)]
    if not isinstance(part, dict):
        return []
    own = [part["text"]] if isinstance(part.get("text"), str) else []
    return own + [text for name, one in part.items() if name not in ("value", "style") for text in strings(one)]


def checked(blocks: list[Json]) -> list[Json]:
    """Raises Refused where Slack would: limits of Block Kit."""
    if len(blocks) > 50 or len(json.dumps(blocks)) > 13_000:
        raise Refused("msg_blocks_too_long")
    _check_parts(blocks)
    return copy.deepcopy(blocks)


def checked_view(view: Json) -> Json:
    long = len(view["title"]["text"]) > 24 or len(view.get("private_metadata", "")) > 3000 or len(view["blocks"]) > 100
    names = [block["block_id"] for block in view["blocks"] if "block_id" in block]
    needs_submit = any(block["type"] == "input" for block in view["blocks"]) and "submit" not in view
    if long or needs_submit or len(names) != len(set(names)) or len(json.dumps(view)) > 250_000:
        raise Refused("invalid_arguments")
    _check_parts(view["blocks"])
    return copy.deepcopy(view)


def _check_parts(part: object) -> None:
    if isinstance(part, list):
        for one in part:
            _check_parts(one)
    elif isinstance(part, dict):
        lengths = {"value": 2000, "initial_value": 3000, "text": 3000, "action_id": 255, "block_id": 255}
        for name, most in lengths.items():
            text = part.get(name)
            if isinstance(text, str) and not 0 < len(text) <= most:
                raise Refused(f"invalid_blocks: {name} of {len(text)} characters")
        if part.get("type") == "mrkdwn" or part.get("elements") == []:
            raise Refused("invalid_blocks")
        _check_choices(part)
        _check_parts(list(part.values()))


def _check_choices(part: Json) -> None:
    """How many, how long, and whether the one that is chosen is one of them."""
    kind, options = part.get("type"), part.get("options", [])
    most = {"radio_buttons": 10, "overflow": 5, "static_select": 100}.get(str(kind))
    if most is None:
        return
    long = any(len(one["text"]["text"]) > 75 or len(one["value"]) > 150 for one in options)
    if not 1 <= len(options) <= most or long or part.get("initial_option", options[0]) not in options:
        raise Refused(f"invalid_blocks: {kind}")


@asynccontextmanager
async def slack_server() -> AsyncIterator[SlackServer]:
    server = SlackServer()
    app = web.Application()
    app.router.add_route("*", "/api/{method}", server.api)
    app.router.add_get("/link", server.link)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        for link in list(server.links):
            await link.close()
        await runner.cleanup()
