"""Model: what happens when a provider fails? Retried here and nowhere else, then the next model of the chain.

pydantic-ai sorts what providers answer into categories; this module says which of them pass by themselves. The SDKs'
own retries are switched off with every request, so that one layer owns the retry.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Literal, assert_never

from pydantic_ai.exceptions import (
    ContentFilterError,
    FallbackExceptionGroup,
    ModelAPIError,
    ModelAuthenticationError,
    ModelContextWindowExceededError,
    ModelHTTPError,
    ModelQuotaExceededError,
    ModelRateLimitError,
    ModelRequestRejectedError,
    ModelServerError,
    ModelTimeoutError,
    ModelUnavailableError,
    UnexpectedModelBehavior,
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
    wait_random_exponential,
)

from midwatch.errors import ModelUnavailable
from midwatch.spec import Patience

ErrorKind = Literal["transient", "context", "person", "fatal"]
"""transient: passes by itself; context: the history is too long; person: credentials or money; fatal: anything else."""

USUAL: Final = Patience()
FIRST_WAIT: Final = 1.0
"""Seconds; the backoff is random between 0 and this, doubled with every attempt."""
LONGEST_WAIT: Final = 60.0
"""Seconds; of the backoff, not of a Retry-After."""

_TRANSIENT: Final = (ModelRateLimitError, ModelUnavailableError, ModelServerError)
_TRANSIENT_STATUS: Final = frozenset({408, 425, 429})
_MISREAD: Final = (UnexpectedModelBehavior, LookupError, TypeError, ValueError, AttributeError)
"""What pydantic-ai's adapters raise over an answer that is not shaped as the provider promises (`"choices": []`)."""

Sleep = Callable[[float], Awaitable[None]]


class CredentialsRefused(ModelUnavailable):
    """The provider refused the key (401, 403): no retry and no other model, a person has to look."""


class Unreadable(ModelAPIError):
    """The provider answered, and what it sent is no answer; a gateway in between, or a body that was cut off."""


class RetryingModel(WrapperModel):
    """`wrapped`, with transient errors retried; raises the last one, and `CredentialsRefused` at once.

    Once it has used up its patience it gets one attempt a request, until it answers again: a long outage costs the
    patience once, and not at every turn that the next model of the chain takes over.
    """

    def __init__(self, wrapped: Model, *, patience: Patience = USUAL, sleep: Sleep = asyncio.sleep) -> None:
        super().__init__(wrapped)
        self._patience, self._sleep, self._is_down = patience, sleep, False

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        settings = self._without_sdk_retries(model_settings)
        try:
            response: ModelResponse = await self._retrying()(self._once, messages, settings, model_request_parameters)
        except ModelAuthenticationError as error:
            raise CredentialsRefused(_refusal(self.wrapped, error)) from error
        except ModelAPIError as error:
            self._is_down = error_kind(error) == "transient"
            raise
        self._is_down = False
        return response

    async def _once(
        self, messages: list[ModelMessage], settings: ModelSettings | None, parameters: ModelRequestParameters
    ) -> ModelResponse:
        """One request. Whatever comes of it but an answer is an error that `error_kind` can sort."""
        try:
            async with asyncio.timeout(self._patience.answer_seconds):
                return await self.wrapped.request(messages, settings, parameters)
        except TimeoutError as error:
            said = f"{self.model_name} did not answer within {self._patience.answer_seconds:g} s"
            raise ModelTimeoutError(self.model_name, said) from error
        except ContentFilterError:
            raise
        except _MISREAD as error:
            said = f"what {self.model_name} sent is no answer ({type(error).__name__}: {error})"
            raise Unreadable(self.model_name, said) from error

    def _retrying(self) -> AsyncRetrying:
        return AsyncRetrying(
            retry=retry_if_exception(lambda error: error_kind(error) == "transient"),
            wait=_wait,
            stop=self._enough,
            sleep=self._sleep,
            reraise=True,
        )

    def _enough(self, state: RetryCallState) -> bool:
        attempts = 1 if self._is_down else self._patience.attempts
        waited = state.idle_for + state.upcoming_sleep
        return state.attempt_number >= attempts or waited > self._patience.wait_seconds

    def _without_sdk_retries(self, settings: ModelSettings | None) -> ModelSettings | None:
        if "max_retries" in self.wrapped.unsupported_settings:
            return settings
        return merge_model_settings(settings, ModelSettings(max_retries=0))


_BACKOFF: Final = wait_random_exponential(multiplier=FIRST_WAIT, max=LONGEST_WAIT)


def _wait(state: RetryCallState) -> float:
    """Exponential backoff with full jitter, and never less than the provider asked for."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after if isinstance(error, ModelAPIError) else None
    return max(_BACKOFF(state), asked or 0.0)


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
        case ModelHTTPError():
            passes = isinstance(error, _TRANSIENT) or error.status_code in _TRANSIENT_STATUS
            return "transient" if passes else "fatal"
        case ModelRequestRejectedError():
            return "fatal"
        case ModelAPIError():
            return "transient"  # never came back whole: no connection, no answer in time, nothing that can be read
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
