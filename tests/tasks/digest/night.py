"""A night in a ledger: fourteen repeats of one failure, questions that wait, and routine that nobody need read."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from midwatch.judgment import Loop
from midwatch.ledger import Ledger
from midwatch.ledger.asks import Ask
from midwatch.outcome import Outcome

DUSK = datetime(2026, 3, 1, 18, 0, tzinfo=UTC)
DAWN = datetime(2026, 3, 2, 7, 30, tzinfo=UTC)
HOSTILE = "ls <!channel> [a](http://127.0.0.1:9/) ![p](x) <img src=p> **b** `c` | d\u202e"


class Clock:
    """Stands where the night is."""

    def __init__(self, at: datetime = DUSK, later: timedelta = timedelta()) -> None:
        """`later`: how far the night is from the first of March."""
        self.at, self.later = at + later, later

    def __call__(self) -> datetime:
        return self.at

    def to(self, hour: int, minute: int = 0) -> None:
        """The next such moment of the night."""
        day = DUSK if hour >= DUSK.hour else DAWN
        self.at = day.replace(hour=hour, minute=minute) + self.later


class Night:
    """Writes what runs do."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self.ledger, self.clock = ledger, clock
        self.runs = 0

    async def begins(self, agent: str) -> str:
        self.runs += 1
        run_id = f"019ab3c0-0f39-7c55-9e52-2f36{self.runs:08x}"
        facts: dict[str, Any] = {"slot": None, "level": 4, "asked_level": None, "input": {}, "fingerprint": "f"}
        await self.ledger.start_run(run_id, agent=agent, cause="schedule", started_at=self.clock.at, **facts)
        return run_id

    async def thinks(self, run_id: str, *, tokens: int = 1000, usd: str | None = "0.0021") -> None:
        await self.ledger.record_step(
            run_id,
            f"main/model/{self.clock.at:%H%M%S}",
            kind="model",
            name="m",
            detail="",
            tokens_in=tokens,
            tokens_out=0,
            usd=None if usd is None else Decimal(usd),
            seconds=2.0,
        )

    async def ends(
        self, run_id: str, outcome: Outcome, reason: str = "", minutes: int = 2, ending: Loop = "finished"
    ) -> None:
        self.clock.at += timedelta(minutes=minutes)
        await self.ledger.finish_run(run_id, outcome=outcome, reason=reason, ending=ending)

    async def does(self, run_id: str, tool: str, times: int = 1, undo: str = "") -> None:
        for number in range(times):
            call = f"main:{tool}:{number}"
            held = await self.ledger.reserve(
                run_id, call, digest=call, tool=tool, args_json="{}", idempotency_key=f"{run_id}{call}"
            )
            await self.ledger.consume(held.effect_id, "null", undo)

    async def asks(self, run_id: str, tool: str, hours: float | None, **facts: Any) -> str:
        call = f"main:{tool}:{self.clock.at:%H%M%S}"
        arguments = facts.pop("arguments", {"path": "old/backup.tar"})
        asked: dict[str, Any] = {"kind": "approve", "rule": "ask.files", "reason": "it deletes", "words": "", **facts}
        risk = asked.pop("risk", "destroy")
        row = await self.ledger.open_ask(
            Ask(
                ask_id=f"{run_id}:{call}",
                run_id=run_id,
                call_id=call,
                tool=tool,
                args_json=json.dumps(arguments),
                digest="d" * 64,
                created_at=self.clock.at,
                deadline=None if hours is None else self.clock.at + timedelta(hours=hours),
                context_json=json.dumps({"risk": risk}),
                **asked,
            )
        )
        return row.ask_id


@asynccontextmanager
async def empty_night(home: Path, began: datetime = DUSK, later: timedelta = timedelta()) -> AsyncIterator[Night]:
    clock = Clock(began, later)
    async with Ledger.open(f"sqlite+aiosqlite:///{home / 'ledger.db'}", clock=clock) as ledger:
        await ledger.migrate()
        yield Night(ledger, clock)


async def quiet(night: Night) -> None:
    """One report, as every night."""
    night.clock.to(3)
    run = await night.begins("machine-report")
    await night.thinks(run)
    await night.does(run, "write_file", undo="take it back")
    await night.ends(run, "verified", "4 of 4 checks of the contract hold")


async def busy(night: Night, words: str = HOSTILE) -> None:
    """Much of what can happen in a night. `words`: what an agent and a person add to what they say."""
    ledger, clock = night.ledger, night.clock
    for hour in (18, 19, 20, 21, 22, 23, 0, 4, 5, 6, 7):
        clock.to(hour, 5)
        run = await night.begins("inbox-triage")
        await night.thinks(run)
        if hour % 2:
            await night.does(run, "move_message", 3, undo="move it back")
        await night.ends(run, "verified" if hour % 2 else "verified_noop", "rightly so")
    for number in range(14):
        clock.to(1 + number // 5, 10 * (number % 5) + 2)
        run = await night.begins("price-watch")
        await night.ends(run, "failed", f"GET https://shop.example/p/{number}{number}7 answered 502", minutes=1)
    await quiet(night)
    clock.to(2, 20)
    run = await night.begins("machine-report")
    await night.thinks(run, usd=None)
    await night.asks(run, "delete_file", 8)
    clock.to(5, 30)
    run = await night.begins("inbox-triage")
    await night.asks(run, "ask_human", 3, kind="answer", arguments={"question": f"Which folder? {words}"}, risk="read")
    clock.to(5, 40)
    run = await night.begins("supplier-mail")
    denied = await night.asks(run, "send_mail", 3, arguments={"to": "a@b.example"}, risk="egress")
    clock.to(6, 40)
    await ledger.decide_ask(denied, "denied", by="anna", via="cli", reason=f"not him {words}")
    await night.ends(run, "blocked", "`send_mail` was refused by a person")
    clock.to(6, 50)
    run = await night.begins("supplier-mail")
    await night.asks(run, "send_mail", 0.2, arguments={"to": "c@d.example"}, risk="egress")
    clock.to(7, 10)
    await ledger.decide_ask((await ledger.asks_of(run))[0].ask_id, "expired", by="midwatch", via="keeper")
    await night.ends(run, "verified", "3 of 3 checks of the contract hold")
    await ledger.grant_level("inbox-triage", 4, by="anna", because="thirty good nights", until=DAWN + timedelta(days=7))
    await ledger.see_tools("supplier-mail", {("crm", "find"): "{}", ("crm", "note"): "{}"}, first_use=True)
    clock.at = DAWN + clock.later
