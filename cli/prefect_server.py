"""The house: how does Prefect's server run without standing still? `python -m cli.prefect_server WORDS` is `prefect WORDS`.

Python collects garbage in whichever thread allocates next, here mostly the event loop's. If it meets an SQLite statement
there whose connection waits for the write lock in a thread of its own, the event loop waits with it; and who has the lock
needs the event loop to let go of it. Everything stands until that wait is given up, after 60 s (Prefect 3.8.8 on aiosqlite,
seen with three runs at once). So garbage is collected in a thread that may wait.
"""

from __future__ import annotations

import gc
import itertools
import runpy
import threading
import time
from typing import Final

EVERY_SECONDS: Final = 1.0
FULL_EVERY: Final = 10
"""Every so many times the oldest generation is looked at, too."""


def collect_elsewhere() -> None:
    """Collect garbage in a thread of its own, and in no other."""
    gc.disable()
    threading.Thread(target=_collect, name="garbage", daemon=True).start()


def _collect() -> None:
    for number in itertools.count(1):
        time.sleep(EVERY_SECONDS)
        gc.collect(2 if number % FULL_EVERY == 0 else 1)


def main() -> None:
    collect_elsewhere()
    runpy.run_module("prefect", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
