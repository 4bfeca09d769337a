"""Something of the house dies, hangs or cannot be read: who notices, in how many seconds, and who is told what?

    python -m benchmarks.who_notices [--only WORD,WORD]

A real house of its own, with a webhook and a ping address on loopback. `kill` is kill -9, `stop` is SIGSTOP: the process is
there and does nothing. "noticed" is the first of: the supervisor starts it again, the lookout writes it in its log, the ping
address is asked for its `/fail`, the keeper says that a run is revived. "back" is when it works again by itself; "told" is
when the webhook got the message. Writes benchmarks/results/who_notices.json, a list of {what, noticed_by, noticed_s, back_s,
told_s, told}.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.noticing.stage import PATIENCE, Figure, Heard, Stage, outside
from benchmarks.own_house import own_house

if TYPE_CHECKING:
    from uuid import UUID

    from cli.home import House
    from tests.flows.scripted_model import Script

RESULTS: Final = Path(__file__).parent / "results" / "who_notices.json"
HANGS: Final = """
tools: [{write_file: {root: work}}]
rules: {allow: [write_file]}
contract: {done_when: [{file: {path: work/there.txt}}]}
"""


async def killed(stage: Stage, name: str) -> None:
    """The supervisor starts it again."""
    await stage.calm()
    pid, since = stage.pid(name), time.time()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    noticed = await stage.until(lambda: stage.pid(name) not in (None, pid), since)
    back = await _works(stage, name, since)
    stage.enter(f"{name} killed", "supervisor", noticed, back, since)


async def _works(stage: Stage, name: str, since: float) -> float | None:
    from cli.beat import beaten
    from cli.upkeep import answers

    match name:
        case "server":
            return await stage.until(lambda: answers(f"{stage.house.url}/api/health"), since)
        case "keeper":
            return await stage.until(lambda: beaten(stage.house.home, "keeper") > since, since)
        case _:
            return await stage.until(lambda: stage.pid(name), since)


async def stopped(stage: Stage, name: str) -> None:
    """Nobody starts what is there; somebody is told."""
    await stage.calm()
    pid, since = stage.pid(name), time.time()
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    noticed = await stage.until(lambda: stage.logged("lookout", f" {name}:", since), since)
    await stage.until(lambda: stage.heard.first("/tell", since), since)
    os.kill(pid, signal.SIGCONT)
    stage.enter(f"{name} hangs", "lookout", noticed, None, since)


async def unreadable(stage: Stage) -> None:
    """The ledger's file holds something else."""
    await stage.calm()
    ledger, since = stage.house.home / "ledger.db", time.time()
    ledger.rename(stage.house.home / "ledger.away")
    ledger.write_bytes(os.urandom(65536))
    noticed = await stage.until(lambda: stage.logged("lookout", " ledger:", since), since)
    await stage.until(lambda: stage.heard.first("/tell", since), since)
    (stage.house.home / "ledger.away").replace(ledger)
    stage.enter("ledger unreadable", "lookout", noticed, None, since)


async def run_lost(stage: Stage, what: str, kill: Callable[[Stage, UUID], Awaitable[None]]) -> None:
    """A run in the middle of a request to its model loses its process, and goes on."""
    from tests.flows.scripted_model import Hold

    await stage.calm()
    name = what.replace(" ", "-").replace(",", "")
    hold = stage.night.script.holds[name] = Hold(turn=0)
    agent = stage.night.agent(name, HANGS, "done")
    (stage.night.project / "work").mkdir(exist_ok=True)
    (stage.night.project / "work" / "there.txt").touch()
    run_id = await stage.night.start(agent)
    await asyncio.to_thread(hold.reached.wait, PATIENCE)
    since = time.time()
    await kill(stage, run_id)
    hold.go.set()
    ending = asyncio.create_task(stage.night.ended(run_id, seconds=PATIENCE))
    revived = partial(stage.logged, "keeper", f"revived: {agent}", since)
    noticed = await stage.until(lambda: revived() or ending.done(), since)
    noticed = noticed if revived() else None
    row = await ending
    back = round(time.time() - since, 1)
    stage.enter(f"{what}; the run ended {row.outcome}", "keeper", noticed, back, since)


async def _process(_stage: Stage, run_id: UUID) -> None:
    from tests.flows.processes import process_of

    process_of(run_id).kill()


async def _worker_and_process(stage: Stage, run_id: UUID) -> None:
    pid = stage.pid("worker")
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    with suppress(AssertionError, psutil.Error):
        await _process(stage, run_id)


async def _worker(stage: Stage, _run_id: UUID) -> None:
    pid = stage.pid("worker")
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


async def _machine(stage: Stage, _run_id: UUID) -> None:
    """Every process of the house dies at once, and the house is started again."""
    from cli import inhabitants, occupancy, record

    state = record.read(stage.house.record)
    assert state is not None
    everybody = [*inhabitants.find(inhabitants.of_home(stage.house.home)), *filter(None, [state.supervisor.process()])]
    for process in everybody:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(everybody, timeout=20)
    stage.console.print(f"the machine is back ({len(everybody)} processes were killed)")
    stage.supervisors.append(await asyncio.to_thread(occupancy.start, stage.house, leashed=True))


async def supervisor_gone(stage: Stage) -> None:
    """Everything ends with it; only what does not belong to the house is left: a line of cron, here each 10 s."""
    from cli import occupancy, record

    await stage.calm()
    state, since = record.read(stage.house.record), time.time()
    assert state is not None
    os.kill(state.supervisor.pid, signal.SIGKILL)
    noticed = None
    while stage.heard.first("/tell", since) is None and time.time() - since < PATIENCE:
        argv = [sys.executable, "-c", "from cli.main import main; main()", "lookout", "--tell"]
        done = await asyncio.to_thread(subprocess.run, argv, capture_output=True, text=True)
        noticed = noticed or (round(time.time() - since, 1) if done.returncode == 1 else None)
        await asyncio.sleep(10)
    stage.enter("supervisor killed, all with it", "midwatch lookout --tell", noticed, None, since)
    stage.supervisors.append(await asyncio.to_thread(occupancy.start, stage.house, leashed=True))


async def act(stage: Stage, only: str) -> None:
    steps: dict[str, Callable[[], Awaitable[None]]] = {
        **{
            f"{name} killed": partial(killed, stage, name)
            for name in ("server", "worker", "keeper", "notifier", "lookout")
        },
        **{f"{name} hangs": partial(stopped, stage, name) for name in ("server", "worker", "keeper")},
        "ledger unreadable": partial(unreadable, stage),
        "run's process killed": partial(run_lost, stage, "run process killed", _process),
        "worker killed, process lives": partial(run_lost, stage, "worker killed in mid-run", _worker),
        "worker and process killed": partial(run_lost, stage, "worker and process killed", _worker_and_process),
        "machine restarted": partial(run_lost, stage, "machine restarted", _machine),
        "supervisor killed": partial(supervisor_gone, stage),
    }
    for name, step in steps.items():
        if any(word in name for word in only.split(",")):
            stage.console.print(f"== {name}")
            await step()


def shown(figures: list[Figure]) -> Table:
    table = Table("what", "noticed by", "noticed s", "back s", "told s", "told")
    for each in figures:
        cells = ["-" if value is None else f"{value:.1f}" for value in (each.noticed_s, each.back_s, each.told_s)]
        table.add_row(each.what, each.noticed_by, *cells, each.told)
    return table


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.who_notices")
    parser.add_argument("--only", default="", help="Cases whose name holds one of these words.")
    only, console = parser.parse_args().only, Console(soft_wrap=True)
    with outside() as (heard, port):
        told = f"http://127.0.0.1:{port}"
        with own_house(MIDWATCH_TELL_URL=f"{told}/tell", MIDWATCH_PING_URL=f"{told}/ping") as (house, script):
            figures = asyncio.run(_measured(house, script, heard, only, console))
    console.print(shown(figures))
    if not only:
        RESULTS.write_text(json.dumps([asdict(each) for each in figures], indent=2) + "\n")


async def _measured(house: House, script: Script, heard: Heard, only: str, console: Console) -> list[Figure]:
    from midwatch.ledger import Ledger
    from tests.flows.conftest import Night

    async with Ledger.open(f"sqlite+aiosqlite:///{house.home / 'ledger.db'}") as ledger:
        await ledger.migrate()
        stage = Stage(night=Night(house=house, script=script, _ledger=(ledger,)), heard=heard, console=console)
        await act(stage, only)
    return stage.figures


if __name__ == "__main__":
    main()
