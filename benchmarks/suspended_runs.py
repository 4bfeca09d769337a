"""What do a thousand runs that wait for a person cost a house at rest, and does every one of them go on, once?

    python -m benchmarks.suspended_runs [--runs 1000] [--rest 60] [--output FILE]

A real house in a home of its own: server, worker, keeper, warm process, real runs; only the model is scripted. Each run asks
for its one call and suspends. When all are, the house is looked at in peace, and so it was before the first run and is after
the last. The answer is always yes. The oldest quarter is only decided in the ledger, as by somebody whose process died right
afterwards: the keeper has to find those. The others are decided and resumed, eight at a time, as `midwatch approve` does.
Writes benchmarks/results/suspended_runs.json; exit code 1 when a run is lost, or an effect happened otherwise than once.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from rich.console import Console
from rich.table import Table

from benchmarks.own_house import own_house

T = TypeVar("T")

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient

    from benchmarks.suspended.cost import HouseCost
    from benchmarks.suspended.numbers import Tally
    from midwatch.ledger import AskRow, Ledger
    from tests.flows.conftest import Night

RESULTS: Final = Path(__file__).parent / "results" / "suspended_runs.json"
BY_COMMAND: Final = 3
"""Approvals by the real command, to see what one takes."""
AT_ONCE: Final = 8
"""Approvals."""
AHEAD: Final = 16
"""Runs that are to start, or are on their way."""
STANDSTILL: Final = 1800.0
"""Seconds without any progress after which it is given up."""
SAY_EVERY: Final = 30.0


@dataclass(kw_only=True)
class Course:
    """One whole trial: its figures, as they come."""

    night: Night
    ledger: Ledger
    client: PrefectClient
    runs: int
    rest_seconds: float
    console: Console
    seconds: dict[str, float] = field(default_factory=dict)
    costs: list[HouseCost] = field(default_factory=list)

    async def run(self) -> Tally:
        """From the empty house to the last run."""
        from benchmarks.suspended.numbers import tallied

        await self._look("empty")
        await self._suspend_all()
        await self._look("all suspended")
        await self._approve_all()
        await self._look("all ended")
        return await tallied(self.client, self.ledger, self.night.project, range(self.runs))

    async def _look(self, when: str) -> None:
        from benchmarks.suspended.cost import cost

        self.console.print(f"{when}: looking on for {self.rest_seconds:.0f} s")
        self.costs.append(await cost(self.night.house, when, self.rest_seconds))
        self.console.print(costs_shown(self.costs[-1:]))

    async def _suspend_all(self) -> None:
        """One after the other is asked for, a few ahead of those that start: nobody has a thousand at once in the queue."""
        from prefect.client.schemas.objects import StateType

        from benchmarks.suspended.numbers import MOVING, in_state
        from benchmarks.suspended.world import AGENT

        deployment = await self.client.read_deployment_by_name("agent-run/scripted")
        numbers = iter(range(self.runs))

        async def at_rest() -> int:
            room = max(0, AHEAD - await in_state(self.client, *MOVING))
            for number in islice(numbers, room):
                parameters = {"agent": AGENT, "input": {"number": number}}
                await self.client.create_flow_run_from_deployment(
                    deployment.id, parameters=parameters, idempotency_key=str(number)
                )
            return await in_state(self.client, *(kind for kind in StateType if kind not in MOVING))

        began = time.monotonic()
        await self._until("suspended", self.runs, at_rest)
        self.seconds["until all suspended"] = time.monotonic() - began

    async def _approve_all(self) -> None:
        from benchmarks.suspended.numbers import ended

        waiting = await self.ledger.open_asks()
        left, ours = waiting[: self.runs // 4], waiting[self.runs // 4 :]
        began = time.monotonic()
        await self._leave_to_the_keeper(left)
        by_command, by_call = ours[:BY_COMMAND], ours[BY_COMMAND:]
        for row in by_command:
            await asyncio.to_thread(self._approve_by_command, row.run_id)
        calling = time.monotonic()
        await side_by_side(partial(self._approve, resume=True), by_call)
        self.seconds["approvals, decided and resumed"] = time.monotonic() - calling
        self.seconds["approvals a second"] = len(by_call) / max(time.monotonic() - calling, 1e-9)
        await self._until("ended", self.runs, lambda: ended(self.ledger))
        self.seconds["first approval to last end"] = time.monotonic() - began
        self.seconds["runs a minute, resumed to the end"] = self.runs * 60 / (time.monotonic() - began)
        await self._until("completed in Prefect", self.runs, self._completed)

    async def _leave_to_the_keeper(self, rows: Sequence[AskRow]) -> None:
        """Nobody but the keeper resumes these; what comes after them waits until it has."""
        from prefect.client.schemas.objects import StateType

        from benchmarks.suspended.numbers import in_state

        await side_by_side(partial(self._approve, resume=False), rows)
        began = time.monotonic()

        async def found() -> int:
            return self.runs - await in_state(self.client, StateType.PAUSED)

        await self._until("found by the keeper", len(rows), found)
        self.seconds["keeper: all that were left to it resumed"] = time.monotonic() - began

    async def _approve(self, client: PrefectClient, row: AskRow, *, resume: bool) -> None:
        from tasks.permissions.answers import decide, resume_if_decided
        from tasks.permissions.form import Answer

        await decide(self.ledger, row, Answer(ask_id=row.ask_id, verdict="approved"), by="benchmark", via="cli")
        if resume:
            await resume_if_decided(client, self.ledger, row.run_id)

    def _approve_by_command(self, run_id: str) -> None:
        from benchmarks.suspended.cost import command_seconds

        took = command_seconds("approve", run_id, "1")
        self.seconds["one approval by command, the longest"] = max(
            took, self.seconds.get("one approval by command, the longest", 0.0)
        )

    async def _completed(self) -> int:
        from prefect.client.schemas.objects import StateType

        from benchmarks.suspended.numbers import in_state

        return await in_state(self.client, StateType.COMPLETED)

    async def _until(self, what: str, wanted: int, count: Callable[[], Awaitable[int]]) -> None:
        """Raises TimeoutError after `STANDSTILL` without progress."""
        began = moved = said = time.monotonic()
        last = -1
        while (now := await count()) < wanted:
            if now != last:
                last, moved = now, time.monotonic()
            if time.monotonic() - moved > STANDSTILL:
                raise TimeoutError(f"{now} of {wanted} {what}, and no more for {STANDSTILL:.0f} s")
            if time.monotonic() - said > SAY_EVERY:
                said = time.monotonic()
                self.console.print(f"{now} of {wanted} {what} after {said - began:.0f} s")
            await asyncio.sleep(1)
        self.console.print(f"{wanted} {what} after {time.monotonic() - began:.0f} s")


async def side_by_side(do: Callable[[PrefectClient, T], Awaitable[None]], items: Sequence[T]) -> None:
    """All of it, `AT_ONCE` beside each other: nobody waits while a request is being repeated.

    Each with a client of its own: the tasks of one take each other's CSRF token away (Prefect 3.8.8).
    """
    from prefect.client.orchestration import get_client

    left = iter(items)

    async def one_by_one() -> None:
        async with get_client() as client:
            for item in left:
                await do(client, item)

    await asyncio.gather(*(one_by_one() for _ in range(AT_ONCE)))


def costs_shown(costs: Sequence[HouseCost]) -> Table:
    table = Table("house at rest", "process", "MB resident", "CPU s a minute", "on disk, MB", "commands, s")
    for cost in costs:
        disk = f"ledger {cost.ledger_mb}\nPrefect {cost.prefect_mb}\nresults {cost.results_mb}"
        commands = "\n".join(f"{words} {seconds:.2f}" for words, seconds in cost.commands_s.items())
        table.add_row(
            cost.when,
            "\n".join(each.name for each in cost.processes),
            "\n".join(f"{each.rss_mb:.0f}" for each in cost.processes),
            "\n".join(f"{each.cpu_s_per_minute:.2f}" for each in cost.processes),
            disk,
            commands,
        )
    return table


def facts(course: Course, tally: Tally) -> dict[str, Any]:
    """What is written down."""
    return {
        "runs": course.runs,
        "rest_seconds": course.rest_seconds,
        "house": [asdict(cost) for cost in course.costs],
        "course": {what: round(seconds, 2) for what, seconds in course.seconds.items()},
        "tally": asdict(tally),
    }


async def measured(night: Callable[..., Night], home: Path, wanted: argparse.Namespace, console: Console) -> int:
    """The exit code."""
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

    from benchmarks.suspended.world import AGENT, BODY, line
    from midwatch.ledger import Ledger
    from tests.flows.scripted_model import call

    patient = temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 8})
    async with Ledger.open(f"sqlite+aiosqlite:///{home / 'ledger.db'}") as ledger, get_client() as client:
        await ledger.migrate()
        here = night(_ledger=(ledger,))
        here.agent(AGENT, BODY)
        for number in range(wanted.runs):
            here.script.turns[f"{AGENT} Enter number {number}."] = (call("enter", line=line(number)), "done")
        course = Course(
            night=here, ledger=ledger, client=client, runs=wanted.runs, rest_seconds=wanted.rest, console=console
        )
        with patient:
            tally = await course.run()
    console.print(costs_shown(course.costs))
    for what, value in course.seconds.items():
        console.print(f"{what}: {value:.1f}")
    console.print(asdict(tally))
    wanted.output.write_text(json.dumps(facts(course, tally), indent=2) + "\n")
    faults = tally.faults(wanted.runs)
    for fault in faults:
        console.print(f"wrong: {fault}", style="red")
    return 1 if faults else 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.suspended_runs")
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--rest", type=float, default=60.0, help="seconds to look on at a house at rest")
    parser.add_argument("--output", type=Path, default=RESULTS)
    wanted, console = parser.parse_args(), Console(soft_wrap=True)
    with own_house() as (house, script):
        from tests.flows.conftest import Night

        night = partial(Night, house=house, script=script)
        return asyncio.run(measured(night, house.home, wanted, console))


if __name__ == "__main__":
    sys.exit(main())
