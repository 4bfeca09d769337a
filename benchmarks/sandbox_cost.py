"""What does the sandbox cost per command? `true`, bare and in each sandbox, and what finding protected files adds.

    python -m benchmarks.sandbox_cost [--commands 200]

The ways take turns, so that a busy moment of the machine hits them all. "bare" starts the program without any sandbox. In a
repository, Git's own configuration is read and copied for every command; "10,000 files" lie in 100 folders. Writes
benchmarks/results/sandbox_cost.json: a list of {way, commands, load, least_ms, median_ms, p95_ms}.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from tasks.tools.network import Network
from tasks.tools.sandbox import Launch, Sandbox, candidates, holds
from tasks.tools.shell import Shell, run_bounded

RESULTS: Final = Path(__file__).parent / "results" / "sandbox_cost.json"
SECONDS: Final = 30.0

Way = Callable[[], Awaitable[object]]


@dataclass(frozen=True, kw_only=True)
class Figure:
    way: str
    commands: int
    load: float
    """Of the machine over the minute in which it was measured: processes that wanted a core."""
    least_ms: float
    median_ms: float
    p95_ms: float


def ways(folder: Path) -> Iterator[tuple[str, Way]]:
    """Each way of running `true`, by its name."""
    empty, repository, large = folder / "empty", folder / "repository", folder / "large"
    empty.mkdir()
    subprocess.run(["git", "init", "-q", str(repository)], check=True)
    for place in range(10_000):
        path = large / str(place % 100) / str(place)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    yield "bare", lambda: run_bounded(Launch(argv=["true"]), SECONDS)
    for sandbox in filter(holds, candidates()):
        yield sandbox.name, _command(sandbox, empty)
        if sandbox.guards:
            yield f"{sandbox.name}, with the proxy", _command(sandbox, empty, "api.example.org")
            yield f"{sandbox.name}, in a repository", _command(sandbox, repository)
        yield f"{sandbox.name}, 10,000 files", _command(sandbox, large)


def _command(sandbox: Sandbox, root: Path, *hosts: str) -> Way:
    shell = Shell(sandbox, root, Network(hosts=hosts))
    return lambda: shell.shell("true", SECONDS)


async def measured(commands: int, console: Console) -> list[Figure]:
    """Every way, `commands` times."""
    with tempfile.TemporaryDirectory(prefix="sandbox-cost-") as folder:
        planned = dict(ways(Path(folder)))
        times: dict[str, list[float]] = {name: [] for name in planned}
        with console.status("commands"):
            for _ in range(commands):
                for name, way in planned.items():
                    began = time.perf_counter()
                    await way()
                    times[name].append(1000 * (time.perf_counter() - began))
    load = os.getloadavg()[0]
    return [
        Figure(
            way=name,
            commands=commands,
            load=round(load, 1),
            least_ms=round(min(taken), 2),
            median_ms=round(statistics.median(taken), 2),
            p95_ms=round(statistics.quantiles(taken, n=20)[-1], 2),
        )
        for name, taken in times.items()
    ]


def main() -> None:
    """Measure, print the table, write the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--commands", type=int, default=200)
    commands = parser.parse_args().commands
    console = Console()
    figures = asyncio.run(measured(commands, console))
    table = Table("way", "least ms", "median ms", "p95 ms", title=f"{commands} times each, load {figures[0].load}")
    for figure in figures:
        table.add_row(figure.way, f"{figure.least_ms:.1f}", f"{figure.median_ms:.1f}", f"{figure.p95_ms:.1f}")
    console.print(table)
    RESULTS.write_text(json.dumps([asdict(figure) for figure in figures], indent=1) + "\n")


if __name__ == "__main__":
    main()
