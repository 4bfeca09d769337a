"""The house: how does one of its processes serve HTTP? On 127.0.0.1 and the port that it had the last time."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp

from cli.home import ADDRESS
from cli.ports import first_free, holder, port_in
from midwatch.errors import HouseError
from midwatch.whole_file import write_whole


class Server(uvicorn.Server):
    """Ended by us alone: uvicorn would end the process with its own signal before anything else is closed."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def served(
    app: ASGIApp,
    listener: socket.socket,
    stop: asyncio.Event,
    *,
    connections: int,
    http: Any = "h11",
) -> None:
    """Answer until `stop`; what is under way then is answered still. No access log: addresses may hold what is secret.

    Args:
        connections: at once; more are told to come again.
        http: who speaks it on a connection, as `uvicorn.Config.http` takes it.
    """
    config = uvicorn.Config(
        app,
        http=http,
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=connections,
        timeout_graceful_shutdown=5,
    )
    server = Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    await asyncio.wait([serving, stopped := asyncio.create_task(stop.wait())], return_when="FIRST_COMPLETED")
    server.should_exit = True
    await serving
    stopped.cancel()


async def health(_: Request) -> Response:
    """That it answers at all, for whoever asks `/health`."""
    return PlainTextResponse("ok\n")


@contextmanager
def listening(remembered: Path, usual: Sequence[int], *, backlog: int) -> Iterator[socket.socket]:
    """A socket on the port that the file `remembered` holds, else on the first free one of `usual`, which it then holds.

    Raises:
        HouseError: the port is somebody else's, or the file does not hold one.
    """
    port = port_in(remembered) or first_free(usual)
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((ADDRESS, port))
        except OSError as error:
            raise HouseError(
                f"port {port} is in use by {holder(port)}: stop that, or write another into {remembered}"
            ) from error
        listener.listen(backlog)
        write_whole(remembered, f"{port}\n")
        yield listener
