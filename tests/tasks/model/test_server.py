"""One model server for the installation: started on demand, found again, ended."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from midwatch.errors import ModelUnavailable
from tasks.model.llama import IDLE_SECONDS, is_mine, still_wanted, write_state
from tasks.model.server import STATE_FILE, Endpoint, ensure_server, stop_server

FAKE_SERVER = """
import sys, time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from tasks.model.llama import write_state, is_mine

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

server = HTTPServer(("127.0.0.1", 0), Handler)
Thread(target=server.serve_forever, daemon=True).start()
state = Path(sys.argv[1])
with Path(sys.argv[2]).open("a") as starts:
    starts.write("started\\n")
write_state(state, f"http://127.0.0.1:{server.server_port}", "key")
while is_mine(state):
    time.sleep(0.05)
"""
"""What `tasks.model.llama` does, with an HTTP server that needs no weights."""


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Path]:
    yield tmp_path
    await stop_server(tmp_path)


async def ensure(home: Path) -> Endpoint:
    command = [sys.executable, "-c", FAKE_SERVER, str(home / STATE_FILE), str(home / "starts")]
    return await ensure_server(home, command=command, timeout_seconds=20)


def server_of(home: Path) -> psutil.Process:
    return psutil.Process(json.loads((home / STATE_FILE).read_text())["pid"])


def gone(pid: int) -> bool:
    """Ended, whether or not the machine's first process has taken notice yet."""
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


async def test_two_who_need_it_at_once_start_one_server(home: Path) -> None:
    first, second = await asyncio.gather(ensure(home), ensure(home))
    assert first == second
    assert (home / "starts").read_text().splitlines() == ["started"]


async def test_it_is_nobodys_child_so_that_no_run_takes_it_along(home: Path) -> None:
    await ensure(home)
    assert server_of(home) not in psutil.Process().children(recursive=True)


async def test_stopping_ends_the_process(home: Path) -> None:
    await ensure(home)
    process = server_of(home)
    assert await stop_server(home)
    assert gone(process.pid)
    assert not await stop_server(home)


async def test_a_server_that_died_is_started_again(home: Path) -> None:
    before = await ensure(home)
    server_of(home).kill()
    assert await ensure(home) != before


async def test_a_reused_pid_is_not_mistaken_for_the_server(home: Path) -> None:
    state = {"base_url": "http://127.0.0.1:9", "api_key": "k", "pid": os.getpid(), "started": 0}
    (home / STATE_FILE).write_text(json.dumps(state))
    endpoint = await ensure(home)
    assert endpoint.base_url != "http://127.0.0.1:9"


async def test_asking_for_it_counts_as_a_use(home: Path) -> None:
    await ensure(home)
    os.utime(home / STATE_FILE, (0, 0))
    await ensure(home)
    assert (home / STATE_FILE).stat().st_mtime > 0


async def test_a_server_that_ends_while_starting_shows_its_last_words(home: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit('out of memory')"]
    with pytest.raises(ModelUnavailable, match="out of memory"):
        await ensure_server(home, command=command)


async def test_a_server_that_never_answers_is_given_up_and_ended(home: Path) -> None:
    waits = "import os, time, pathlib; pathlib.Path('{}').write_text(str(os.getpid())); time.sleep(60)"
    with pytest.raises(ModelUnavailable, match="did not answer within 1 s"):
        await ensure_server(home, command=[sys.executable, "-c", waits.format(home / "pid")], timeout_seconds=1)
    assert gone(int((home / "pid").read_text()))


async def test_missing_weights_are_said_with_the_command_that_fetches_them(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIDWATCH_MODELS", str(home / "nothing"))
    monkeypatch.delenv("MIDWATCH_MODEL_PATH", raising=False)
    with pytest.raises(ModelUnavailable, match="python -m tasks"):
        await ensure_server(home)


def test_the_key_is_for_its_owner_only(tmp_path: Path) -> None:
    write_state(tmp_path / STATE_FILE, "http://127.0.0.1:1", "key")
    assert stat.S_IMODE((tmp_path / STATE_FILE).stat().st_mode) == 0o600


@pytest.mark.parametrize(("idle", "wanted"), [(0, True), (IDLE_SECONDS - 1, True), (IDLE_SECONDS + 1, False)])
def test_it_ends_after_half_an_hour_without_a_use(tmp_path: Path, idle: float, wanted: bool) -> None:
    file = tmp_path / STATE_FILE
    write_state(file, "http://127.0.0.1:1", "key")
    assert still_wanted(file, now=file.stat().st_mtime + idle) is wanted


def test_it_ends_when_its_file_is_gone_or_speaks_of_another(tmp_path: Path) -> None:
    file = tmp_path / STATE_FILE
    write_state(file, "http://127.0.0.1:1", "key")
    assert is_mine(file)
    file.write_text(json.dumps({"pid": 1}))
    assert not is_mine(file)
    file.unlink()
    assert not is_mine(file)
