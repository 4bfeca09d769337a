"""The approval page: how long may a connection take to say what it wants? Who only holds one keeps nobody else out."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

SECONDS: Final = 10.0
"""From the first byte of a request, or the opening of its connection, until it has arrived whole."""
BYTES_A_SECOND: Final = 200_000
"""A request that announces a long body has a second more for so many bytes."""
LONGEST: Final = 30.0


class Patient(H11Protocol):
    """Closes a connection whose request does not arrive; an idle one uvicorn's own `timeout_keep_alive` closes."""

    def __init__(self, *args: Any, seconds: float = SECONDS, **more: Any) -> None:
        super().__init__(*args, **more)
        self._seconds = seconds
        self._began = self.loop.time()
        self._limit: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._expect(self._seconds)

    def data_received(self, data: bytes) -> None:
        if self._limit is None:
            self._began = self.loop.time()
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
        super().connection_lost(exc)

    def _watch(self) -> None:
        """One deadline for each request: no byte that trickles in moves it."""
        match self.conn.their_state:
            case h11.SEND_BODY:
                self._expect(min(LONGEST, self._seconds + self._announced() / BYTES_A_SECOND))
            case h11.IDLE if self.timeout_keep_alive_task is None or self.conn.trailing_data[0]:
                self._expect(self._seconds)
            case _:
                self._forget()

    def _announced(self) -> int:
        sizes = [value for name, value in self.headers or [] if name == b"content-length"]
        return int(sizes[0]) if sizes else 0

    def _expect(self, seconds: float) -> None:
        self._forget()
        self._limit = self.loop.call_at(self._began + seconds, self.transport.abort)

    def _forget(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None


def patient(seconds: float = SECONDS) -> Any:
    """The protocol with that much time for a request, as `uvicorn.Config.http` takes it."""
    return partial(Patient, seconds=seconds)
