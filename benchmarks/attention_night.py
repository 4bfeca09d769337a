"""How often is somebody woken in a night of 200 situations, of which 3 matter? Scripted, through what ships.

    python -m benchmarks.attention_night [--seed 5] [--json]

14 repeats of one failure, 3 effects whose end nobody saw (a payment, a deletion, a key), and 183 that can wait: runs that end
well, runs that are parked and go on by themselves, questions that expire, questions that wait for the morning. Every situation
is written into a real ledger by the calls that a run makes; after each the notifier has its round; notices leave through
Prefect's own webhook block to a server on 127.0.0.1. Only the clock is moved. In the morning the person answers, and the night
is scored. Writes benchmarks/results/attention_night.json.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from datetime import time as clock_time
from pathlib import Path
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from prefect.blocks.notifications import CustomWebhookNotificationBlock
from rich.console import Console
from rich.table import Table

from midwatch.attention import Person, QuietHours, Situation
from midwatch.ledger import Ask, Ledger
from midwatch.precision import precision
from tasks.notices.round import Notifier, Told

RESULTS: Final = Path(__file__).parent / "results"
EVENING: Final = datetime(2026, 3, 28, 21, 0, tzinfo=UTC)
"""22:00 in Berlin; an hour of this night is left out."""
MORNING: Final = datetime(2026, 3, 29, 5, 0, tzinfo=UTC)
"""07:00 there."""
ANNA: Final = Person(
    name="anna",
    zone=ZoneInfo("Europe/Berlin"),
    quiet=QuietHours(start=clock_time(22), until=clock_time(7)),
    a_day=6,
    wake_from="emergency",
)

Kind = Literal["failure", "emergency", "ends well", "parked a while", "expires", "waits for the morning"]
NIGHT: Final[dict[Kind, int]] = {
    "failure": 14,
    "emergency": 3,
    "ends well": 120,
    "parked a while": 20,
    "expires": 10,
    "waits for the morning": 33,
}
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    situations: dict[Kind, int]
    would_have_been: int
    """Notices if every question and every run that did not end well had been one."""
    in_the_night: list[str]
    """Local time and the line, of each interruption between 22:00 and 07:00."""
    in_the_morning: list[str]
    counted: dict[str, int]
    """By incident that was told: what it stood for."""
    held_for_the_digest: dict[str, int]
    """By reason, what nobody was interrupted for: situations."""
    precision: list[dict[str, Any]]
    woken_for_nothing: int
    emergencies_slept_through: int
    journal_holds: bool
    seconds: float


async def nightly(seed: int, home: Path) -> Result:
    """One night."""
    began, chance, now = time.perf_counter(), random.Random(seed), [EVENING]
    async with Ledger.open(f"sqlite+aiosqlite:///{home / 'ledger.db'}", clock=lambda: now[0]) as ledger:
        await ledger.migrate()
        night = Night(ledger=ledger, now=now)
        server = await asyncio.start_server(night.answer, "127.0.0.1", 0)
        night.port = server.sockets[0].getsockname()[1]
        async with server:
            look = _rounds(night)
            await look()
            for at, kind, number in _script(chance):
                now[0] = at
                await night.keeper()
                await night.happens(kind, number)
                await look()
            await _morning(night, chance, look)
        return await _result(night, time.perf_counter() - began)


def _rounds(night: Night) -> Callable[[], Awaitable[None]]:
    async def link_to(situation: Situation, _person: str) -> str:
        return f"midwatch show {situation.subjects[0].run_id}"

    notifier = Notifier(ledger=night.ledger, link_to=link_to, send=night.send, clock=lambda: night.now[0])

    async def look() -> None:
        await notifier.one_round([Told(person=ANNA, channels=("webhook",))])

    return look


def _script(chance: random.Random) -> Sequence[tuple[datetime, Kind, int]]:
    """When each of them happens; what expires does so before the morning."""
    spans = {"failure": 8.0, "expires": 6.0}
    events = [
        (EVENING + timedelta(hours=chance.uniform(0.05, spans.get(kind, 7.8))), kind, number)
        for kind, count in NIGHT.items()
        for number in range(count)
    ]
    return sorted(events)


async def _morning(night: Night, chance: random.Random, look: Callable[[], Awaitable[None]]) -> None:
    for minutes in (0, 5, 30):
        night.now[0] = MORNING + timedelta(minutes=minutes)
        await night.keeper()
        await look()
    await night.person(chance)
    await look()


async def _result(night: Night, seconds: float) -> Result:
    notices = await night.ledger.notices_since(EVENING)
    told = [one for one in notices if one.sent_at is not None]
    held: Counter[str] = Counter()
    for one in notices:
        if one.sent_at is None:
            held[one.why] += one.times
    woken = [one for one in told if one.sent_at and one.sent_at < MORNING]
    real = {one.notice_id for one in notices if one.severity == "emergency"}
    questions = sum(NIGHT[kind] for kind in ("emergency", "parked a while", "expires", "waits for the morning"))
    return Result(
        situations=dict(NIGHT),
        would_have_been=questions + NIGHT["failure"] + NIGHT["expires"],
        in_the_night=[_line(at, title) for at, title in night.sent if at < MORNING],
        in_the_morning=[_line(at, title) for at, title in night.sent if at >= MORNING],
        counted={one.key: one.times for one in told},
        held_for_the_digest=dict(held),
        precision=[{**asdict(one), "share": one.share} for one in precision(notices)],
        woken_for_nothing=sum(one.notice_id not in real for one in woken),
        emergencies_slept_through=len(real - {one.notice_id for one in woken}),
        journal_holds=(await night.ledger.verify_chain()).ok,
        seconds=round(seconds, 2),
    )


def _line(at: datetime, title: str) -> str:
    return f"{at.astimezone(ANNA.zone):%H:%M} {title}"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the night, print, write. Exit code 1 where somebody was woken for nothing, or not for an emergency."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--output", type=Path, default=RESULTS / "attention_night.json")
    wanted = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as home:
        result = asyncio.run(nightly(wanted.seed, Path(home)))
    written = json.dumps(asdict(result), indent=1)
    wanted.output.parent.mkdir(exist_ok=True)
    wanted.output.write_text(written + "\n")
    if wanted.json:
        print(written)
    else:
        _print(result, Console(highlight=False))
    return 1 if result.woken_for_nothing or result.emergencies_slept_through or not result.journal_holds else 0


def _print(result: Result, console: Console) -> None:
    table = Table("", "situations", "interruptions")
    table.add_row(
        "all", str(sum(result.situations.values())), str(len(result.in_the_night) + len(result.in_the_morning))
    )
    table.add_row("in the night, and the person was woken", "", str(len(result.in_the_night)))
    table.add_row("  for nothing", "", str(result.woken_for_nothing))
    table.add_row("  emergencies slept through", "", str(result.emergencies_slept_through))
    table.add_row("from 07:00 on", "", str(len(result.in_the_morning)))
    table.add_row("if each had been told", "", str(result.would_have_been))
    console.print(table)
    for line in (*result.in_the_night, *result.in_the_morning):
        console.print(f"  {line}", markup=False, soft_wrap=True)
    rules = Table("agent", "rule", "interruptions", "asks", "changed", "unchanged", "unanswered", "95 %")
    for one in result.precision:
        cells = [one[name] for name in ("agent", "rule", "interruptions", "asks", "changed", "unchanged", "unanswered")]
        rules.add_row(*map(str, cells), f"{one['lower']:.0%} to {one['upper']:.0%}")
    console.print(rules)
    for why, count in result.held_for_the_digest.items():
        console.print(f"  for the digest alone: {count} ({why})", markup=False)


if __name__ == "__main__":
    sys.exit(main())
