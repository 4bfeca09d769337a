import subprocess
import sys
import threading

import pytest

from tasks.tools.threads import Threads

HANGS = """
import asyncio
import time

from tasks.tools.threads import Threads


async def give_up() -> None:
    call = asyncio.get_running_loop().run_in_executor(Threads(), time.sleep, 3600)
    try:
        await asyncio.wait_for(call, 0.1)
    except TimeoutError:
        print("given up")


asyncio.run(give_up())
"""


def test_a_call_gives_what_it_returns_or_raises() -> None:
    assert Threads().submit(divmod, 7, 3).result() == (2, 1)
    with pytest.raises(ZeroDivisionError):
        Threads().submit(divmod, 7, 0).result()


def test_a_thread_is_kept_for_the_next_call() -> None:
    threads = Threads()
    assert len({threads.submit(threading.get_ident).result() for _ in range(20)}) == 1


def test_it_is_busy_as_long_as_a_call_is_under_way() -> None:
    threads, go_on = Threads(), threading.Event()
    assert not threads.busy
    given_up = threads.submit(go_on.wait)
    threads.submit(threading.get_ident).result()
    seen = [threads.busy]
    go_on.set()
    given_up.result()
    assert [*seen, threads.busy] == [True, False]


def test_a_call_that_never_comes_back_does_not_keep_the_process() -> None:
    ended = subprocess.run([sys.executable, "-c", HANGS], capture_output=True, text=True, timeout=30, check=True)
    assert ended.stdout == "given up\n"
