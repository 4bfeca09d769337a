"""The house: which port may a part of it have, which had it the last time, and who holds it if not we?"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from pathlib import Path

import psutil

from cli.home import ADDRESS
from midwatch.errors import HouseError

USUAL = range(4200, 4300)
"""Prefect's own port first."""


def first_free(ports: Iterable[int] = USUAL) -> int:
    """The first port that can be bound now. Raises HouseError when there is none."""
    for port in ports:
        if is_free(port):
            return port
    raise HouseError("every port from 4200 to 4299 is in use: choose one yourself with `midwatch up --port N`")


def claimable(port: int) -> int:
    """`port`, or HouseError saying who has it and what to do."""
    if is_free(port):
        return port
    raise HouseError(
        f"port {port} is in use by {holder(port)}: stop that, or choose another port with `midwatch up --port N`"
    )


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ADDRESS, port))
        except OSError:
            return False
        return True


def holder(port: int) -> str:
    """`NAME (pid N)` of the process that listens on `port`, as far as this user may know."""
    for process in psutil.process_iter():
        try:
            connections = process.net_connections("tcp")
            if any(each.status == psutil.CONN_LISTEN and each.laddr.port == port for each in connections):
                return f"{process.name()} (pid {process.pid})"
        except psutil.Error:
            continue
    return "a process that this user may not see"


def port_in(remembered: Path) -> int | None:
    """The port that a file holds; None where there is no such file. Raises HouseError where it holds none."""
    try:
        return int(remembered.read_text())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise HouseError(f"{remembered} does not hold a port number: remove it") from error
