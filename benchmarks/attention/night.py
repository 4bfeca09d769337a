"""Attention: what happens in the night, and what does the house do? By the calls that a run makes; only the clock is moved."""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from prefect.blocks.notifications import CustomWebhookNotificationBlock

from midwatch.ledger import Ask, Ledger

Kind = Literal["failure", "emergency", "ends well", "parked a while", "expires", "waits for the morning"]
DOUBTS: Final = (("books", "pay", "money"), ("tidy", "delete_bucket", "destroy"), ("keys", "rotate_key", "credential"))
ASKERS: Final = (("mail", "send_mail", "egress"), ("files", "write_file", "write"), ("shop", "order", "money"))


@dataclass
class Night:
    """The ledger, the clock, and the webhook that gets what is sent."""

    ledger: Ledger
    now: list[datetime]
    port: int = 0
    sent: list[tuple[datetime, str]] = field(default_factory=list)
    runs: int = 0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request of the webhook."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length:")[2].split("\r\n")[0])
        self.sent.append((self.now[0], json.loads(await reader.readexactly(length))["title"]))
        writer.write(b"HTTP/1.1 204 taken\r\nconnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    async def send(self, _channel: str, subject: str, body: str) -> None:
        """Through Prefect's block, as it would be loaded."""
        url = f"http://127.0.0.1:{self.port}/"
        block = CustomWebhookNotificationBlock(
            name="night", url=url, json_data={"title": "{{subject}}", "text": "{{body}}"}
        )
        await block.anotify(body, subject)

    async def run(self, agent: str) -> str:
        self.runs += 1
        run_id = f"night-{self.runs:03}"
        facts: dict[str, Any] = {"slot": None, "level": 4, "asked_level": None, "input": {}, "fingerprint": "f"}
        await self.ledger.start_run(run_id, agent=agent, cause="schedule", started_at=self.now[0], **facts)
        return run_id

    async def ask(self, run_id: str, tool: str, risk: str, hours: float, **facts: Any) -> str:
        asked: dict[str, Any] = {"kind": "approve", "rule": f"ask.{tool}", "args_json": "{}", **facts}
        ask = Ask(
            ask_id=f"{run_id}:1",
            run_id=run_id,
            call_id="main/1",
            tool=tool,
            digest="d",
            reason="",
            words="",
            created_at=self.now[0],
            deadline=self.now[0] + timedelta(hours=hours),
            context_json=json.dumps({"risk": risk}),
            **asked,
        )
        return (await self.ledger.open_ask(ask)).ask_id

    async def happens(self, kind: Kind, number: int) -> None:
        """One situation, by the calls that a run makes."""
        ledger = self.ledger
        match kind:
            case "failure":
                await ledger.finish_run(await self.run("backup"), outcome="failed", reason="the disk is full")
            case "ends well":
                await ledger.finish_run(await self.run(f"watch-{number % 6}"), outcome="verified", reason="")
            case "emergency":
                agent, tool, risk = DOUBTS[number % len(DOUBTS)]
                await self._doubt(await self.run(agent), tool, risk)
            case "parked a while":
                again = json.dumps({"tries_again_at": (self.now[0] + timedelta(minutes=5)).isoformat()})
                facts = {"kind": "park", "rule": "park", "args_json": again}
                await self.ask(await self.run(f"watch-{number % 6}"), "model", "", 12, **facts)
            case "expires":
                await self.ask(await self.run("mail"), "send_mail", "egress", 1)
            case "waits for the morning":
                agent, tool, risk = ASKERS[number % len(ASKERS)]
                await self.ask(await self.run(agent), tool, risk, 14)

    async def _doubt(self, run_id: str, tool: str, risk: str) -> None:
        """A yes from the evening before, and a worker that dies in the middle of it."""
        ask_id = await self.ask(run_id, tool, risk, 12)
        await self.ledger.decide_ask(ask_id, "approved", by="anna", via="cli", digest_seen="d")
        effect = await self.ledger.reserve(
            run_id, "main/1", digest="d", tool=tool, args_json="{}", idempotency_key=run_id, ask_id=ask_id
        )
        await self.ledger.mark_unknown(effect.effect_id, "the worker died")
        await self.ledger.finish_run(run_id, outcome="unknown", reason="")

    async def keeper(self) -> None:
        """What the house does by itself: deadlines end questions, and a blocked run; who was parked goes on."""
        for row in await self.ledger.open_asks():
            if row.deadline is not None and row.deadline <= self.now[0]:
                await self.ledger.decide_ask(row.ask_id, "expired", by="nobody", via="keeper")
                await self.ledger.finish_run(row.run_id, outcome="blocked", reason="nobody answered")
            elif row.kind == "park" and row.created_at + timedelta(minutes=5) <= self.now[0]:
                await self.ledger.decide_ask(row.ask_id, "approved", by="nobody", via="keeper", digest_seen="d")
                await self.ledger.finish_run(row.run_id, outcome="verified", reason="")

    async def person(self, chance: random.Random) -> None:
        """In the morning: what was asked is answered, most of it unchanged; the disk is cleared, and the backup run."""
        for row in await self.ledger.open_asks():
            if row.kind == "settle":
                await self.ledger.settle_effect(row.ask_id, "happened", by="anna", via="cli", reason="looked")
                continue
            verdict: Literal["approved", "denied"] = "denied" if chance.random() < 0.1 else "approved"
            await self.ledger.decide_ask(row.ask_id, verdict, by="anna", via="cli", digest_seen=row.digest)
        facts: dict[str, Any] = {"slot": None, "level": 4, "asked_level": None, "input": {}, "fingerprint": "f"}
        await self.ledger.start_run("by-hand", agent="backup", cause="person", started_at=self.now[0], **facts)
        await self.ledger.finish_run("by-hand", outcome="verified", reason="")
