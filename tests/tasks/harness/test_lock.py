from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

from tasks.harness.lock import is_alive, only_process_of

HOLD = """
import asyncio, sys
from pathlib import Path
from tasks.harness.lock import only_process_of

async def main():
    async with only_process_of("run", Path(sys.argv[1])):
        print("held", flush=True)
        await asyncio.sleep(3600)

asyncio.run(main())
"""


def holder(locks: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(locks)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_run_nobody_has_started_is_not_alive(tmp_path: Path) -> None:
    assert not is_alive("run", tmp_path)


async def test_a_run_is_alive_as_long_as_its_process_and_not_a_moment_longer(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        assert is_alive("run", tmp_path)
        process.kill()
        process.wait()
        assert not is_alive("run", tmp_path)


async def test_a_second_process_waits_until_the_first_is_gone(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        entered = asyncio.Event()

        async def second() -> None:
            async with only_process_of("run", tmp_path):
                entered.set()

        task = asyncio.create_task(second())
        await asyncio.sleep(0)
        assert not entered.is_set()
        process.kill()
        process.wait()
        async with asyncio.timeout(10):
            await task
        assert entered.is_set()
