"""Under all six layers: how do people see a run's operations? As task runs of its flow run, in Prefect's own UI.

Prefect's task engine tells the server of a task run by events, and the server keeps what they say. The same events are
sent here, without the engine: it takes 4 to 5 ms for each task, an event about 0.1. They go out together, a few times a
second; an operation that lasts longer than that is shown as running. Seeing is not what a run depends on: while the
server is away they wait, and a run goes on.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal
from uuid import UUID, uuid4, uuid5

import httpx
from prefect.client.orchestration import get_client
from prefect.exceptions import PrefectHTTPStatusError

from tasks.step.log import Layer

EVERY_SECONDS: Final = 0.5
AT_MOST: Final = 500
"""Events in one request."""
KEPT: Final = 20_000
"""Events that wait for a server that is away; the oldest go first."""
_LAST_SECONDS: Final = 5.0
"""How long the end of a run waits for its last events to be taken."""

Event = dict[str, Any]
Send = Callable[[list[Event]], Awaitable[None]]
StateType = Literal["RUNNING", "COMPLETED", "FAILED"]


@dataclass
class Operation:
    """One operation that people see."""

    layer: Layer
    title: str
    position: str
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    clock: float = field(default_factory=time.monotonic)
    told: bool = False
    """The server knows that it is running."""


@dataclass
class TaskRuns:
    """The operations of one life of a run. `shown` is a `tasks.step.log.Show`."""

    flow_run_id: UUID
    send: Send
    _open: dict[str, Operation] = field(default_factory=dict)
    _events: deque[Event] = field(default_factory=lambda: deque(maxlen=KEPT))

    @contextmanager
    def shown(self, layer: Layer, title: str, position: str) -> Iterator[None]:
        """Show one operation for as long as the context lasts: completed, or failed when it raises."""
        operation = self._open[position] = Operation(layer, title, position)
        try:
            yield
        except BaseException as error:
            self._end(operation, "FAILED", f"{type(error).__name__}: {error}")
            raise
        self._end(operation, "COMPLETED", "")

    async def flush(self) -> None:
        """Send what there is to tell now; what comes meanwhile goes with the next. What could not be sent is kept."""
        now = time.monotonic()
        for operation in self._open.values():
            if not operation.told and now - operation.clock >= EVERY_SECONDS:
                operation.told = True
                self._events.append(event(self.flow_run_id, operation, "RUNNING"))
        for waiting in range(len(self._events), 0, -AT_MOST):
            batch = [self._events.popleft() for _ in range(min(AT_MOST, waiting))]
            try:
                await self.send(batch)
            except BaseException:
                self._events.extendleft(reversed(batch))
                raise

    async def keep_telling(self) -> None:
        """Flush for ever."""
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            with suppress(httpx.HTTPError, PrefectHTTPStatusError, OSError):
                await self.flush()

    def _end(self, operation: Operation, state: StateType, message: str) -> None:
        self._open.pop(operation.position, None)
        self._events.append(event(self.flow_run_id, operation, state, message))


@asynccontextmanager
async def task_runs(flow_run_id: UUID) -> AsyncIterator[TaskRuns]:
    """The task runs of a flow run, told to the server that Prefect's settings name."""
    async with get_client() as client:

        async def send(events: list[Event]) -> None:
            await client.request("POST", "/events", json=events)

        shown = TaskRuns(flow_run_id, send)
        telling = asyncio.create_task(shown.keep_telling())
        try:
            yield shown
        finally:
            telling.cancel()
            with suppress(asyncio.CancelledError):
                await telling
            with suppress(httpx.HTTPError, PrefectHTTPStatusError, OSError, TimeoutError):
                async with asyncio.timeout(_LAST_SECONDS):
                    await shown.flush()


def event(flow_run_id: UUID, operation: Operation, state: StateType, message: str = "") -> Event:
    """One change of a task run, in the form in which Prefect's own engine tells it (`emit_task_run_state_change_event`).

    The task run's id follows from its position, so an operation that a later life of the run repeats is the same one.
    """
    now = datetime.now(UTC)
    task_run = f"prefect.task-run.{uuid5(flow_run_id, operation.position)}"
    name = state.capitalize()
    run: dict[str, Any] = {
        "name": operation.title,
        "task_key": operation.layer,
        "dynamic_key": operation.position,
        "run_count": 1,
        "flow_run_run_count": 1,
        "start_time": operation.began.isoformat(),
        "expected_start_time": operation.began.isoformat(),
        "task_inputs": {},
    }
    if state != "RUNNING":
        run |= {"end_time": now.isoformat(), "total_run_time": (now - operation.began).total_seconds()}
    return {
        "id": str(uuid4()),
        "occurred": now.isoformat(),
        "event": f"prefect.task-run.{name}",
        "resource": {
            "prefect.resource.id": task_run,
            "prefect.resource.name": operation.title,
            "prefect.state-name": name,
            "prefect.state-type": state,
            "prefect.orchestration": "client",
        },
        "related": [
            {"prefect.resource.id": f"prefect.flow-run.{flow_run_id}", "prefect.resource.role": "flow-run"},
        ],
        "payload": {
            "intended": {"from": None, "to": state},
            "initial_state": None,
            "validated_state": {"type": state, "name": name, "message": message[:2000], "state_details": {}},
            "task_run": run,
        },
    }
