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
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from datetime import time as clock_time
from functools import partial
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.table import Table

from benchmarks.attention.night import Kind, Night
from benchmarks.told import tell
from midwatch.attention import Person, QuietHours, Situation
from midwatch.ledger import Ledger
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

NIGHT: Final[dict[Kind, int]] = {
    "failure": 14,
    "emergency": 3,
    "ends well": 120,
    "parked a while": 20,
    "expires": 10,
    "waits for the morning": 33,
}


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
    tell(asdict(result), partial(_print, result), output=wanted.output, as_json=wanted.json)
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
