"""Under all six layers: how does one operation run once? A Prefect task whose stored result is found again by its position.

The key is a position in the run (`conversation/operation/number`), never a hash of the history, so a step costs the same
at the first turn and at the thousandth. The body reaches the task through a context variable and not as an argument,
because Prefect walks every argument.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any, Final, Literal, get_args

from prefect import task
from prefect.cache_policies import CacheKeyFnPolicy
from prefect.context import FlowRunContext, TaskRunContext

Layer = Literal["model", "tools", "harness", "permissions", "monitoring"]

_TITLE: ContextVar[str] = ContextVar("midwatch_step_title")
_BODY: ContextVar[Callable[[], Awaitable[Any]]] = ContextVar("midwatch_step_body")


def _title() -> str:
    return _TITLE.get()


def _stored_under(_: TaskRunContext, parameters: dict[str, Any]) -> str | None:
    flow = FlowRunContext.get()
    if flow is None or flow.flow_run is None:
        return None
    # The key becomes a path, and a position holds the model's tool call id: whatever that is, it is one file name.
    return f"{flow.flow_run.id}/{hashlib.sha256(parameters['position'].encode('utf-8', 'surrogatepass')).hexdigest()}"


async def _step(position: str) -> Any:  # noqa: ARG001  # the position names the stored result
    return await _BODY.get()()


def _layer_task(layer: Layer) -> Any:
    return task(
        name=layer,
        task_run_name=_title,
        cache_policy=CacheKeyFnPolicy(cache_key_fn=_stored_under),
        persist_result=True,
        result_serializer="json",
        retries=0,
    )(_step)


_TASKS: Final = {layer: _layer_task(layer) for layer in get_args(Layer)}


async def step(layer: Layer, title: str, position: str, body: Callable[[], Awaitable[Any]]) -> Any:
    """Run `body` as one Prefect task of `layer`, or return the JSON value that it returned in an earlier life of this run.

    Args:
        layer: which of the six layers; the task's name.
        title: what Prefect's UI shows (`model · turn 3`).
        position: unique within the run and the same when the run is replayed.
        body: returns a JSON-able value. What it raises is raised here, and nothing is stored.

    Outside a flow there is nothing to be resumed: `body` simply runs.
    """
    if FlowRunContext.get() is None:
        return await body()
    title_token, body_token = _TITLE.set(title), _BODY.set(body)
    try:
        return await _TASKS[layer](position)
    finally:
        _TITLE.reset(title_token)
        _BODY.reset(body_token)
