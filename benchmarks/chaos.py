"""Does anything happen twice, or get lost, when a run is killed? SIGKILL at every boundary, in pairs, and by chance.

    python -m benchmarks.chaos [--runs 2000] [--seed 1] [--workers 2] [--short] [--only N] [--output FILE]

Every life of a run is a process of its own that is really killed; the next one goes on. Writes
benchmarks/results/chaos.json; exit code 1 when anything came out otherwise than in a run that nobody disturbed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.chaos_run.plan import Plan
from benchmarks.chaos_run.scenario import SCENARIOS, SHORT, Scenario
from benchmarks.chaos_run.trial import FAULT_KINDS, Trial, Verdict
from benchmarks.chaos_run.workers import Workers, workers

RESULTS: Final = Path(__file__).parent / "results" / "chaos.json"


def planned(crew: Workers, scenarios: Sequence[Scenario], seed: int) -> Plan:
    """Count the boundaries of one undisturbed run of each kind. Raises RuntimeError where one comes out wrong already."""
    trials = [Trial(number=-number, seed=seed, scenario=scenario) for number, scenario in enumerate(scenarios, start=1)]
    crossed: dict[str, Sequence[int]] = {}
    for verdict in crew.verdicts(trials):
        if verdict.faults:
            raise RuntimeError(f"a {verdict.trial.scenario.name} run is wrong without any kill: {verdict.faults}")
        crossed[verdict.trial.scenario.name] = verdict.lives
    return Plan(seed=seed, scenarios=scenarios, crossed=crossed)


def figures(verdicts: Sequence[Verdict]) -> dict[str, int]:
    """What is written down."""
    faults = Counter(fault.kind for verdict in verdicts for fault in verdict.faults)
    kills = sum(len(verdict.killed_at) for verdict in verdicts)
    return {"runs": len(verdicts), "kills": kills, **{kind: faults[kind] for kind in FAULT_KINDS}}


def told(verdict: Verdict, *, short: bool) -> Iterator[str]:
    """A run in which something is wrong, and how to see it again."""
    trial = verdict.trial
    yield f"run {trial.number} ({trial.scenario.name}) of seed {trial.seed}, killed at {list(verdict.killed_at)}:"
    yield from (f"  {fault.kind}: {fault.what}" for fault in verdict.faults)
    yield f"  again: python -m benchmarks.chaos{' --short' if short else ''} --seed {trial.seed} --only {trial.number}"


def shown(plan: Plan, verdicts: Sequence[Verdict], seconds: float, console: Console) -> None:
    """The figures, for a person."""
    table = Table(*figures(verdicts))
    table.add_row(*map(str, figures(verdicts).values()))
    console.print(table)
    outcomes = Counter(verdict.outcome for verdict in verdicts).most_common()
    lives = sum(len(verdict.lives) for verdict in verdicts)
    console.print(
        f"{lives} lives in {seconds:.0f} s; {len(plan.singles)} boundaries in {len(plan.scenarios)} kinds of run; "
        f"{len({verdict.trial.number for verdict in verdicts} & set(range(len(plan.singles))))} of them tried; "
        f"came out {', '.join(f'{count} {name}' for name, count in outcomes)}"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Kill, print, write. Exit code 1 when something is wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--short", action="store_true", help="one short kind of run alone")
    parser.add_argument("--only", type=int, help="this run of the seed, and no other; nothing is written")
    parser.add_argument("--output", type=Path, default=RESULTS)
    wanted = parser.parse_args(argv)
    console, began = Console(), time.monotonic()
    with workers(wanted.workers) as crew:
        plan = planned(crew, [SHORT] if wanted.short else SCENARIOS, wanted.seed)
        numbers = range(wanted.runs) if wanted.only is None else [wanted.only]
        verdicts: list[Verdict] = []
        for verdict in track(
            crew.verdicts(plan.trial(number) for number in numbers), "killing", len(numbers), console=console
        ):
            verdicts.append(verdict)
            for line in told(verdict, short=wanted.short) if verdict.faults or wanted.only is not None else ():
                console.print(line, markup=False, soft_wrap=True)
    shown(plan, verdicts, time.monotonic() - began, console)
    if wanted.only is None:
        wanted.output.write_text(json.dumps(figures(verdicts)) + "\n")
    return 1 if any(verdict.faults for verdict in verdicts) else 0


if __name__ == "__main__":
    sys.exit(main())
