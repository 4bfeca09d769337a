"""How often is a class promoted that goes wrong too often? The ladder's e-process against "N in a row, then trust it".

    python -m benchmarks.ladder [--seed 7] [--trials 10000] [--json] [--output FILE]

A class does 50 actions a day for a year, 18,250, each of which goes wrong with the same chance; somebody looks after every one.
Chances are worked out exactly, and drawn besides. Writes benchmarks/results/ladder.json; exit code 1 where a promise is broken.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Final

from rich.console import Console
from rich.table import Table

from benchmarks.ladder.figures import SEEN, YEAR, Line, Lives, Share, Thousand, allowed, lines, lives, thousands
from benchmarks.told import tell
from midwatch.ladder import ALPHA

RESULTS: Final = Path(__file__).parents[1] / "results" / "ladder.json"
TEST: Final = "the e-process"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    seed: int
    trials: int
    actions: int
    lines: list[Line]
    thousands: list[Thousand]
    lives: list[Lives]
    promises: dict[str, bool]
    """Whether each was kept."""
    seconds: float


def measured(seed: int, trials: int) -> Result:
    """All figures."""
    began, chance = time.perf_counter(), Random(seed)
    found = lines(trials, chance), thousands(), lives(trials, chance)
    return Result(
        seed=seed,
        trials=trials,
        actions=YEAR,
        lines=found[0],
        thousands=found[1],
        lives=found[2],
        promises=promises(*found),
        seconds=round(time.perf_counter() - began, 1),
    )


def promises(found: list[Line], shown: list[Thousand], lived: list[Lives]) -> dict[str, bool]:
    """What the docs say, held against the figures."""
    tests = [line for line in found if line.rule == TEST]
    row = next(line for line in found if (line.rule, line.p0) == ("1,000 in a row", 0.003))
    missed = next(one for one in shown if (one.p0, one.d) == (0.005, SEEN))
    tested = [one for one in lived if one.rule == TEST]
    shares = [share for line in found for share in (line.false_promotions, line.power, line.mean_actions)]
    shares += [one.ever for one in lived]
    return {
        "at p0 the e-process promotes at most 5 % within a year": all(
            line.false_promotions.exact <= ALPHA for line in tests
        ),
        "at a tenth of p0 it promotes at least 99 %": all(line.power.exact >= 0.99 for line in tests),
        "1,000 in a row promote a class at 0.3 % in more than 90 %": row.false_promotions.exact > 0.9,
        "what was drawn agrees with what was worked out": all(share.agree for share in shares),
        "with d = 0.26 and p0 = 0.5 % a thousand clean actions are not enough": not missed.ready,
        "with d minded at most 5 % are promoted": all(one.minding_d <= ALPHA for one in shown),
        "over lives with falls at most 5 % are ever promoted": all(one.ever.exact <= ALPHA for one in tested),
        "of those that turn bad at most 5 % are promoted again": all(
            one.again <= allowed(one.counted) for one in tested
        ),
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ladder", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--output", type=Path, default=RESULTS)
    wanted = parser.parse_args(argv)
    result = measured(wanted.seed, wanted.trials)
    tell(asdict(result), partial(_print, result), output=wanted.output, as_json=wanted.json)
    return 0 if all(result.promises.values()) else 1


def _print(result: Result, console: Console) -> None:
    table = Table("p0", "promoted by", "false promotions (drawn)", "power at p0 / 10 (drawn)", "mean actions (drawn)")
    for line in result.lines:
        mean = f"{line.mean_actions.exact:,.0f} ({line.mean_actions.drawn:,.0f})"
        table.add_row(f"{line.p0:.1%}", line.rule, _both(line.false_promotions), _both(line.power), mean)
    console.print(table)
    table = Table("p0", "d", "1,000 clean are enough", "needed", "promoted at p0, d ignored", "d minded")
    for one in result.thousands:
        enough = "yes" if one.ready else f"no, {one.more:,} more"
        shares = (f"{one.ignoring_d:.2%}", f"{one.minding_d:.2%}")
        table.add_row(f"{one.p0:.1%}", f"{one.d:.2f}", enough, f"{one.needed:,}", *shares)
    console.print(table)
    table = Table(
        "p0", "promoted by", "a year at p0: ever (drawn)", "times", "good for a year, then p0: again after its fall"
    )
    for life in result.lives:
        again = f"{life.again:.2%} of {life.counted:,}"
        table.add_row(f"{life.p0:.1%}", life.rule, _both(life.ever), f"{life.promotions:.2f}", again)
    console.print(table)
    for promise, kept in result.promises.items():
        console.print(f"  {'kept' if kept else 'BROKEN'}: {promise}", markup=False)
    console.print(f"{result.trials:,} lives each, seed {result.seed}, {result.seconds:.0f} s")


def _both(share: Share) -> str:
    return f"{share.exact:.2%} ({share.drawn:.2%})"


if __name__ == "__main__":
    sys.exit(main())
