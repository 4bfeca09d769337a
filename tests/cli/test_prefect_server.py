from __future__ import annotations

import subprocess
import sys

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


def test_garbage_is_collected_in_a_thread_of_its_own() -> None:
    out = subprocess.run([sys.executable, "-c", COLLECTED], capture_output=True, text=True, timeout=60, check=True)
    assert out.stdout == "['garbage']\n"
