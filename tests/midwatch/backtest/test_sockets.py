from __future__ import annotations

import asyncio
import os
import pty
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping

import pytest

from midwatch.backtest import SocketRefused, closed_sockets
from midwatch.backtest.judged import TwoCores
from midwatch.errors import CallError
from midwatch.policy import Policy, ServerFacts

Made = socket.socket
"""Taken before: who did so is refused as well."""
WAYS: dict[str, Callable[[], object]] = {
    "tcp": lambda: Made(socket.AF_INET, socket.SOCK_STREAM),
    "unix": lambda: socket.socket(socket.AF_UNIX),
    "connection": lambda: socket.create_connection(("127.0.0.1", 9)),
    "name": lambda: socket.getaddrinfo("localhost", 80),
    "address": lambda: socket.getnameinfo(("127.0.0.1", 80), 0),
    "fork": lambda: os.fork() or os._exit(0),
    "terminal": lambda: pty.fork()[0] or os._exit(0),
    "program": lambda: subprocess.run([sys.executable, "-c", ""], check=True),
}


@pytest.mark.parametrize("way", WAYS)
def test_nothing_reaches_out_while_sockets_are_closed(way: str) -> None:
    with closed_sockets(), pytest.raises(SocketRefused, match="reaches out to nothing"):
        WAYS[way]()


@pytest.mark.parametrize("way", ["sendto", "sendmsg"])
def test_a_socket_that_was_made_before_sends_to_nobody(way: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as before, closed_sockets(), pytest.raises(SocketRefused):
        before.sendto(b"", ("127.0.0.1", 9)) if way == "sendto" else before.sendmsg([b""], (), 0, ("127.0.0.1", 9))


def test_the_second_core_reaches_out_to_nothing_either() -> None:
    class Reaching:
        servers: Mapping[str, ServerFacts] = {}

        @property
        def policy(self) -> Policy:
            try:
                socket.socket().close()
            except SocketRefused as refused:
                raise CallError("refused") from refused
            raise OSError("it has a socket, and this process ends")

    with TwoCores(Reaching()) as judge:
        judge._asks.send([("shell", "{}", ())])  # the other core alone
        judge._rest = []
        assert judge.answers() == [None]


def test_a_thread_is_refused_as_well() -> None:
    found: list[Exception] = []

    def reach() -> None:
        try:
            socket.socket()
        except SocketRefused as refused:
            found.append(refused)

    with closed_sockets():
        thread = threading.Thread(target=reach)
        thread.start()
        thread.join()
    assert found


def test_afterwards_sockets_open_again() -> None:
    with closed_sockets(), closed_sockets():
        pass
    socket.socket().close()


def test_an_event_loop_that_runs_already_goes_on() -> None:
    async def work() -> int:
        with closed_sockets():
            return await asyncio.to_thread(lambda: 7)

    assert asyncio.run(work()) == 7
