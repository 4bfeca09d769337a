"""How long does it take to hold 100,000 decisions against other rules, and is it the same twice?

    python -m benchmarks.backtest [--decisions 100000] [--json]

Two seeded ledgers, written by the ledger's own code, journal included: in one every call differs from every other, in the other
a thousand calls come again and again. Each is replayed twice with every socket closed, and the digests of the two reports must
agree. Writes benchmarks/results/backtest.json; the exit code is 1 where something of that does not hold.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from rich.table import Table

from benchmarks.seeded_ledger import NEW, START, seed, trial
from benchmarks.told import tell
from midwatch.backtest import Report, backtest
from midwatch.ledger import Ledger

RESULTS: Final = Path(__file__).parent / "results" / "backtest.json"
AIM_SECONDS: Final = 10.0
DECISIONS: Final = 100_000
ALIKE: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One ledger, replayed twice."""

    calls: str
    decisions: int
    different: int
    seeded_seconds: float
    seconds: tuple[float, float]
    digests: tuple[str, str]
    sockets: int
    """That were opened, or tried to be, in both passes."""
    changes: Mapping[str, int]
    cannot_tell: Mapping[str, int]

    @property
    def fault(self) -> str:
        """What does not hold; "" where all does."""
        faults = {
            f"{self.calls}: took {max(self.seconds)} s": max(self.seconds) > AIM_SECONDS,
            f"{self.calls}: two passes, two reports": len(set(self.digests)) > 1,
            f"{self.calls}: {self.sockets} sockets": self.sockets > 0,
        }
        return "; ".join(fault for fault, found in faults.items() if found)


class SocketCount:
    """Counts what asks for a socket in this process, whether it gets it or not."""

    def __init__(self) -> None:
        self.opened = 0
        sys.addaudithook(self._heard)

    def _heard(self, event: str, _args: tuple[Any, ...]) -> None:
        self.opened += event in ("socket.__new__", "socket.connect")


async def measured(calls: str, decisions: int, different: int, folder: Path, sockets: SocketCount) -> Row:
    """Seed one ledger and replay it twice."""
    moment = [START]
    async with Ledger.open(f"sqlite+aiosqlite:///{folder / f'{different}.db'}", clock=lambda: moment[0]) as ledger:
        await ledger.migrate()
        began = time.perf_counter()
        await seed(ledger, decisions=decisions, different=different, moment=moment)
        seeded, before = time.perf_counter() - began, sockets.opened
        passes = [await _timed(ledger) for _ in range(2)]
    report = passes[0][1]
    return Row(
        calls=calls,
        decisions=report.calls,
        different=different,
        seeded_seconds=round(seeded, 1),
        seconds=(passes[0][0], passes[1][0]),
        digests=(passes[0][1].digest(), passes[1][1].digest()),
        sockets=sockets.opened - before,
        changes={change: share.count for change, share in report.changes.items()},
        cannot_tell=report.cannot_tell,
    )


async def _timed(ledger: Ledger) -> tuple[float, Report]:
    began = time.perf_counter()
    report = await backtest(ledger, trial(NEW))
    return round(time.perf_counter() - began, 2), report


async def all_measured(decisions: int) -> list[Row]:
    """Both ledgers."""
    sockets = SocketCount()
    with tempfile.TemporaryDirectory() as folder:
        cases = (("all different", decisions), (f"{ALIKE} again and again", min(ALIKE, decisions)))
        return [await measured(calls, decisions, different, Path(folder), sockets) for calls, different in cases]


def table(rows: Sequence[Row]) -> Table:
    """What is printed."""
    shown = Table("calls", "decisions", "seconds", "same twice", "sockets", "would be another")
    for row in rows:
        changed = sum(count for change, count in row.changes.items() if change != "unchanged")
        same = "yes" if len(set(row.digests)) == 1 else "NO"
        seconds = ", ".join(f"{one:.2f}" for one in row.seconds)
        shown.add_row(row.calls, str(row.decisions), seconds, same, str(row.sockets), str(changed))
    return shown


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--decisions", type=int, default=DECISIONS)
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args(argv)
    rows = asyncio.run(all_measured(wanted.decisions))
    found = {"cores": os.cpu_count(), "rows": [asdict(row) for row in rows]}
    output = RESULTS if wanted.decisions == DECISIONS else None
    tell(found, lambda console: console.print(table(rows)), output=output, as_json=wanted.json)
    faults = [row.fault for row in rows if row.fault]
    print("\n".join(faults), file=sys.stderr) if faults else None
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
