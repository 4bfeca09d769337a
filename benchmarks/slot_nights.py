"""Is every slot of ten nights accounted for exactly once, whatever sleeps, dies, overlaps or is deployed anew?

    python -m benchmarks.slot_nights [--nights 10] [--hours 10] [--json]

The schedules are a week's of seven agents (cron, interval, RRULE; Europe/Berlin, America/New_York, UTC; every policy), the
nights those of both changes of the clocks in both zones and two others. The ledger, the keeper's round and the admission of a
run are those that ship; Prefect is a model of its scheduler, and time is a number. Writes benchmarks/results/slot_nights.json;
fails where a slot was lost, worked for twice, or invented.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from benchmarks.slots.night import Night, Score
from benchmarks.slots.prefect_model import PrefectModel
from benchmarks.slots.week import WEEK, Scheduled
from midwatch.ledger import Ledger

MEMORY: Final = Path("/dev/shm")  # noqa: S108  # a folder of its own in it
RESULTS: Final = Path(__file__).parent / "results"
EVENINGS: Final = {
    "Berlin, clocks forward": datetime(2026, 3, 28, 21, 0, tzinfo=UTC),
    "Berlin, clocks back": datetime(2026, 10, 24, 21, 0, tzinfo=UTC),
    "New York, clocks forward": datetime(2026, 3, 8, 3, 0, tzinfo=UTC),
    "New York, clocks back": datetime(2026, 11, 1, 2, 0, tzinfo=UTC),
    "an ordinary night": datetime(2026, 6, 10, 20, 0, tzinfo=UTC),
}


async def one_night(
    began: datetime, seed: int, folder: Path, *, hours: float = 10, agents: tuple[Scheduled, ...] = WEEK
) -> tuple[Score, bool]:
    """A night's score, and whether the journal of its ledger holds."""
    chance = random.Random(seed)
    model = PrefectModel(seed=chance, now=began)
    async with Ledger.open(f"sqlite+aiosqlite:///{folder / 'ledger.db'}", clock=lambda: model.now) as ledger:
        await ledger.migrate()
        end = began + timedelta(hours=hours)
        night = Night(seed=chance, model=model, ledger=ledger, home=folder, agents=agents, end=end)
        return await night.live(), (await ledger.verify_chain()).ok


def main() -> int:
    """Live through the nights; the exit code says whether all of them hold."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--nights", type=int, default=10)
    parser.add_argument("--hours", type=float, default=10)
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    began, scores = time.monotonic(), []
    for number in range(wanted.nights):
        name, evening = list(EVENINGS.items())[number % len(EVENINGS)]
        with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
            score, holds = asyncio.run(one_night(evening, number + 1, Path(folder), hours=wanted.hours))
        scores.append({"night": name, "seed": number + 1, **asdict(score), "journal_holds": holds})
        print(scores[-1], file=sys.stderr, flush=True)
    counted = ("expected", "accounted", "double", "lost", "strange", "refused_runs")
    total = {name: sum(score[name] for score in scores) for name in counted}
    result = {"total": total, "nights": scores, "seconds": round(time.monotonic() - began, 1)}
    written = json.dumps(result, indent=2)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "slot_nights.json").write_text(written + "\n")
    if wanted.json:
        print(written)
    else:
        _print(scores, total)
    return 1 if total["double"] or total["lost"] or total["strange"] else 0


def _print(scores: list[dict[str, object]], total: dict[str, int]) -> None:
    table = Table("night", "seed", *total)
    for score in scores:
        table.add_row(str(score["night"]), str(score["seed"]), *(str(score[name]) for name in total))
    table.add_row("all", "", *map(str, total.values()))
    Console(highlight=False).print(table)


if __name__ == "__main__":
    sys.exit(main())
