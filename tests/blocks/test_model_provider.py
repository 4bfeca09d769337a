"""The block that an operator fills in, and the model that comes out of it."""

from __future__ import annotations

import pytest
from prefect.blocks.core import Block
from pydantic import SecretStr, ValidationError

import blocks
from blocks.model_provider import ModelProvider


@pytest.mark.parametrize(
    ("provider", "base_url", "system", "address"),
    [
        ("anthropic", None, "anthropic", "https://api.anthropic.com"),
        ("openai", None, "openai", "https://api.openai.com/v1/"),
        ("openai", "http://127.0.0.1:8000/v1", "openai", "http://127.0.0.1:8000/v1/"),
        ("openai-compatible", "http://127.0.0.1:8000/v1", "openai-compatible", "http://127.0.0.1:8000/v1/"),
        ("ollama", None, "ollama", "http://127.0.0.1:11434/v1/"),
    ],
)
def test_every_provider_becomes_a_model(
    provider: str, base_url: str | None, system: str, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ANTHROPIC_BASE_URL", "OPENAI_BASE_URL"):  # as the session's house may have set them
        monkeypatch.delenv(name, raising=False)
    block = ModelProvider.model_validate(
        {"provider": provider, "model": "some-model", "api_key": "k", "base_url": base_url}
    )
    model = block.get_model()
    assert (model.system, model.model_name, model.base_url) == (system, "some-model", address)


def test_a_compatible_provider_needs_an_address() -> None:
    block = ModelProvider(provider="openai-compatible", model="m")
    with pytest.raises(ValueError, match="needs a base_url"):
        block.get_model()


def test_an_unknown_provider_is_refused() -> None:
    with pytest.raises(ValidationError, match="provider"):
        ModelProvider.model_validate({"provider": "nobody", "model": "m"})


def test_the_key_is_not_shown() -> None:
    assert "very-private" not in repr(ModelProvider(provider="openai", model="m", api_key=SecretStr("very-private")))


def test_registering_the_package_finds_it() -> None:
    found = [value for value in vars(blocks).values() if isinstance(value, type) and issubclass(value, Block)]
    assert ModelProvider in found
