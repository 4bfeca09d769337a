"""Harness: a run was stopped short; what does whoever goes on need to know? One last request without tools, if there is room.

It is a request of its own, told in words what the run was for and what it did: no history, which may be what used the
budget up, and nothing that a provider would refuse without tools. Its words are a claim like all of the model's. It never
goes beyond a limit, and whatever fails in it changes nothing.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from pydantic_ai.direct import model_request
from pydantic_ai.messages import ModelRequest, ModelResponse, TextPart, UserPromptPart
from pydantic_ai.models import Model
from pydantic_ai.settings import ModelSettings

from midwatch.characters import visible
from midwatch.errors import Interrupted
from midwatch.ledger import StepRow
from midwatch.spec import AgentSpec
from tasks.harness.context import USUAL_RATIO
from tasks.monitoring.limits import RunBudget, usd_of
from tasks.step.log import RunLog

POSITION: Final = "hand-over"
CALLS: Final = 30
"""The latest ones, which are told."""
ARGUMENTS: Final = 200
"""Characters of a call."""
ANSWER_TOKENS: Final = 400
SECONDS: Final = 120.0
INSTRUCTIONS: Final = (
    "You are handing over work that was stopped before it was finished. You have no tools any more. In at most 150 words, say "
    "what is done, what is left, and what the person who goes on has to know. Say nothing that the record below does not show."
)


@dataclass(frozen=True, kw_only=True)
class HandOver:
    """What it takes to ask for one."""

    spec: AgentSpec
    model: Model
    log: RunLog
    budget: RunBudget

    async def words(self, why: str, goals: Sequence[str]) -> str:
        """The model's last words about a run that ends because of `why`; "" where there is no room, or no answer.

        Args:
            goals: the first messages of the conversations that did not end.
        """
        if (stored := self.log.done(POSITION)) is not None:
            return str(json.loads(stored.result_json))
        try:
            return await self._asked(self._told(why, goals, await self.log.ledger.steps_of(self.log.run_id)))
        except Interrupted:
            raise
        except Exception:
            return ""

    async def _asked(self, prompt: str) -> str:
        tokens = round((len(INSTRUCTIONS) + len(prompt)) / USUAL_RATIO) + ANSWER_TOKENS
        if not self.budget.has_room(tokens=tokens, minutes=SECONDS / 60):
            return ""
        began = time.monotonic()
        request = ModelRequest(parts=[UserPromptPart(content=prompt)], instructions=INSTRUCTIONS)
        settings = ModelSettings(max_tokens=ANSWER_TOKENS)
        async with asyncio.timeout(SECONDS), self.budget.deadline():
            response = await model_request(self.model, [request], model_settings=settings)
        words = "\n".join(part.content for part in response.parts if isinstance(part, TextPart))
        await self._record(response, words, time.monotonic() - began)
        self.budget.charge_response(response)
        return words

    async def _record(self, response: ModelResponse, words: str, seconds: float) -> None:
        usd = usd_of(response)
        await self.log.ledger.record_step(
            self.log.run_id,
            POSITION,
            kind="model",
            name="hand-over",
            detail=words,
            tokens_in=response.usage.input_tokens,
            tokens_out=response.usage.output_tokens,
            usd=None if usd is None else Decimal(str(usd)),
            seconds=seconds,
            result_json=json.dumps(words),
        )

    def _told(self, why: str, goals: Sequence[str], steps: Sequence[StepRow]) -> str:
        calls = [step for step in steps if step.kind == "tool"]
        lines = [f"{step.name} {visible(step.detail)[:ARGUMENTS]}" for step in calls[-CALLS:]]
        earlier = [f"{len(calls) - CALLS} earlier calls"] if len(calls) > CALLS else []
        return "\n\n".join(
            [
                f"# What it was for\n{self.spec.description}",
                *(f"# What it was told\n{visible(goal)[:2000]}" for goal in goals[:1]),
                "# Calls that were made, oldest first\n"
                + "\n".join(f"- {one}" for one in [*earlier, *lines] or ["none"]),
                f"# Why it was stopped\n{visible(why)[:1000]}",
            ]
        )
