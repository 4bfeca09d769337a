"""Model: which model does this agent file mean? Model strings, blocks, `auto` and fallback chains become one model.

A choice is a pydantic-ai model string (`anthropic:...`, `openai:...`, `ollama:...`), `block:NAME` (a ModelProvider block),
`local` (the installation's own), or `auto` (what this machine has: a key, an Ollama, else local).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

import httpx
from pydantic_ai.exceptions import UserError
from pydantic_ai.models import Model, infer_model

from blocks.model_provider import OLLAMA_URL, ModelProvider
from midwatch.errors import ModelUnavailable
from midwatch.spec import Patience
from tasks.model.local_model import LocalModel
from tasks.model.retry import USUAL, RetryingModel, chain
from tasks.model.server import ensure_server

AUTO_MODELS: Final[Mapping[str, str]] = MappingProxyType(
    {"ANTHROPIC_API_KEY": "anthropic:claude-sonnet-5-5", "OPENAI_API_KEY": "openai:gpt-6.1-terra"}
)
"""What `auto` means for a key that is there, in this order."""
OLLAMA_SECONDS: Final = 1.0

LoadBlock = Callable[[str], Awaitable[ModelProvider]]


async def _load_block(name: str) -> ModelProvider:
    return await ModelProvider.aload(name)


async def resolve_model(
    choices: Sequence[str],
    *,
    home: Path,
    environment: Mapping[str, str],
    patience: Patience = USUAL,
    load_block: LoadBlock = _load_block,
) -> Model:
    """The model for an agent's `model`: the first choice, or a chain that goes on to the next when one fails for good.

    A choice that cannot be set up here (no key, unknown block) is passed over; raises `ModelUnavailable`, saying why
    for each, when none is left.
    """
    models: list[Model] = []
    said: list[str] = []
    for choice in choices:
        try:
            model = await _one(choice, home, environment, load_block)
        except (UserError, ValueError, ModelUnavailable) as error:
            said.append(f"{choice}: {error}")
        else:
            models.append(RetryingModel(model, patience=patience))
    if not models:
        raise ModelUnavailable("no model can be used:\n  " + "\n  ".join(said))
    return chain(models)


async def choose(choice: str, environment: Mapping[str, str]) -> str:
    """What `auto` means on this machine; every other choice is itself."""
    if choice != "auto":
        return choice
    for variable, name in AUTO_MODELS.items():
        if environment.get(variable):
            return name
    ollama = await _ollama_model(ollama_url(environment))
    return f"ollama:{ollama}" if ollama else "local"


async def thinkers(
    choices: Sequence[str], environment: Mapping[str, str], load_block: LoadBlock = _load_block
) -> tuple[str, ...]:
    """What these choices come to here and now, by name: evidence belongs to that, and not to a word such as `auto`."""
    return tuple([await _named(choice, environment, load_block) for choice in choices])


async def _named(choice: str, environment: Mapping[str, str], load_block: LoadBlock) -> str:
    if not choice.startswith("block:"):
        return await choose(choice, environment)
    try:
        block = await load_block(choice.partition(":")[2])
    except Exception:
        return choice  # it cannot be set up, so it is passed over
    return f"{choice} {block.provider}:{block.model} {block.base_url or ''}".rstrip()


def ollama_url(environment: Mapping[str, str]) -> str:
    """Where an Ollama would answer: `OLLAMA_BASE_URL`, or its usual port."""
    return environment.get("OLLAMA_BASE_URL") or OLLAMA_URL


async def _one(choice: str, home: Path, environment: Mapping[str, str], load_block: LoadBlock) -> Model:
    match (await choose(choice, environment)).partition(":"):
        case ("local", _, ""):
            return LocalModel(lambda: ensure_server(home))
        case ("block", _, name):
            return (await load_block(name)).get_model()
        case ("ollama", _, name):
            return ModelProvider(provider="ollama", model=name, base_url=ollama_url(environment)).get_model()
        case ("openai", _, name) if url := environment.get("OPENAI_BASE_URL"):
            return ModelProvider(provider="openai", model=name, base_url=url).get_model()
        case (provider, colon, name):
            return infer_model(f"{provider}{colon}{name}")


async def _ollama_model(url: str) -> str | None:
    """The model that Ollama lists first (used last), if one answers."""
    try:
        async with httpx.AsyncClient(timeout=OLLAMA_SECONDS, trust_env=False) as client:
            listed = (await client.get(f"{url.rstrip('/')}/models")).raise_for_status().json()
        return next((str(model["id"]) for model in listed.get("data") or []), None)
    except (httpx.HTTPError, ValueError):
        return None
