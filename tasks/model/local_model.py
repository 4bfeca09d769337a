"""Model: how does a 1.5-billion-parameter model call tools reliably? By choosing from a menu, one JSON object a turn.

`LocalModel` is a pydantic-ai model for the installation's llama.cpp server. It never uses native tool calling (0 of 8
right): each reply is constrained by the sampler to one branch of the menu (7 of 8), tool results come back as user
turns, worked examples are earlier turns, and after a call repeated with the same arguments only the ways to finish stay
on the menu (taking off just that tool made it do something else that nobody had asked for).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from typing import Any, ClassVar, Final, Literal, cast

import httpx
from pydantic_ai.exceptions import (
    ModelAuthenticationError,
    ModelConnectionError,
    ModelContextWindowExceededError,
    ModelHTTPError,
    ModelRequestRejectedError,
    ModelServerError,
    ModelTimeoutError,
    ModelUnavailableError,
)
from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.profiles import ModelProfile
from pydantic_ai.settings import ModelSettingName, ModelSettings
from pydantic_ai.usage import RequestUsage

from tasks.model.menu import Menu, menu_of
from tasks.model.server import Endpoint, loopback_client
from tasks.model.transcript import Turn, calls_made, turns_of

MODEL_NAME: Final = "qwen2.5-coder-1.5b-instruct"
CONTEXT_WINDOW: Final = 8192
MAX_TOKENS: Final = 1024
"""Output tokens of one reply: 90 s on two cores."""
TIMEOUT: Final = httpx.Timeout(900, connect=10)
"""Requests of several runs queue in the one server."""

Connect = Callable[[], Awaitable[Endpoint]]
"""Called before every request, so that a server that ended by itself is started again."""

_PROFILE: Final = ModelProfile(
    supports_tools=True,
    supports_json_schema_output=True,
    supports_json_object_output=False,
    default_structured_output_mode="tool",
    default_framing_announcement="never",
    may_tokenize_special_tokens_in_content=True,
    supported_native_tools=frozenset(),
    context_window=CONTEXT_WINDOW,
)


class LocalModel(Model[None]):
    """The installation's own model: no key, no network, no cost."""

    unsupported_settings: ClassVar[frozenset[ModelSettingName]] = frozenset(
        {"timeout", "max_retries", "stop_sequences", "extra_headers", "extra_body", "top_p", "top_k", "seed"}
    )

    def __init__(
        self, connect: Connect, *, model_name: str = MODEL_NAME, settings: ModelSettings | None = None
    ) -> None:
        super().__init__(settings=settings, profile=_PROFILE)
        self._connect = connect
        self._model_name = model_name

    @property
    def model_name(self) -> str:
        return self._model_name

    @property
    def system(self) -> str:
        return "local"

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        settings, parameters = self.prepare_request(model_settings, model_request_parameters)
        menu = open_menu(menu_of(parameters), messages)
        turns = turns_of(messages, self._get_instruction_parts(messages, parameters) or [], menu)
        endpoint = await self._connect()
        reply = await self._post(endpoint, request_body(turns, menu, settings or {}))
        return self._response(reply, menu, turn=sum(isinstance(message, ModelResponse) for message in messages))

    async def _post(self, endpoint: Endpoint, body: dict[str, Any]) -> dict[str, Any]:
        try:
            async with loopback_client(TIMEOUT) as client:
                headers = {"Authorization": f"Bearer {endpoint.api_key}"}
                response = await client.post(f"{endpoint.base_url}/v1/chat/completions", json=body, headers=headers)
        except httpx.TimeoutException as error:
            raise ModelTimeoutError(self._model_name, f"the local model did not answer: {error!r}") from error
        except httpx.TransportError as error:
            raise ModelConnectionError(self._model_name, f"the local model's server went away: {error!r}") from error
        if response.is_error:
            raise _http_error(response, self._model_name)
        return cast("dict[str, Any]", response.json())

    def _response(self, reply: dict[str, Any], menu: Menu, *, turn: int) -> ModelResponse:
        choice = reply["choices"][0]
        content: str = choice["message"]["content"] or ""
        finish: Literal["stop", "length"] = "length" if choice["finish_reason"] == "length" else "stop"
        try:
            parts = [menu.read(content, turn=turn)]
        except (ValueError, KeyError, TypeError):
            parts = []
        return ModelResponse(
            parts=parts,
            usage=_usage(reply),
            model_name=self._model_name,
            provider_name=self.system,
            finish_reason=finish,
            provider_details={"timings": reply.get("timings", {})},
        )


def open_menu(menu: Menu, messages: Sequence[ModelMessage]) -> Menu:
    """The menu, with only the ways to finish once a call has been repeated with the same arguments."""
    made = calls_made(messages)
    return menu if len(set(made)) == len(made) else menu.finishing_only()


def request_body(turns: Sequence[Turn], menu: Menu, settings: ModelSettings) -> dict[str, Any]:
    """The chat/completions request."""
    body: dict[str, Any] = {
        "messages": list(turns),
        "temperature": settings.get("temperature", 0.0),
        "max_tokens": min(settings.get("max_tokens") or MAX_TOKENS, CONTEXT_WINDOW // 2),
        "cache_prompt": True,
    }
    if (schema := menu.schema()) is not None:
        body["response_format"] = {"type": "json_schema", "json_schema": {"name": "turn", "schema": schema}}
    return body


def _usage(reply: dict[str, Any]) -> RequestUsage:
    used = reply.get("usage", {})
    return RequestUsage(
        input_tokens=used.get("prompt_tokens", 0),
        output_tokens=used.get("completion_tokens", 0),
        cache_read_tokens=used.get("prompt_tokens_details", {}).get("cached_tokens", 0),
        cost=Decimal(0),
    )


def _http_error(response: httpx.Response, model_name: str) -> ModelHTTPError:
    return ModelHTTPError.for_category(
        _category(response),
        status_code=response.status_code,
        model_name=model_name,
        body=response.text[:2000],
        headers=response.headers,
    )


def _category(response: httpx.Response) -> type[ModelRequestRejectedError | ModelUnavailableError | ModelServerError]:
    if "exceed_context_size" in response.text:
        return ModelContextWindowExceededError
    match response.status_code:
        case 401 | 403:
            return ModelAuthenticationError
        case 503:
            return ModelUnavailableError
        case status if status < 500:
            return ModelRequestRejectedError
        case _:
            return ModelServerError
