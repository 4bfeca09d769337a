"""How long after `midwatch halt` does the last effect happen, with a hundred runs in flight, and Prefect up or down?

    python -m benchmarks.halt_latency [--runs 100] [--processes 4] [--settle 20] [--output FILE]

A real house in a home of its own; the runs are the real flow, gate, recorder and ledger, many of them in each of a few
processes, since a hundred processes of 100 MB do not fit on a small machine. Only the model is scripted: in every turn it
asks for four effects, two of them slow and one of these a plain function in a thread, for ever. Then the real command is
given. The world is read afterwards: each effect has left its moment there. For the second half the whole house, Prefect's
server included, is stopped before the command.
Writes benchmarks/results/halt_latency.json; exit code 1 where a run went on, was green, or an effect happened twice.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console

from benchmarks.own_house import own_house

if TYPE_CHECKING:
    from cli.home import House
    from midwatch.ledger import RunRow

RESULTS: Final = Path(__file__).parent / "results" / "halt_latency.json"
MIDWATCH: Final = Path(sys.executable).with_name("midwatch")
TURNS: Final = 2000
BEATS: Final = (("beat", 0), ("beat", 0), ("beat", 0.3), ("beat_in_a_thread", 0.3))
"""Effects of one turn, each with the seconds until it happens."""
PATIENCE: Final = 1800.0
"""Seconds until all runs beat, or have ended."""
QUIET: Final = 15.0
"""Seconds without a beat after which no more is waited for."""
ENDINGS: Final = 60.0
"""Seconds until all runs have ended, after the last beat. With Prefect down one that was in the middle of a request to it
stays there until Prefect's client gives up; it does nothing more, and ends when it gets an answer."""


@contextmanager
def in_flight(agent: str, runs: int, processes: int, logs: Path) -> Iterator[None]:
    """`runs` runs of `agent`, and nothing of them afterwards."""
    shares = [runs // processes + (number < runs % processes) for number in range(processes)]
    with ExitStack() as stack:
        started = [stack.enter_context(_process(agent, share, logs / f"{agent}-{n}")) for n, share in enumerate(shares)]
        yield
        for process in started:
            process.kill()


@contextmanager
def _process(agent: str, runs: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    argv = [sys.executable, "-m", "benchmarks.halting.runner", agent, str(runs)]
    quiet = {"PREFECT_LOGGING_LEVEL": "CRITICAL", "PREFECT_CLIENT_MAX_RETRIES": "10"}
    with log.open("wb") as out, subprocess.Popen(argv, env={**os.environ, **quiet}, stdout=out, stderr=out) as process:
        try:
            yield process
        finally:
            process.kill()


def until_all_beat(project: Path, before: set[str], runs: int) -> None:
    """Every run has come to its first effect; from then on they go on. Raises TimeoutError."""
    from benchmarks.halting.world import all_there, beats

    until = time.monotonic() + PATIENCE
    while len({file.name for file in beats(project).iterdir()} - before) < runs:
        if time.monotonic() > until:
            raise TimeoutError(f"not all of {runs} runs beat within {PATIENCE:.0f} s; see {project}/logs")
        time.sleep(0.5)
    all_there(project).touch()


def until_quiet(project: Path) -> None:
    """Nothing has been written for a while."""
    from benchmarks.halting.world import beats

    while time.time() - max(file.stat().st_mtime for file in beats(project).iterdir()) < QUIET:
        time.sleep(0.5)


async def rows_of(house: House, run_ids: Sequence[str]) -> list[RunRow]:
    """The runs, once all have ended or no more is waited for."""
    from midwatch.ledger import Ledger

    until = time.monotonic() + ENDINGS
    async with Ledger.open(f"sqlite+aiosqlite:///{house.home / 'ledger.db'}") as ledger:
        while True:
            rows = [row for run_id in run_ids if (row := await ledger.run(run_id)) is not None]
            if all(row.outcome for row in rows) or time.monotonic() > until:
                return rows
            await asyncio.sleep(0.5)


def shares(values: Sequence[float]) -> dict[str, float]:
    """Seconds, of all runs."""
    ordered = sorted(values)
    at = {
        name: ordered[min(len(ordered) - 1, int(len(ordered) * part))] for name, part in (("p50", 0.5), ("p99", 0.99))
    }
    return {name: round(value, 3) for name, value in {**at, "max": ordered[-1]}.items()}


def halted(house: House, agent: str, wanted: argparse.Namespace, *, prefect: bool, console: Console) -> dict[str, Any]:
    """One trial: what was measured."""
    from benchmarks.halting.world import all_there, beats, seen, twice
    from cli import occupancy

    project = house.project
    before = {file.name for file in beats(project).iterdir()}
    all_there(project).unlink(missing_ok=True)
    with in_flight(agent, wanted.runs, wanted.processes, project / "logs"):
        until_all_beat(project, before, wanted.runs)
        console.print(f"{wanted.runs} runs of {agent} are in flight")
        if not prefect:
            occupancy.stop(house)
            console.print("the house is down")
        time.sleep(wanted.settle)
        asked, command = time.time(), [str(MIDWATCH), "halt", "--because", "a trial", "--json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        returned = time.time()
        latched = (house.home / "halt" / "all").stat().st_mtime
        until_quiet(project)
        mine = [one for one in seen(project) if one.run_id not in before]
        rows = asyncio.run(rows_of(house, sorted({one.run_id for one in mine})))
    last = {one.run_id: one.at for one in sorted(mine, key=lambda one: one.at)}
    resumed = json.loads(subprocess.run([str(MIDWATCH), "resume", "--json"], capture_output=True, check=False).stdout)
    ended = [row.finished_at.timestamp() for row in rows if row.finished_at]
    return {
        "prefect": "up" if prefect else "down",
        "runs_in_flight": len(last),
        "effects_before": sum(one.at <= asked for one in mine),
        "effects_per_second_before": round(
            sum(asked - wanted.settle <= one.at <= asked for one in mine) / max(wanted.settle, 1e-9), 1
        ),
        "effects_after_the_latch": sum(one.at > latched for one in mine),
        "runs_with_an_effect_after_the_latch": sum(at > latched for at in last.values()),
        "command_to_last_effect_s": shares([max(0.0, at - asked) for at in last.values()]),
        "latch_to_last_effect_s": shares([max(0.0, at - latched) for at in last.values()]),
        "latch_to_end_of_run_s": shares([at - latched for at in ended]),
        "command": {
            "exit_code": done.returncode,
            "until_latched_s": round(latched - asked, 3),
            "until_returned_s": round(returned - asked, 3),
        },
        "outcomes": dict(Counter(row.outcome or "no ending yet" for row in rows)),
        "effects_cut": dict(Counter(each["state"] for run in resumed["runs"] for each in run["effects"])),
        "effects_that_happened_twice": len(twice(mine)),
    }


def faults(trial: dict[str, Any], runs: int) -> Iterator[str]:
    """What must not be."""
    if trial["command"]["exit_code"]:
        yield "the halt was only half set"
    right = {"blocked", "unknown"} | ({"no ending yet"} if trial["prefect"] == "down" else set())
    if set(trial["outcomes"]) - right or sum(trial["outcomes"].values()) != runs:
        yield f"{runs} runs should have ended blocked, or unknown where an effect is in doubt: {trial['outcomes']}"
    if trial["effects_that_happened_twice"]:
        yield f"{trial['effects_that_happened_twice']} effects happened twice"
    if trial["command_to_last_effect_s"]["p99"] >= 5:
        yield f"p99 from the command to the last effect is {trial['command_to_last_effect_s']['p99']} s; the goal is 5"


def measured(house: House, script: Any, wanted: argparse.Namespace, console: Console) -> int:
    """The exit code."""
    from benchmarks.halting.world import BODY, beats
    from midwatch.ledger import Ledger
    from tests.flows.wires import Calls

    async def grant(agents: Sequence[str]) -> None:
        async with Ledger.open(f"sqlite+aiosqlite:///{house.home / 'ledger.db'}") as ledger:
            await ledger.migrate()
            for agent in agents:
                await ledger.grant_level(agent, 4, by="benchmark", because="a trial")

    agents = ("drummer-up", "drummer-down")
    for folder in (beats(house.project), house.project / "logs"):
        folder.mkdir()
    for agent in agents:
        head = f"name: {agent}\ndescription: Beats.\nmodel: openai-chat:{agent}\ninstructions: Beat.\n"
        (house.project / "agents" / f"{agent}.yaml").write_text(head + BODY)
        script.turns[agent] = tuple(
            Calls([(tool, {"number": 4 * turn + n, "seconds": seconds}) for n, (tool, seconds) in enumerate(BEATS)])
            for turn in range(TURNS)
        )
    asyncio.run(grant(agents))
    trials = [
        halted(house, agent, wanted, prefect=prefect, console=console)
        for agent, prefect in zip(agents, (True, False), strict=True)
    ]
    for trial in trials:
        console.print_json(json.dumps(trial))
    load = [round(each, 1) for each in os.getloadavg()]
    machine = {"cores": os.cpu_count(), "load": load, "python": platform.python_version()}
    how = {"runs": wanted.runs, "processes": wanted.processes, "settle_seconds": wanted.settle, "machine": machine}
    wanted.output.write_text(json.dumps({**how, "trials": trials}, indent=2) + "\n")
    wrong = [fault for trial in trials for fault in faults(trial, wanted.runs)]
    for fault in wrong:
        console.print(f"wrong: {fault}", style="red")
    return 1 if wrong else 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.halt_latency")
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--settle", type=float, default=20.0, help="seconds in full flight before the halt")
    parser.add_argument("--output", type=Path, default=RESULTS)
    wanted, console = parser.parse_args(), Console(soft_wrap=True)
    with own_house() as (house, script):
        os.environ.update(MIDWATCH_PROJECT=str(house.project), MIDWATCH_HOME=str(house.home))
        return measured(house, script, wanted, console)


if __name__ == "__main__":
    sys.exit(main())
