"""How long does it take to hold a ledger against its journal, or what one promotion rests on, and how much memory, as it grows?

    python -m benchmarks.verify [--decisions 25000 50000 100000] [--json]

Seeded ledgers, each verified by a process of its own, once as it is and once with one row forged, which must be named. Writes
benchmarks/results/verify.json; the exit code is 1 where something is not found, or found where there is nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from rich.table import Table

from benchmarks.seeded_ledger import AGENT, START, seed
from benchmarks.told import tell
from midwatch.ledger import Ledger

RESULTS: Final = Path(__file__).parent / "results" / "verify.json"
SIZES: Final = (25_000, 50_000, 100_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One ledger."""

    decisions: int
    entries: int
    rows: int
    seconds: float
    before_a_promotion: float
    """Seconds, of the rows alone that a promotion of the one agent in it rests on."""
    megabytes: float
    """The most that the process ever had in memory, libraries included."""
    whole: bool
    forged: tuple[str, ...]
    """What was found after one row was forged."""
    refused: bool
    """Nobody is promoted then, and nobody was kept from it before."""

    @property
    def ok(self) -> bool:
        return self.whole and len(self.forged) == 1 and self.refused


def measured(decisions: int, folder: Path) -> Row:
    """Seed one ledger, verify it, forge a row of it, verify it again."""
    path = folder / f"{decisions}.db"
    asyncio.run(_seed(path, decisions))
    plain = _verified(path)
    with closing(sqlite3.connect(path)) as file:
        file.execute(
            "UPDATE decisions SET verdict = 'allow' WHERE rowid = (SELECT max(rowid) FROM decisions WHERE verdict <> 'allow')"
        )
        file.commit()
    forged, doubted = _verified(path), plain.pop("doubt")
    return Row(
        decisions=decisions,
        forged=tuple(forged["findings"]),
        refused=bool(forged["doubt"]) and not doubted,
        whole=not plain.pop("findings"),
        **plain,
    )


async def _seed(path: Path, decisions: int) -> None:
    moment = [START]
    async with Ledger.open(f"sqlite+aiosqlite:///{path}", clock=lambda: moment[0]) as ledger:
        await ledger.migrate()
        await ledger.grant_level(AGENT, 4, by="ann", because="of the benchmark", until=START.replace(year=2099))
        await seed(ledger, decisions=decisions, different=decisions, moment=moment)


def _verified(path: Path) -> dict[str, Any]:
    said = subprocess.run(
        [sys.executable, "-m", "benchmarks.verify", "--one", str(path)], check=True, capture_output=True, text=True
    )
    return dict(json.loads(said.stdout))


async def one(path: str) -> dict[str, Any]:
    """In a process of its own."""
    began = time.perf_counter()
    async with Ledger.open(f"sqlite+aiosqlite:///{path}") as ledger:
        found = await ledger.verify()
        verified = time.perf_counter()
        doubt = await ledger.evidence_doubt(AGENT)
    return {
        "entries": found.entries,
        "rows": sum(found.rows.values()),
        "seconds": round(verified - began, 2),
        "before_a_promotion": round(time.perf_counter() - verified, 2),
        "doubt": doubt,
        "megabytes": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "findings": [str(each) for each in found.findings],
    }


def table(rows: Sequence[Row]) -> Table:
    """What is printed."""
    shown = Table("decisions", "entries", "rows", "seconds", "promotion", "MB", "whole", "forged row found")
    for row in rows:
        numbers = [f"{number:,}" for number in (row.decisions, row.entries, row.rows)]
        measured = [str(one) for one in (row.seconds, row.before_a_promotion, row.megabytes, row.whole)]
        shown.add_row(*numbers, *measured, "; ".join(row.forged))
    return shown


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--decisions", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--one", default="", help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args(argv)
    if wanted.one:
        print(json.dumps(asyncio.run(one(wanted.one))))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        rows = [measured(decisions, Path(folder)) for decisions in wanted.decisions]
    output = RESULTS if tuple(wanted.decisions) == SIZES else None
    shown = [asdict(row) for row in rows]
    tell(shown, lambda console: console.print(table(rows)), output=output, as_json=wanted.json)
    return int(not all(row.ok for row in rows))


if __name__ == "__main__":
    sys.exit(main())
