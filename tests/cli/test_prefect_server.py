from __future__ import annotations

import subprocess
import sys
from pathlib import Path

COLLECTED = """
import gc, threading, time
from cli.prefect_server import collect_elsewhere


class Cycle:
    def __init__(self):
        self.me = self

    def __del__(self):
        threads.append(threading.current_thread().name)


threads = []
collect_elsewhere()
Cycle()
[[] for _ in range(100_000)]
assert threads == []
while not threads:
    time.sleep(0.1)
print(threads)
"""

COUNTED = """
import asyncio, sys
from prefect.server.database.configurations import AioSqliteConfiguration
from sqlalchemy import text
from cli.prefect_server import write_in_turn


async def count_on(database):
    async with await database.session(await database.engine()) as session, database.begin_transaction(session):
        last = (await session.execute(text("SELECT max(number) FROM numbers"))).scalar_one()
        await session.execute(text("INSERT INTO numbers VALUES (:next)"), {"next": last + 1})


async def main():
    database = AioSqliteConfiguration(connection_url=f"sqlite+aiosqlite:///{sys.argv[1]}")
    async with (await database.engine()).begin() as connection:
        await connection.execute(text("CREATE TABLE numbers AS SELECT 0 AS number"))
    await asyncio.gather(*(count_on(database) for _ in range(8)))
    async with (await database.engine()).connect() as connection:
        print(list((await connection.execute(text("SELECT number FROM numbers ORDER BY number"))).scalars()))


write_in_turn()
asyncio.run(main())
"""


def test_garbage_is_collected_in_a_thread_of_its_own() -> None:
    out = subprocess.run([sys.executable, "-c", COLLECTED], capture_output=True, text=True, timeout=60, check=True)
    assert out.stdout == "['garbage']\n"


def test_of_several_that_read_and_then_write_none_is_refused(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", COUNTED, str(tmp_path / "prefect.db")]
    out = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=True)
    assert out.stdout == "[0, 1, 2, 3, 4, 5, 6, 7, 8]\n"
