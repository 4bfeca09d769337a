"""The six layers: which one is the first that does not hold? Each assumes the one below it, so they are tried bottom-up."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

Layer = Literal["model", "tools", "harness", "permissions", "trigger", "monitoring"]
LAYERS: Final[tuple[Layer, ...]] = get_args(Layer)
"""Bottom-up."""

QUESTIONS: Final[Mapping[Layer, str]] = {
    "model": "who thinks, and is it reliable enough for this task?",
    "tools": "what can it touch?",
    "harness": "how does the loop run, resume and end?",
    "permissions": "may it do exactly this, now?",
    "trigger": "what starts it when nobody does?",
    "monitoring": "how does it know that it is done, stuck, too dear, or wrong?",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerResult:
    layer: Layer
    ok: bool
    detail: str
    """What was found, with figures."""
    hint: str = ""
    """What to do next, where something is to be done."""


LayerCheck = Callable[[], Awaitable[LayerResult]]


async def walk(checks: Mapping[Layer, LayerCheck]) -> AsyncIterator[LayerResult]:
    """Try each layer, bottom-up, and stop at the first that fails. A check that throws has failed."""
    for layer in LAYERS:
        try:
            result = await checks[layer]()
        except Exception as error:
            result = LayerResult(layer=layer, ok=False, detail=str(error) or type(error).__name__)
        yield result
        if not result.ok:
            return
