"""The house: how does Prefect's server run without standing still? `python -m cli.prefect_server WORDS` is `prefect WORDS`.

Python collects garbage in whichever thread allocates next, here mostly the event loop's. If it meets an SQLite statement
there whose connection waits for the write lock in a thread of its own, the event loop waits with it; and who has the lock
needs the event loop to let go of it. Everything stands until that wait is given up, after 60 s (Prefect 3.8.8 on aiosqlite,
seen with three runs at once). So garbage is collected in a thread that may wait.

SQLite refuses a transaction at once, however long it would wait, when it has read and somebody else has written since. Most
of Prefect's transactions begin so; it answers 503 then, and its client tries again after 2, 4, 8 ... 256 s: with eight that
write side by side, one request in five to nine in ten, and a run that stood still for nine minutes. So every transaction
begins as Prefect's own do that it begins "for update": it waits for its turn to write, and then reads.
"""

from __future__ import annotations

import gc
import itertools
import runpy
import threading
import time
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession, AsyncSessionTransaction

EVERY_SECONDS: Final = 1.0
FULL_EVERY: Final = 10
"""Every so many times the oldest generation is looked at, too."""
STARTING: Final = 3
"""So many of those looks fall into its start: what is left after them is there for good and not looked at again."""


def collect_elsewhere() -> None:
    """Collect garbage in a thread of its own, and in no other."""
    gc.disable()
    threading.Thread(target=_collect, name="garbage", daemon=True).start()


def _collect() -> None:
    for number in itertools.count(1):
        time.sleep(EVERY_SECONDS)
        full, part = divmod(number, FULL_EVERY)
        gc.collect(1 if part else 2)
        if not part and full <= STARTING:
            gc.freeze()


def write_in_turn() -> None:
    """Let every transaction that Prefect begins on SQLite take the write lock first."""
    from prefect.server.database.configurations import AioSqliteConfiguration

    begin = AioSqliteConfiguration.begin_transaction

    def begin_in_turn(
        database: AioSqliteConfiguration,
        session: AsyncSession,
        with_for_update: bool = False,  # noqa: ARG001  # always so
    ) -> AbstractAsyncContextManager[AsyncSessionTransaction]:
        return begin(database, session, with_for_update=True)

    AioSqliteConfiguration.begin_transaction = begin_in_turn  # type: ignore[assignment, method-assign]


def main() -> None:
    collect_elsewhere()
    write_in_turn()
    runpy.run_module("prefect", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
