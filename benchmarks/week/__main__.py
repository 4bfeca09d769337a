"""Both shipped agents, left alone for a week in which things go wrong: what was done, what was blocked, who was woken?

    python -m benchmarks.week [--seed 1] [--days 7] [--json] [--output FILE]

The agents, the flow, the gate, the tools, the contracts, the ledger, the keeper's and the notifier's rounds and Prefect are the
real ones; the model is scripted, behind HTTP, and the clock of the week is put forward between its events. Faults are drawn
from the seed. Outcomes are held against the world by code of its own. Writes benchmarks/results/week.json; exit code 1 where
a run was green although something was wrong, or something was left behind.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console

from benchmarks.told import tell

if TYPE_CHECKING:
    from benchmarks.week.score import Result
    from benchmarks.week.thinker import Thinker

RESULTS: Final = Path(__file__).parents[1] / "results" / "week.json"
MONDAY: Final = datetime(2026, 3, 23, tzinfo=UTC)
"""Berlin's clocks go forward in the night to Sunday."""


def say(line: str) -> None:
    """Progress."""
    print(line, file=sys.stderr, flush=True)


async def slots_of_agents(began: datetime, days: int) -> dict[str, list[datetime]]:
    """Every slot of the week, by the schedules of prefect.yaml."""
    from benchmarks.slots.week import slots_of
    from benchmarks.week.house import declared

    found: dict[str, list[datetime]] = {}
    for one in declared():
        specs = [{name: value for name, value in spec.items() if name != "active"} for spec in one["schedules"]]
        instants = [await slots_of(spec, began, began + timedelta(days=days)) for spec in specs]
        found[one["name"]] = sorted(set().union(*instants))
    return found


async def alone(seed: int, days: int, folder: Path, thinker: Thinker, environment: Mapping[str, str]) -> Result:
    """The week."""
    from prefect.client.orchestration import get_client

    from benchmarks.week.clock import Clock
    from benchmarks.week.course import Course
    from benchmarks.week.faults import drawn
    from benchmarks.week.house import AGENTS, deployed
    from benchmarks.week.judge import World
    from benchmarks.week.mail import messages
    from benchmarks.week.person import Answers
    from benchmarks.week.score import scored
    from midwatch.ledger import Ledger

    started, slots = time.monotonic(), await slots_of_agents(MONDAY, days)
    clock = Clock.at_first(MONDAY - timedelta(hours=1))
    url = f"sqlite+aiosqlite:///{environment['MIDWATCH_HOME']}/ledger.db"
    async with Ledger.open(url, clock=clock.now) as ledger, get_client() as client:
        await ledger.migrate()
        for agent in AGENTS:
            until = MONDAY + timedelta(days=days + 2)
            await ledger.grant_level(agent, 4, by="anna", because="a week of trial", until=until)
        await deployed(client)
        course = Course(
            plan=drawn(seed, MONDAY, days, slots, list(messages())),
            began=MONDAY,
            days=days,
            clock=clock,
            client=client,
            ledger=ledger,
            world=World(project=folder, temporary=folder / "tmp"),
            thinker=thinker,
            environment=environment,
            say=say,
        )
        thinker.is_down = lambda: course.plan.trouble(clock.now()) == "provider_down"
        answers = Answers(ledger=ledger, project=folder, seed=seed)
        await course.go(answers)
        return await scored(course, answers, slots, seed=seed, seconds=round(time.monotonic() - started, 1))


def main(argv: Sequence[str] | None = None) -> int:
    """Live through the week, print, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.week", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--output", type=Path, default=RESULTS)
    wanted = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="midwatch-week-") as temporary:
        folder = Path(temporary).resolve()
        from benchmarks.week.house import QUIET, housed

        os.environ.update(PREFECT_HOME=f"{folder}/prefect", **QUIET)  # Prefect reads them when it is imported
        from benchmarks.week.thinker import Thinker
        from tests.flows.scripted_model import scripted_model

        thinker = Thinker()
        with scripted_model(thinker) as url, housed(folder, url) as environment:
            result = asyncio.run(alone(wanted.seed, wanted.days, folder, thinker, environment))
    tell(asdict(result), partial(_print, result), output=wanted.output, as_json=wanted.json)
    return 0 if held(result) else 1


def held(result: Result) -> bool:
    """Whether the week kept its promises."""
    false_greens = sum(one.false_greens for one in result.agents)
    return result.journal_holds and not (false_greens or result.mail_lost or result.unaccounted or result.duties_failed)


def _print(result: Result, console: Console) -> None:
    from benchmarks.week.score import tables

    for table in tables(result):
        console.print(table)
    for at_night, lines in (("woken", result.in_the_night), ("by day", result.by_day)):
        for line in lines:
            console.print(f"  {at_night}: {line}", markup=False, soft_wrap=True)
    console.print(f"{result.seconds:.0f} s, seed {result.seed}; held: {held(result)}")


if __name__ == "__main__":
    sys.exit(main())
