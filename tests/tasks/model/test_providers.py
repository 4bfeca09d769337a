"""From an agent file's `model` to something that answers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr
from pydantic_ai import Agent
from pydantic_ai.models import Model
from pydantic_ai.models.fallback import FallbackModel

from blocks.model_provider import ModelProvider
from midwatch.errors import ModelUnavailable
from tasks.model.providers import choose, resolve_model
from tasks.model.retry import RetryingModel

if TYPE_CHECKING:
    from tests.tasks.model.conftest import Wire

NOWHERE = "http://127.0.0.1:9/v1"


async def resolve(*choices: str, **environment: str) -> Model:
    return await resolve_model(choices, home=Path("unused"), environment={"OLLAMA_BASE_URL": NOWHERE, **environment})


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"ANTHROPIC_API_KEY": "k", "OPENAI_API_KEY": "k"}, "anthropic:claude-sonnet-5-5"),
        ({"OPENAI_API_KEY": "k"}, "openai:gpt-6.1-terra"),
        ({}, "local"),
    ],
)
async def test_auto_takes_what_the_machine_has(environment: dict[str, str], expected: str) -> None:
    assert await choose("auto", {"OLLAMA_BASE_URL": NOWHERE, **environment}) == expected


async def test_auto_takes_an_ollama_that_answers(wire: Wire) -> None:
    wire.answers({"object": "list", "data": [{"id": "qwen3:8b"}, {"id": "older"}]})
    assert await choose("auto", {"OLLAMA_BASE_URL": f"{wire.url}/v1"}) == "ollama:qwen3:8b"


async def test_auto_passes_over_an_ollama_without_models(wire: Wire) -> None:
    wire.answers({"object": "list", "data": None})
    assert await choose("auto", {"OLLAMA_BASE_URL": f"{wire.url}/v1"}) == "local"


async def test_local_needs_nothing_until_it_is_asked() -> None:
    model = await resolve("local")
    assert isinstance(model, RetryingModel)
    assert model.system == "local"


async def test_an_openai_compatible_address_is_spoken_to_in_chat_completions(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    wire.says("Hello.")
    async with Agent(await resolve("openai:any", OPENAI_BASE_URL=f"{wire.url}/v1")) as agent:
        assert (await agent.run("Hi.")).output == "Hello."
    assert wire.asked[0].path == "/v1/chat/completions"


async def test_a_block_brings_its_own_key_and_address(wire: Wire) -> None:
    async def load(name: str) -> ModelProvider:
        assert name == "mine"
        key = SecretStr("of-the-block")
        return ModelProvider(provider="openai-compatible", model="any", api_key=key, base_url=f"{wire.url}/v1")

    wire.says("Hello.")
    model = await resolve_model(["block:mine"], home=Path("unused"), environment={}, load_block=load)
    async with Agent(model) as agent:
        await agent.run("Hi.")
    assert wire.asked[0].headers["authorization"] == "Bearer of-the-block"


async def test_several_choices_are_a_chain_in_their_order() -> None:
    model = await resolve("ollama:first", "local")
    assert isinstance(model, FallbackModel)
    assert [each.system for each in model.models] == ["ollama", "local"]


async def test_a_choice_without_a_key_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    assert (await resolve("anthropic:claude-sonnet-5-5", "local")).system == "local"


async def test_when_no_choice_can_be_used_each_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    with pytest.raises(ModelUnavailable) as failure:
        await resolve("anthropic:claude-sonnet-5-5", "nobody:x")
    assert "ANTHROPIC_API_KEY" in str(failure.value)
    assert "Unknown model: nobody:x" in str(failure.value)
