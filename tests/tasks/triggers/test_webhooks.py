from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from midwatch.arrival_spec import Secret
from midwatch.errors import HouseError
from midwatch.ledger import ArrivalRow
from tasks.triggers.webhooks import Reply, Webhooks
from tests.tasks.triggers.outside import HOOKED, SECRET, Outside, issue, signed


@dataclass
class Heard:
    """What the receiver told others."""

    bells: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)


def webhooks(world: Outside, heard: Heard, secret: str = SECRET) -> Webhooks:
    async def secret_of(where: Secret) -> str:
        assert where.env == "HOOK_SECRET"
        if not secret:
            raise HouseError("set HOOK_SECRET")
        return secret

    return Webhooks(
        agents=world.agents,
        ledger=world.ledger,
        secret_of=secret_of,
        accepted=lambda: heard.bells.append("rung"),
        say=heard.lines.append,
        now=lambda: world.now,
    )


async def post(
    world: Outside, body: bytes, headers: Mapping[str, str], heard: Heard | None = None, secret: str = SECRET
) -> Reply:
    door = webhooks(world, heard or Heard(), secret)
    hook = door.hook("night", "issues")
    return hook if isinstance(hook, Reply) else await door.delivered(hook, headers, body)


async def only_row(world: Outside) -> ArrivalRow:
    (row,) = await world.ledger.arrivals()
    return row


async def test_a_genuine_delivery_is_in_the_ledger_before_it_is_accepted(world: Outside) -> None:
    world.agent("night")
    heard = Heard()
    reply = await post(world, issue(), signed(issue()), heard)
    row = await only_row(world)
    assert (reply.status, json.loads(reply.text)) == (202, {"arrival": row.arrival_id, "again": False})
    assert (row.state, row.input, row.delivery) == ("received", {"title": "It fails"}, "d1")
    assert heard.bells == ["rung"]


async def test_a_replay_is_accepted_and_starts_nothing_more(world: Outside) -> None:
    world.agent("night")
    heard = Heard()
    replies = [await post(world, issue(), signed(issue()), heard) for _ in range(3)]
    assert [reply.status for reply in replies] == [202, 202, 202]
    assert (await only_row(world)).state == "received"
    assert heard.bells == ["rung"]


@pytest.mark.parametrize(
    "headers",
    [{}, signed(issue("other")), signed(issue(), secret="another"), {**signed(issue()), "x-hub-signature-256": "x"}],
)
async def test_a_wrong_signature_is_told_nothing_and_leaves_nothing(world: Outside, headers: dict[str, str]) -> None:
    world.agent("night")
    assert await post(world, issue(), headers) == Reply(status=401, text="not accepted")
    assert await world.ledger.arrivals() == []


@pytest.mark.parametrize(("body", "said"), [(issue(7), "input.title"), (b'{"issue": 1}', "title"), (b"{", "neither")])
async def test_what_does_not_fit_is_refused_and_kept(world: Outside, body: bytes, said: str) -> None:
    world.agent("night")
    reply = await post(world, body, signed(body))
    row, payload = await world.ledger.arrival((await only_row(world)).arrival_id)
    assert (reply.status, row.state, row.input) == (422, "refused", {})
    assert said in reply.text
    assert said in row.why
    assert body.decode() in payload or json.loads(payload)["body"] == json.loads(body)


async def test_what_nobody_wants_is_forgotten(world: Outside) -> None:
    world.agent("night")
    assert (await post(world, issue(), signed(issue(), event="push"))).status == 200
    assert await world.ledger.arrivals() == []


async def test_a_ping_is_answered_only_where_it_is_signed(world: Outside) -> None:
    world.agent("night")
    assert await post(world, b"{}", signed(b"{}", event="ping")) == Reply(status=200, text="pong")
    assert (await post(world, b"{}", {"x-github-event": "ping"})).status == 401


async def test_slack_s_challenge_is_answered(world: Outside) -> None:
    world.agent("night", HOOKED.replace("scheme: github", "scheme: slack"))
    body = b'{"type": "url_verification", "challenge": "3eZbrw1a"}'
    seconds = str(int(world.now.timestamp()))
    right = hmac.digest(SECRET.encode(), b"v0:" + seconds.encode() + b":" + body, hashlib.sha256).hex()
    headers = {"x-slack-request-timestamp": seconds, "x-slack-signature": f"v0={right}"}
    assert await post(world, body, headers) == Reply(status=200, text="3eZbrw1a")
    world.forward(minutes=6)
    assert (await post(world, body, headers)).status == 401


async def test_without_its_secret_a_hook_takes_nothing_and_says_so(world: Outside) -> None:
    world.agent("night")
    heard = Heard()
    assert (await post(world, issue(), signed(issue(), secret=""), heard, secret="")).status == 503
    assert "HOOK_SECRET" in heard.lines[0]


async def test_only_hooks_that_there_are_have_an_address(world: Outside) -> None:
    world.agent("night")
    world.agent("plain", "")
    door = webhooks(world, Heard())
    addresses = [("night", "other"), ("plain", "issues"), ("nobody", "issues"), ("../night", "issues")]
    found = [door.hook(agent, name) for agent, name in addresses]
    assert [reply.status for reply in found if isinstance(reply, Reply)] == [404] * 4


async def test_a_broken_file_asks_the_sender_to_come_again(world: Outside) -> None:
    world.agent("night", "tools: [nonsense\n")
    heard = Heard()
    assert (await post(world, issue(), signed(issue()), heard)).status == 503
    assert "night.yaml" in heard.lines[0]
    world.agent("night")
    assert (await post(world, issue(), signed(issue()))).status == 202
