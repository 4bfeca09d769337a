"""What does a durable step cost? Midwatch beside the bare loop, LangGraph, DBOS and pydantic-ai's PrefectDurability.

    python -m benchmarks.durable_steps [--systems bare midwatch] [--steps 20 100] [--repeats 1]

One step is one model request and its one tool call; the model is scripted and answers at once. Every run has a process and
a store of its own. A measurement of everything writes benchmarks/results/durable_*.json; a part of it is only printed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Final

from rich.console import Console

from benchmarks.durable.figures import Rows, as_json, least
from benchmarks.durable.shown import findings, markdown, storage, times
from benchmarks.durable.trial import SYSTEMS, Say, System, Trial, tried

RESULTS: Final = Path(__file__).parent / "results"
STEPS: Final = (20, 100, 300, 1000)
AT_MOST: Final[dict[System, int]] = {"prefectdurability": 100}
"""It hashes the whole history at every task: more steps take minutes and say the same."""
REPEATS: Final = 3

Planned = tuple[System, int]


def plan(systems: Sequence[System], steps: Sequence[int], repeats: int) -> list[Planned]:
    """Every trial, short runs first; the systems take turns, so that a busy minute of the machine hits them all."""
    return [
        (system, count)
        for count in sorted(steps)
        for _ in range(repeats)
        for system in systems
        if count <= AT_MOST.get(system, count)
    ]


def measured(planned: Sequence[Planned], console: Console) -> tuple[list[Trial], list[str]]:
    """The trials, and what went wrong."""
    trials: list[Trial] = []
    faults: list[str] = []
    for number, (system, steps) in enumerate(planned, start=1):
        with _told(console, f"{number}/{len(planned)} {system}, {steps} steps") as say:
            try:
                trials.append(tried(system, steps, say))
            except RuntimeError as error:
                faults.append(str(error))
                console.print(f"[red]{system}, {steps} steps: not measured")
    return trials, faults


@contextmanager
def _told(console: Console, what: str) -> Iterator[Say]:
    """One line on a terminal that says what is waited for; elsewhere, a line for each trial."""
    if not console.is_terminal:
        console.print(what)
        yield lambda _: None
        return
    with console.status(what) as status:
        yield lambda doing: status.update(f"{what}: {doing}")


def load() -> str:
    """How busy the machine is: on one that others use too, the clock says more about them."""
    return f"load of the last minute: {os.getloadavg()[0]:.1f}, on {os.cpu_count()} processors"


def written(rows: Rows, folder: Path) -> None:
    """The five systems, Midwatch with effects, everything that was seen; and the table of docs/measured.md."""
    named = {system: [as_json(system, steps, rows.get((system, steps))) for steps in STEPS] for system in SYSTEMS}
    effects = named.pop("midwatch_effects")
    _write(folder / "durable_steps.json", [row for each in named.values() for row in each])
    _write(folder / "durable_effects.json", effects)
    _write(folder / "durable_details.json", [asdict(row) for row in rows.values()])
    (folder / "durable_steps.md").write_text(markdown(rows))


def _write(path: Path, rows: list[dict[str, object]]) -> None:
    path.write_text("[\n" + ",\n".join(f"  {json.dumps(row)}" for row in rows) + "\n]\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, write. Exit code 1 when a trial failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=list(SYSTEMS))
    parser.add_argument("--steps", nargs="+", type=int, default=list(STEPS))
    parser.add_argument("--repeats", type=int, default=REPEATS, help="of every run; the least counts")
    wanted = parser.parse_args(argv)
    console = Console()
    console.print(load())
    trials, faults = measured(plan(wanted.systems, wanted.steps, wanted.repeats), console)
    console.print(load())
    rows = least(trials)
    for part in (times(rows), storage(rows), *findings(rows)):
        console.print(part, soft_wrap=isinstance(part, str))
    if "prefectdurability" in wanted.systems:
        console.print(f"prefectdurability was measured up to {AT_MOST['prefectdurability']} steps only")
    if set(wanted.systems) == set(SYSTEMS) and set(wanted.steps) == set(STEPS):
        written(rows, RESULTS)
    for fault in faults:
        console.print(fault, markup=False)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
