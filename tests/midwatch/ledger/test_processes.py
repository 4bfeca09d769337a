"""Processes: two that race, and one that is killed in the middle."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from midwatch.ledger import Ledger

Spawn = Callable[..., subprocess.Popen[str]]

RACE = """
import asyncio, json, sys
from midwatch.ledger import Ledger

async def race(url, me):
    async with Ledger.open(url) as ledger:
        await ledger.migrate()
        print("ready", flush=True)
        sys.stdin.readline()
        won = {"slots": [], "effects": []}
        for number in range(25):
            if (await ledger.claim_slot("night-owl", f"slot {number}", me)).won:
                won["slots"].append(number)
            effect = await ledger.reserve(
                "run-1", f"c{number}", digest="d", tool="mail", args_json="{}", idempotency_key=f"k{number}"
            )
            if effect.state == "reserved":
                won["effects"].append(number)
        print(json.dumps(won), flush=True)

asyncio.run(race(*sys.argv[1:]))
"""

RESERVE_AND_WAIT = """
import asyncio, sys
from midwatch.ledger import Ledger

async def reserve(url):
    async with Ledger.open(url) as ledger:
        await ledger.reserve("run-1", "c1", digest="d", tool="mail", args_json="{}", idempotency_key="k")
        print("reserved", flush=True)
        sys.stdin.readline()

asyncio.run(reserve(sys.argv[1]))
"""

WRITE_AND_WAIT = """
import asyncio, sys
from midwatch.ledger import Ledger
from midwatch.ledger.tables import slots

def work(tx):
    tx.insert(slots, agent="night-owl", slot="s", run_id="killed", claimed_at=tx.at)
    print("written, not committed", flush=True)
    sys.stdin.readline()

async def write(url):
    async with Ledger.open(url) as ledger:
        await ledger.write(work, durable=True)

asyncio.run(write(sys.argv[1]))
"""

MIGRATE = """
import asyncio, sys
from midwatch.ledger import Ledger

async def migrate(url, me):
    async with Ledger.open(url) as ledger:
        print("ready", flush=True)
        sys.stdin.readline()
        await ledger.migrate()
        print((await ledger.claim_slot("night-owl", "s", me)).won, flush=True)

asyncio.run(migrate(*sys.argv[1:]))
"""


async def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return await asyncio.to_thread(process.stdout.readline)


async def raced(spawn: Spawn, script: str, url: str) -> list[Any]:
    """What each of two processes says after both were told to go at the same moment."""
    racers = [spawn(script, url, me) for me in ("one", "other")]
    for racer in racers:
        assert await line(racer) == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    return [await line(racer) for racer in racers]


async def test_two_processes_never_win_the_same_slot_or_effect(
    ledger: Ledger, run_id: str, url: str, spawn: Spawn
) -> None:
    won = [json.loads(said) for said in await raced(spawn, RACE, url)]
    for prize in ("slots", "effects"):
        assert sorted(won[0][prize] + won[1][prize]) == list(range(25))
    report = await ledger.verify_chain()
    assert (report.ok, report.rows) == (True, 1 + 25 + 25)


async def test_two_processes_migrate_one_new_file(tmp_path: Path, spawn: Spawn) -> None:
    assert sorted(await raced(spawn, MIGRATE, f"sqlite:///{tmp_path / 'new.db'}")) == ["False\n", "True\n"]


async def test_an_effect_of_a_killed_process_is_in_doubt(ledger: Ledger, run_id: str, url: str, spawn: Spawn) -> None:
    process = spawn(RESERVE_AND_WAIT, url)
    assert await line(process) == "reserved\n"
    process.kill()
    process.wait()
    call: dict[str, Any] = {"digest": "d", "tool": "mail", "args_json": "{}", "idempotency_key": "k"}
    assert (await ledger.reserve(run_id, "c1", **call)).state == "in_doubt"
    assert (await ledger.verify_chain()).rows == 2


async def test_a_process_killed_while_it_writes_leaves_nothing_behind(
    blank_sqlite: Path, tmp_path: Path, spawn: Spawn
) -> None:
    url = f"sqlite:///{shutil.copy(blank_sqlite, tmp_path / 'ledger.db')}"
    process = spawn(WRITE_AND_WAIT, url)
    assert await line(process) == "written, not committed\n"
    process.kill()
    process.wait()
    async with Ledger.open(url) as ledger:
        assert (await ledger.claim_slot("night-owl", "s", "next")).won
