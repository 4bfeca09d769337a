"""Does an allowed mutant mean to bash, real programs, the kernel or another parser something that the policy did not judge?

    python -m benchmarks.policy_fuzz [--minutes 2] [--seed 1] [--json] [--output FILE]

Mutants of command lines (a real bash among stand-ins), of arguments (the real programs), of paths (the kernel) and of URLs
(urllib, httpx and, where Node is here, the WHATWG's parser) take turns. Only what the policy allows is tried, and programs run
behind bubblewrap, where they can change nothing but a temporary folder. Writes benchmarks/results/policy_fuzz.json; exit code 1
when one allowed mutant does something else, 2 where bubblewrap is missing.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final, Literal

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from rich.console import Console
from rich.table import Table

from benchmarks.fuzzed.lines import LINES, line_oracle
from benchmarks.fuzzed.paths import PATHS, path_oracle
from benchmarks.fuzzed.programs import program_oracle
from benchmarks.fuzzed.urls import URLS, url_oracle

RESULTS: Final = Path(__file__).parent / "results" / "policy_fuzz.json"
BATCH: Final = 2
"""Examples that are drawn before another kind has its turn; each is several mutants."""

Kind = Literal["lines", "arguments", "paths", "urls"]
Oracle = Callable[[str], "str | None"]


@dataclass(kw_only=True)
class Tally:
    """What came of one kind of mutants."""

    kind: Kind
    cases: int = 0
    allowed: int = 0
    """Different mutants that the policy allows, so that they were tried."""
    violations: list[str] = field(default_factory=list)
    seen: set[str] = field(default_factory=set, repr=False)

    def add(self, text: str, oracle: Oracle) -> None:
        """Try one mutant, unless it was tried before."""
        if text in self.seen:
            return
        self.seen.add(text)
        self.cases += 1
        found = oracle(text)
        self.allowed += found is not None
        if found:
            self.violations.append(f"{text!r} {found}")


def batch(tally: Tally, strategy: st.SearchStrategy[list[str]], oracle: Oracle, number: int, until: float) -> None:
    """Some mutants that only depend on `number`."""

    @seed(number)
    @settings(
        max_examples=BATCH,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def some(texts: list[str]) -> None:
        for text in texts:
            if time.monotonic() < until:
                tally.add(text, oracle)

    some()


def fuzzed(minutes: float, first_seed: int) -> Iterator[Tally]:
    """All four kinds, in turns, until the time is up."""
    until = time.monotonic() + minutes * 60
    with ExitStack() as stack:
        arguments, program = stack.enter_context(program_oracle())
        kinds: list[tuple[Tally, st.SearchStrategy[list[str]], Oracle]] = [
            (Tally(kind="lines"), LINES, stack.enter_context(line_oracle())),
            (Tally(kind="arguments"), arguments, program),
            (Tally(kind="paths"), PATHS, stack.enter_context(path_oracle())),
            (Tally(kind="urls"), URLS, stack.enter_context(url_oracle())),
        ]
        number = first_seed
        while time.monotonic() < until:
            for tally, strategy, oracle in kinds:
                batch(tally, strategy, oracle, number, until)
            number += 1
        yield from (tally for tally, _, _ in kinds)


def main(argv: Sequence[str] | None = None) -> int:
    """Fuzz, print, write. Exit code 1 when an allowed mutant means something else."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print what is written")
    parser.add_argument("--output", type=Path, default=RESULTS)
    wanted = parser.parse_args(argv)
    if shutil.which("bwrap") is None:
        print(
            "mutants run real programs, and only behind bubblewrap: install it (`apt install bubblewrap`)",
            file=sys.stderr,
        )
        return 2
    tallies = list(fuzzed(wanted.minutes, wanted.seed))
    kinds = [{name: value for name, value in asdict(tally).items() if name != "seen"} for tally in tallies]
    result = {"minutes": wanted.minutes, "seed": wanted.seed, "kinds": kinds}
    wanted.output.write_text(json.dumps(result) + "\n")
    print(json.dumps(result)) if wanted.json else show(tallies, wanted.minutes)
    return 1 if any(tally.violations for tally in tallies) else 0


def show(tallies: Sequence[Tally], minutes: float) -> None:
    """The figures and every violation, for a person."""
    console, table = Console(), Table("mutants of", "cases", "allowed", "violations", title=f"{minutes:g} minutes")
    for tally in tallies:
        table.add_row(tally.kind, str(tally.cases), str(tally.allowed), str(len(tally.violations)))
    console.print(table)
    for violation in (violation for tally in tallies for violation in tally.violations):
        console.print(violation, markup=False, soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
