"""A class of actions that climbs, falls and climbs again: is it so, in real flows?

    python -m benchmarks.climb [--json] [--output FILE] [--keep FOLDER]

The flow, the gate, the tool, the contract, the ledger, the daily review, the verbs `promote`, `incident` and `verify`, and
Prefect's server are the real ones; the model and the person are scripted, and the clock is put forward between events. Every
action is one of a real run. Writes benchmarks/results/climb.json, of which `python -m docs.pictures.ladder` makes the picture;
`--keep` leaves the ledger and the agent's file in a folder, of which `python -m docs.pictures.climb` makes the page's.
Exit code 1 where a step of the story did not happen.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.told import tell

if TYPE_CHECKING:
    from benchmarks.climb.house import Writer
    from benchmarks.climb.story import Story

RESULTS: Final = Path(__file__).parents[1] / "results" / "climb.json"
FIRST_DAY: Final = datetime(2026, 3, 2, tzinfo=UTC)
BEFORE: Final = timedelta(hours=12)


def say(line: str) -> None:
    """Progress."""
    print(line, file=sys.stderr, flush=True)


def verb(*argv: str) -> tuple[int, str]:
    """One of Midwatch's own, in this process, so that its clock is the climb's; exit code and what it printed."""
    from typer.testing import CliRunner

    from cli.main import app

    done = CliRunner().invoke(app, list(argv))
    return done.exit_code, done.output + (str(done.exception) if done.exception and done.exit_code else "")


async def told(folder: Path, writer: Writer, environment: Mapping[str, str]) -> Story:
    """The story, told to its end."""
    from prefect.client.orchestration import get_client

    from benchmarks.climb.house import deployed, take_time
    from benchmarks.climb.story import Broke, Story
    from benchmarks.week.clock import Clock
    from midwatch.ledger import Ledger

    clock = Clock.at_first(FIRST_DAY - BEFORE)
    take_time(clock)
    url = f"sqlite+aiosqlite:///{environment['MIDWATCH_HOME']}/ledger.db"
    async with Ledger.open(url, clock=clock.now) as ledger, get_client() as client:
        await ledger.migrate()
        story = Story(
            began=FIRST_DAY,
            clock=clock,
            client=client,
            ledger=ledger,
            project=folder,
            deployment=await deployed(client),
            writer=writer,
            verb=verb,
            say=say,
        )
        try:
            await story.go()
        except Broke as broke:
            story.steps[str(broke)] = False
            say(f"{len(story.runs)} runs, the last: {story.runs[-1:]}")
    return story


def main(argv: Sequence[str] | None = None) -> int:
    """Tell it, print, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.climb", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="which does not exist yet")
    wanted = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="midwatch-climb-") as temporary:
        folder, started = Path(temporary).resolve(), time.monotonic()
        from benchmarks.week.house import QUIET

        # Prefect reads them when it is imported; the verbs sign with the name of who is logged in
        os.environ.update(PREFECT_HOME=f"{folder}/prefect", LOGNAME="anna", **QUIET)
        from benchmarks.climb.house import Writer, climbing
        from tests.flows.scripted_model import scripted_model

        writer = Writer()
        with scripted_model(writer) as url, climbing(folder, url) as environment:
            story = asyncio.run(told(folder, writer, environment))
        if wanted.keep is not None:
            kept(folder, Path(environment["MIDWATCH_HOME"]), wanted.keep)
        result = as_result(story, round(time.monotonic() - started, 1))
    tell(
        result,
        lambda console: console.print(summary(result), markup=False, soft_wrap=True),
        output=wanted.output,
        as_json=wanted.json,
    )
    return 0 if held(story.steps) else 1


def kept(project: Path, home: Path, to: Path) -> None:
    """The ledger, which nobody holds open any more, and the agents' files: a home of which the page can be shown."""
    shutil.copytree(project / "agents", to / "agents")
    shutil.copy(home / "ledger.db", to)


def held(steps: Mapping[str, bool]) -> bool:
    """Whether all of it happened."""
    return bool(steps) and all(steps.values())


def as_result(story: Story, seconds: float) -> dict[str, Any]:
    """What is written down."""
    return {
        "days": story.day,
        "runs": len(story.runs),
        "asked": sum(run.asked for run in story.runs),
        "unasked": sum(run.unasked for run in story.runs),
        "outcomes": sorted({run.outcome for run in story.runs}),
        "seconds": seconds,
        "steps": story.steps,
        "said": story.said,
        "looks": [asdict(look) for look in story.looks],
    }


def summary(result: Mapping[str, Any]) -> str:
    """For a terminal."""
    lines = [f"{'yes' if happened else 'NO '}  {what}" for what, happened in result["steps"].items()]
    counted = ", ".join(f"{result[name]} {name}" for name in ("days", "runs", "asked", "unasked"))
    return "\n".join([*lines, f"{counted}; {result['seconds']:.0f} s"])


if __name__ == "__main__":
    sys.exit(main())
