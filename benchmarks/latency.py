"""How long from a trigger to the first model request, and from an approval to the approved effect? Cold and warm.

    python -m benchmarks.latency [--runs 20]

Real runs, one after the other, in a house of their own, with a scripted model on loopback. "cold" starts a fresh Python for
the run, "warm" forks it from the house's warm process (`cli/warm.py`); they take turns. The clock starts when the run is
asked for (before the call that creates it), or when the answer is given (before it is written), and stops when the model
server sees the request, or when the approved file is there. "to worker" is the part that Prefect's polling takes. Writes
benchmarks/results/latency.json, a list of {what, how, n, median_s, p95_s}.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal
from uuid import UUID

from rich.console import Console
from rich.table import Table

from benchmarks.own_house import own_house
from benchmarks.percentile import p95
from cli.start_run import SOCKET

if TYPE_CHECKING:
    from tests.flows.conftest import Night

RESULTS: Final = Path(__file__).parent / "results" / "latency.json"
AGENT: Final = "latency"
WRITER: Final = """
tools: [{write_file: {root: work}}]
rules: {ask: [write_file]}
contract: {done_when: [{file: {path: work/seen.txt, contains: [seen]}}]}
"""
PATIENCE: Final = 120

What = Literal["trigger to first model request", "trigger to worker", "approval to effect", "approval to worker"]
How = Literal["cold", "warm"]


@dataclass(frozen=True, kw_only=True)
class Figure:
    what: What
    how: How
    n: int
    median_s: float
    p95_s: float


@contextmanager
def started(how: How, home: Path) -> Iterator[None]:
    """Nobody finds the warm process while runs are to start cold."""
    if how == "cold":
        (home / SOCKET).rename(home / "away.sock")
    yield
    if how == "cold":
        (home / "away.sock").rename(home / SOCKET)


async def one_run(night: Night) -> dict[What, float]:
    """Seconds."""
    effect = night.project / "work" / "seen.txt"
    effect.unlink(missing_ok=True)
    asked_before = night.script.count(AGENT)
    await _out_of_step()
    began = time.monotonic()
    run_id = await night.start(AGENT)
    trigger = await _seconds_until(lambda: night.script.count(AGENT) > asked_before, began)
    (row,) = await night.waiting(run_id)
    await _out_of_step()
    began = time.monotonic()
    await _approved(night, row.ask_id, run_id)
    approval = await _seconds_until(effect.exists, began)
    await night.ended(run_id)
    first, second = await _polls(run_id)
    return {
        "trigger to first model request": trigger,
        "trigger to worker": first,
        "approval to effect": approval,
        "approval to worker": second,
    }


async def _out_of_step() -> None:
    """A moment of no fixed length: nothing is to keep time with the worker's polling."""
    await asyncio.sleep(random.uniform(0, 2))


async def _seconds_until(condition: Callable[[], bool], began: float) -> float:
    while not condition():
        assert time.monotonic() - began < PATIENCE, "it never came"
        await asyncio.sleep(0.005)
    return time.monotonic() - began


async def _approved(night: Night, ask_id: str, run_id: UUID) -> None:
    """As `midwatch approve` does it, without the start of a command."""
    from prefect.client.orchestration import get_client

    from tasks.permissions.answers import decide, resume_if_decided
    from tasks.permissions.form import Answer

    row = await night.ledger.ask(ask_id)
    await decide(night.ledger, row, Answer(ask_id=ask_id, verdict="approved"), by="benchmark", via="cli")
    async with get_client() as client:
        await resume_if_decided(client, night.ledger, str(run_id))


async def _polls(run_id: UUID) -> list[float]:
    """For each time that the run was scheduled, the seconds until the worker had taken it."""
    from prefect.client.orchestration import get_client

    async with get_client() as client:
        states = await client.read_flow_run_states(run_id)
    return [
        (taken.timestamp - scheduled.timestamp).total_seconds()
        for scheduled, taken in itertools.pairwise(states)
        if scheduled.is_scheduled() and taken.name == "Pending"
    ]


async def measure(night: Night, runs: int, console: Console) -> list[Figure]:
    await _seconds_until((night.house.home / SOCKET).exists, time.monotonic())
    seen: dict[tuple[What, How], list[float]] = {}
    for number in range(1, runs + 1):
        for how in ("cold", "warm"):
            with started(how, night.house.home):
                took = await one_run(night)
            console.print(f"{number}/{runs} {how}: " + ", ".join(f"{what} {s:.2f} s" for what, s in took.items()))
            for what, seconds in took.items():
                seen.setdefault((what, how), []).append(seconds)
    return [figure(what, how, seconds) for (what, how), seconds in sorted(seen.items())]


def figure(what: What, how: How, seconds: Sequence[float]) -> Figure:
    median = statistics.median(seconds)
    return Figure(what=what, how=how, n=len(seconds), median_s=round(median, 2), p95_s=round(p95(seconds), 2))


def shown(figures: Sequence[Figure]) -> Table:
    table = Table("what", "how", "runs", "median s", "p95 s")
    for each in figures:
        table.add_row(each.what, each.how, str(each.n), f"{each.median_s:.2f}", f"{each.p95_s:.2f}")
    return table


async def figures_of(home: Path, night: Callable[..., Night], runs: int, console: Console) -> list[Figure]:
    from midwatch.ledger import Ledger
    from tests.flows.scripted_model import call

    async with Ledger.open(f"sqlite+aiosqlite:///{home / 'ledger.db'}") as ledger:
        await ledger.migrate()
        here = night(_ledger=(ledger,))
        here.agent(AGENT, WRITER, call("write_file", path="seen.txt", content="seen"), "done")
        return await measure(here, runs, console)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.latency")
    parser.add_argument("--runs", type=int, default=20)
    runs, console = parser.parse_args().runs, Console(soft_wrap=True)
    with own_house() as (house, script):
        from functools import partial

        from tests.flows.conftest import Night

        night = partial(Night, house=house, script=script)
        figures = asyncio.run(figures_of(house.home, night, runs, console))
    console.print(shown(figures))
    RESULTS.write_text(json.dumps([asdict(each) for each in figures], indent=2) + "\n")


if __name__ == "__main__":
    main()
