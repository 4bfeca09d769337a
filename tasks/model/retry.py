"""Model: what happens when a provider fails? Retried here and nowhere else, then the next model of the chain.

pydantic-ai sorts what providers answer into categories; this module says which of them pass by themselves. The SDKs'
own retries are switched off with every request, so that one layer owns the retry.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Literal, assert_never

from pydantic_ai.exceptions import (
    FallbackExceptionGroup,
    ModelAPIError,
    ModelAuthenticationError,
    ModelConnectionError,
    ModelContextWindowExceededError,
    ModelHTTPError,
    ModelQuotaExceededError,
    ModelRateLimitError,
    ModelRequestTimeout,
    ModelServerError,
    ModelUnavailableError,
)
from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings, merge_model_settings
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    stop_after_attempt,
    stop_before_delay,
    wait_random_exponential,
)

from midwatch.errors import ModelUnavailable

ErrorKind = Literal["transient", "context", "person", "fatal"]
"""transient: passes by itself; context: the history is too long; person: credentials or money; fatal: anything else."""

_TRANSIENT: Final = (
    ModelRateLimitError,
    ModelUnavailableError,
    ModelServerError,
    ModelConnectionError,
    ModelRequestTimeout,
)
_TRANSIENT_STATUS: Final = frozenset({408, 425, 429})

Sleep = Callable[[float], Awaitable[None]]


class CredentialsRefused(ModelUnavailable):
    """The provider refused the key (401, 403): no retry and no other model, a person has to look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How long a failing provider is tried."""

    attempts: int = 5
    """Requests in all, the first included."""
    first_wait: float = 1.0
    """Seconds; the backoff is random between 0 and this, doubled with every attempt."""
    longest_wait: float = 60.0
    """Seconds; of the backoff, not of a Retry-After."""
    total: float = 180.0
    """Seconds from the first request; a wait that would end later, by Retry-After too, is not begun."""


DEFAULT_POLICY: Final = RetryPolicy()


class RetryingModel(WrapperModel):
    """`wrapped`, with transient errors retried; raises the last one, and `CredentialsRefused` at once."""

    def __init__(self, wrapped: Model, *, policy: RetryPolicy = DEFAULT_POLICY, sleep: Sleep = asyncio.sleep) -> None:
        super().__init__(wrapped)
        self._policy, self._sleep = policy, sleep

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        settings = self._without_sdk_retries(model_settings)
        try:
            return await self._retrying()(self.wrapped.request, messages, settings, model_request_parameters)
        except ModelAuthenticationError as error:
            raise CredentialsRefused(_refusal(self.wrapped, error)) from error

    def _retrying(self) -> AsyncRetrying:
        policy = self._policy
        return AsyncRetrying(
            retry=retry_if_exception(lambda error: error_kind(error) == "transient"),
            wait=_Wait(policy),
            stop=stop_after_attempt(policy.attempts) | stop_before_delay(policy.total),
            sleep=self._sleep,
            reraise=True,
        )

    def _without_sdk_retries(self, settings: ModelSettings | None) -> ModelSettings | None:
        if "max_retries" in self.wrapped.unsupported_settings:
            return settings
        return merge_model_settings(settings, ModelSettings(max_retries=0))


class _Wait:
    """Exponential backoff with full jitter, and never less than the provider asked for."""

    def __init__(self, policy: RetryPolicy) -> None:
        self._backoff = wait_random_exponential(multiplier=policy.first_wait, max=policy.longest_wait)

    def __call__(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after if isinstance(error, ModelAPIError) else None
        return max(self._backoff(state), asked or 0.0)


def error_kind(error: BaseException) -> ErrorKind:
    """Sort what a model request raised; of a whole chain's errors, the one that a person can do most about."""
    if isinstance(error, FallbackExceptionGroup):
        kinds = [error_kind(inner) for inner in error.exceptions]
        return min(kinds, key=("person", "transient", "context", "fatal").index)
    match error:
        case CredentialsRefused() | ModelAuthenticationError() | ModelQuotaExceededError():
            return "person"
        case ModelContextWindowExceededError():
            return "context"
        case ModelHTTPError() if error.provider_retry_hint is not None:
            return "transient" if error.provider_retry_hint else "fatal"
        case ModelAPIError() if isinstance(error, _TRANSIENT):
            return "transient"
        case ModelHTTPError() if error.status_code in _TRANSIENT_STATUS:
            return "transient"
        case _:
            return "fatal"


def chain(models: list[Model]) -> Model:
    """The first model that answers, each with its retries used up before the next is asked."""
    first, *others = models
    return FallbackModel(first, *others, fallback_on=_try_next) if others else first


def _try_next(error: Exception) -> bool:
    """Not for a refused key: going on with another model would hide that a person is needed."""
    return isinstance(error, ModelAPIError | ModelUnavailable) and not isinstance(error, CredentialsRefused)


def advice(error: BaseException) -> str:
    """What an operator should hear about a failed model request."""
    match kind := error_kind(error):
        case "transient":
            return f"the provider kept failing: {error}. Try again later, or name a second model in the agent's `model`"
        case "context":
            return (
                f"the conversation is longer than the model's context: {error}. Shorten the input, or use another model"
            )
        case "person":
            return f"{error}. Check the provider's key and account, then run again"
        case "fatal":
            return f"the provider refused the request: {error}"
        case _:
            assert_never(kind)


def _refusal(model: Model, error: ModelAuthenticationError) -> str:
    status = f" with {error.status_code}" if isinstance(error, ModelHTTPError) else ""
    return f"{model.system} refused the key for {model.model_name!r}{status}: put a valid one in place and run again"
