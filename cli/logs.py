"""The house: where does what its processes print go? One file each, bounded in size."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Iterator
from logging.handlers import RotatingFileHandler
from pathlib import Path

from cli.home import House

MAX_BYTES = 5_000_000
KEPT = 3
"""Older files beside the current one: `server.log.1` to `server.log.3`."""
TAIL_LINES = 15


def path_of(house: House, name: str) -> Path:
    return house.logs / f"{name}.log"


@contextlib.contextmanager
def opened(house: House, name: str, *, dated: bool = False) -> Iterator[logging.Logger]:
    """A logger that writes to `NAME.log` and nowhere else.

    Args:
        dated: put the time before each line; the children's own lines have one already.
    """
    logger = logging.Logger(name)
    handler = RotatingFileHandler(path_of(house, name), maxBytes=MAX_BYTES, backupCount=KEPT)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s" if dated else "%(message)s"))
    logger.addHandler(handler)
    try:
        yield logger
    finally:
        handler.close()


async def funnel(logger: logging.Logger) -> tuple[int, asyncio.Task[None]]:
    """A descriptor to give to a child as its output, and the task that copies it into the log until all have closed it.

    A pipe of our own: asyncio's `Process.wait` also waits until its pipes are closed, by grandchildren too
    (https://github.com/python/cpython/issues/119710).
    """
    reading, writing = os.pipe()
    stream = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(stream)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, os.fdopen(reading, "rb", 0))
    task = asyncio.create_task(_copy(stream, logger))
    task.add_done_callback(lambda _: transport.close())
    return writing, task


async def _copy(stream: asyncio.StreamReader, logger: logging.Logger) -> None:
    """A line without an end is cut into pieces."""
    rest = b""
    while chunk := await stream.read(65_536):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            logger.info(line.decode(errors="replace").rstrip())
        if len(rest) > 65_536:
            logger.info(rest.decode(errors="replace"))
            rest = b""
    if rest:
        logger.info(rest.decode(errors="replace"))


def tail(house: House, name: str, lines: int = TAIL_LINES) -> str:
    """The last lines of a log; "" when there is none."""
    try:
        text = path_of(house, name).read_text(errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-lines:])
