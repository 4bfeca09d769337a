"""Model: who thinks, as an operator configures it: a provider, its address and its key, kept in Prefect's database."""

from __future__ import annotations

from typing import Literal, assert_never

from prefect.blocks.core import Block
from pydantic import Field, SecretStr
from pydantic_ai.models import Model

OLLAMA_URL = "http://127.0.0.1:11434/v1"


class ModelProvider(Block):
    """A model at a provider. An agent file names it as `model: block:NAME`."""

    _block_type_name = "Midwatch model provider"
    _block_type_slug = "midwatch-model-provider"
    _description = "A model that an agent can think with: provider, model, key and, where needed, the address."

    provider: Literal["anthropic", "openai", "openai-compatible", "ollama"] = Field(
        description="Who serves the model. openai-compatible: anything that speaks OpenAI's chat completions."
    )
    model: str = Field(description="The model's name as the provider spells it.", examples=["claude-sonnet-5-5"])
    api_key: SecretStr | None = Field(default=None, description="The provider's key. Empty: its environment variable.")
    base_url: str | None = Field(
        default=None,
        description="Address of the API, up to and including /v1. Needed for openai-compatible, optional for the rest.",
        examples=["http://127.0.0.1:8000/v1"],
    )

    def get_model(self) -> Model:
        """The pydantic-ai model; raises pydantic-ai's `UserError` where a key or an address is missing."""
        key = self.api_key.get_secret_value() if self.api_key else None
        match self.provider:
            case "anthropic":
                return _anthropic(self.model, key, self.base_url)
            case "openai":
                return _openai(self.model, key, self.base_url)
            case "openai-compatible":
                return _openai_compatible(self.model, key, self.base_url)
            case "ollama":
                return _ollama(self.model, key, self.base_url)
            case unknown:
                assert_never(unknown)


# Each provider's SDK takes up to a second to import, so only the one that is asked for is.


def _anthropic(model: str, key: str | None, base_url: str | None) -> Model:
    from pydantic_ai.models.anthropic import AnthropicModel
    from pydantic_ai.providers.anthropic import AnthropicProvider

    return AnthropicModel(model, provider=AnthropicProvider(api_key=key, base_url=base_url))


def _openai(model: str, key: str | None, base_url: str | None) -> Model:
    """What stands behind another address speaks chat completions, and seldom OpenAI's newer Responses API."""
    from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
    from pydantic_ai.providers.openai import OpenAIProvider

    provider = OpenAIProvider(api_key=key, base_url=base_url)
    return OpenAIChatModel(model, provider=provider) if base_url else OpenAIResponsesModel(model, provider=provider)


def _openai_compatible(model: str, key: str | None, base_url: str | None) -> Model:
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider

    if base_url is None:
        raise ValueError("provider 'openai-compatible' needs a base_url, such as http://127.0.0.1:8000/v1")
    provider = OpenAICompatibleProvider("openai-compatible", base_url=base_url, api_key=key)
    return OpenAIChatModel(model, provider=provider)


def _ollama(model: str, key: str | None, base_url: str | None) -> Model:
    from pydantic_ai.models.ollama import OllamaModel
    from pydantic_ai.providers.ollama import OllamaProvider

    return OllamaModel(model, provider=OllamaProvider(base_url=base_url or OLLAMA_URL, api_key=key))
