"""One layer owns the retry: what is tried again, how long, and what comes after."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

import pytest
from pydantic_ai import Agent
from pydantic_ai.exceptions import (
    FallbackExceptionGroup,
    ModelContextWindowExceededError,
    ModelHTTPError,
    ModelQuotaExceededError,
    ModelRateLimitError,
)
from pydantic_ai.models import Model
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from midwatch.spec import Patience
from tasks.model.retry import CredentialsRefused, ErrorKind, RetryingModel, Unreadable, advice, chain, error_kind

if TYPE_CHECKING:
    from tests.tasks.model.conftest import Wire


class Sleeps:
    """Sleeps at once, and remembers how long it should have been."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


def openai(wire: Wire) -> Model:
    return OpenAIChatModel("scripted", provider=OpenAIProvider(base_url=f"{wire.url}/v1", api_key="k"))


async def ask(model: Model) -> str:
    async with Agent(model) as agent:
        return (await agent.run("Hi.")).output


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 529])
async def test_what_passes_by_itself_is_tried_again(wire: Wire, status: int) -> None:
    wire.fails(status).says("Hello.")
    assert await ask(RetryingModel(openai(wire), sleep=Sleeps())) == "Hello."
    assert len(wire.asked) == 2


async def test_a_connection_that_breaks_is_tried_again(wire: Wire) -> None:
    wire.hangs_up().says("Hello.")
    assert await ask(RetryingModel(openai(wire), sleep=Sleeps())) == "Hello."


@pytest.mark.parametrize("body", [{}, [], {"choices": []}, {"error": {"message": "bad gateway"}}])
async def test_what_is_no_answer_is_asked_for_again(wire: Wire, body: object) -> None:
    wire.answers(body).says("Hello.")
    assert await ask(RetryingModel(openai(wire), sleep=Sleeps())) == "Hello."


async def test_a_provider_that_never_answers_readably_gives_way_to_the_next(wire: Wire, other_wire: Wire) -> None:
    for _ in range(9):
        wire.answers({"choices": []})
    other_wire.says("Hello from the second.")
    first = RetryingModel(openai(wire), patience=Patience(attempts=2), sleep=Sleeps())
    with pytest.raises(Unreadable, match="what scripted sent is no answer"):
        await ask(first)
    assert await ask(chain([first, RetryingModel(openai(other_wire))])) == "Hello from the second."


async def test_an_answer_that_does_not_come_is_asked_for_again(wire: Wire) -> None:
    wire.is_silent().says("Hello.")
    assert await ask(RetryingModel(openai(wire), patience=Patience(answer_seconds=0.5), sleep=Sleeps())) == "Hello."


async def test_a_long_outage_costs_the_patience_once(wire: Wire, other_wire: Wire) -> None:
    for _ in range(5):
        wire.fails(503)
    for _ in range(3):
        other_wire.says("Hello from the second.")
    models = chain([RetryingModel(openai(wire), patience=Patience(attempts=3), sleep=Sleeps()), openai(other_wire)])
    for asked in (3, 4, 5):
        await ask(models)
        assert len(wire.asked) == asked
    wire.says("Hello again.")
    assert await ask(models) == "Hello again."


@pytest.mark.parametrize("status", [400, 404, 422])
async def test_a_wrong_request_is_not_tried_again(wire: Wire, status: int) -> None:
    wire.fails(status).says("Hello.")
    with pytest.raises(ModelHTTPError):
        await ask(RetryingModel(openai(wire), sleep=Sleeps()))
    assert len(wire.asked) == 1


async def test_a_provider_that_says_not_to_retry_is_believed(wire: Wire) -> None:
    wire.fails(500, x_should_retry="false")
    with pytest.raises(ModelHTTPError):
        await ask(RetryingModel(openai(wire), sleep=Sleeps()))
    assert len(wire.asked) == 1


async def test_the_sdk_does_not_retry_on_its_own(wire: Wire) -> None:
    for _ in range(9):
        wire.fails(503)
    with pytest.raises(ModelHTTPError):
        await ask(RetryingModel(openai(wire), patience=Patience(attempts=3), sleep=Sleeps()))
    assert len(wire.asked) == 3


async def test_waits_grow_but_stay_bounded(wire: Wire) -> None:
    for _ in range(20):
        wire.fails(500)
    sleeps = Sleeps()
    with pytest.raises(ModelHTTPError):
        await ask(RetryingModel(openai(wire), patience=Patience(attempts=20, wait_seconds=3600), sleep=sleeps))
    assert all(0 <= wait <= min(60, 2**turn) for turn, wait in enumerate(sleeps.seconds))


async def test_retry_after_in_seconds_is_honoured(wire: Wire) -> None:
    wire.fails(429, Retry_After="17").says("Hello.")
    sleeps = Sleeps()
    await ask(RetryingModel(openai(wire), sleep=sleeps))
    assert sleeps.seconds == [17]


async def test_retry_after_as_a_date_is_honoured(wire: Wire) -> None:
    wire.fails(429, Retry_After=format_datetime(datetime.now(UTC) + timedelta(seconds=40), usegmt=True)).says("Hello.")
    sleeps = Sleeps()
    await ask(RetryingModel(openai(wire), sleep=sleeps))
    assert sleeps.seconds == [pytest.approx(39, abs=2)]


async def test_a_wait_beyond_what_is_allowed_is_not_begun(wire: Wire) -> None:
    wire.fails(429, Retry_After="3600").says("Hello.")
    sleeps = Sleeps()
    with pytest.raises(ModelRateLimitError):
        await ask(RetryingModel(openai(wire), sleep=sleeps))
    assert sleeps.seconds == []


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_key_is_for_a_person(wire: Wire, other_wire: Wire, status: int) -> None:
    wire.fails(status)
    other_wire.says("Hello.")
    models: list[Model] = [RetryingModel(openai(wire), sleep=Sleeps()), RetryingModel(openai(other_wire))]
    with pytest.raises(CredentialsRefused, match=f"openai refused the key for 'scripted' with {status}"):
        await ask(chain(models))
    assert (len(wire.asked), len(other_wire.asked)) == (1, 0)


async def test_the_next_model_answers_when_the_first_keeps_failing(wire: Wire, other_wire: Wire) -> None:
    for _ in range(9):
        wire.fails(529)
    other_wire.says("Hello from the second.")
    first = RetryingModel(openai(wire), patience=Patience(attempts=2), sleep=Sleeps())
    assert await ask(chain([first, RetryingModel(openai(other_wire))])) == "Hello from the second."
    assert len(wire.asked) == 2


async def test_a_chain_that_fails_as_a_whole_says_what_each_said(wire: Wire, other_wire: Wire) -> None:
    wire.fails(500)
    other_wire.fails(404)
    once = Patience(attempts=1)
    models: list[Model] = [RetryingModel(openai(each), patience=once) for each in (wire, other_wire)]
    with pytest.raises(FallbackExceptionGroup) as failure:
        await ask(chain(models))
    assert error_kind(failure.value) == "transient"


@pytest.mark.parametrize(
    ("category", "status", "kind", "words"),
    [
        (ModelRateLimitError, 429, "transient", "kept failing"),
        (ModelContextWindowExceededError, 400, "context", "longer than the model's context"),
        (ModelQuotaExceededError, 402, "person", "key and account"),
        (None, 418, "fatal", "refused the request"),
    ],
)
def test_every_kind_of_error_has_its_advice(
    category: type[ModelRateLimitError] | None, status: int, kind: ErrorKind, words: str
) -> None:
    error = ModelHTTPError.for_category(category, status_code=status, model_name="m")
    assert error_kind(error) == kind
    assert words in advice(error)
