"""Harness: how does a whole run work? All its conversations, one after the other, until each has ended or gone wrong."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from pydantic_ai import DeferredToolResults
from pydantic_ai.exceptions import (
    FallbackExceptionGroup,
    ModelAPIError,
    UnexpectedModelBehavior,
)

from midwatch.budget import BudgetSpent
from midwatch.errors import MidwatchError
from midwatch.judgment import Ending, Loop, Refusal
from midwatch.ledger import AskRow, Ledger
from midwatch.run import RunFacts
from midwatch.spec import AgentSpec
from midwatch.templates import fill
from tasks.harness.conversation import Conversation
from tasks.harness.judgment import answered, open_asks, refusal, results_of
from tasks.model.retry import CredentialsRefused, advice
from tasks.monitoring.limits import RunBudget
from tasks.permissions.gate import GateState
from tasks.step import step

MAIN: Final = "main"

OpenConversation = Callable[[str, str, RunFacts, GateState], Conversation]
"""(name, prompt, facts, gate state): a conversation behind the gate, at its beginning."""


@dataclass(kw_only=True)
class Work:
    """The conversations of one run and what came of them; rebuilt in the same order when the run is replayed."""

    spec: AgentSpec
    facts: RunFacts
    ledger: Ledger
    budget: RunBudget
    open_conversation: OpenConversation
    conversations: list[Conversation] = field(default_factory=list)
    gates: list[GateState] = field(default_factory=list)
    asked: list[AskRow] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    """What went wrong in single conversations while the others went on."""

    async def run(self) -> Ending:
        """Work until nothing is left to do. Suspends the flow where a person is needed."""
        try:
            await self._begin()
            return await self._until_done()
        except BudgetSpent as error:
            return self._ending("out_of_budget", str(error))
        except (ModelAPIError, FallbackExceptionGroup, CredentialsRefused) as error:
            return self._ending("error", advice(error))
        except MidwatchError as error:
            return self._ending("error", str(error))
        except Exception as error:
            return self._ending("error", f"{type(error).__name__}: {error}")

    async def _until_done(self) -> Ending:
        results: dict[str, DeferredToolResults] = {}
        for batch in itertools.count(1):
            async with self.budget.deadline():
                for conversation in self.conversations:
                    if not conversation.ended and (batch == 1 or conversation.name in results):
                        await self._proceed(conversation, results.get(conversation.name))
            waiting = [conversation for conversation in self.conversations if conversation.waiting is not None]
            if not waiting:
                break
            rows = await answered(
                self.ledger, self.spec, self.facts.run_id, await open_asks(self.ledger, self.spec, waiting), batch
            )
            self.asked += rows
            if self.spec.escalation.then == "end" and any(row.verdict == "expired" for row in rows):
                return self._ending("unanswered", "nobody answered in time, and the agent's file says to end then")
            results = {conversation.name: results_of(conversation, rows) for conversation in waiting}
        if self.faults:
            return self._ending("error", f"{len(self.faults)} of {len(self.conversations)}: {self.faults[0]}")
        return self._ending("finished")

    async def _proceed(self, conversation: Conversation, results: DeferredToolResults | None) -> None:
        """One conversation, as far as it comes. A model that cannot hold the form spoils its own item, not the others."""
        try:
            await conversation.proceed(results)
        except UnexpectedModelBehavior as error:
            conversation.give_up(str(error))
            self.faults.append(f"{conversation.facts.item or conversation.name}: {error}")

    async def _begin(self) -> None:
        """Open every conversation. The items and their prompts are taken once: a replay sees the same ones."""
        items = await self._items()
        for number, item in enumerate(items, start=1):
            name = MAIN if item is None else f"item-{number:04d}"
            facts = replace(self.facts, item=item)
            prompt = await self._prompt(name, facts, number, len(items))
            gate = GateState()
            self.gates.append(gate)
            self.conversations.append(self.open_conversation(name, prompt, facts, gate))

    async def _items(self) -> Sequence[str | None]:
        each = self.spec.for_each
        if each is None:
            return [None]

        async def listed() -> list[str]:
            found = sorted(Path(self.facts.project).glob(each.files))
            return [path.relative_to(self.facts.project).as_posix() for path in found if path.is_file()][: each.at_most]

        items: list[str] = await step("harness", f"harness · items {each.files}", "items", listed)
        return items

    async def _prompt(self, name: str, facts: RunFacts, number: int, of: int) -> str:
        async def filled() -> str:
            return fill(self.spec.prompt, facts, field="prompt")

        title = f"harness · {facts.item} ({number} of {of})" if facts.item else "harness · first message"
        prompt: str = await step("harness", title, f"{name}/prompt", filled)
        return prompt

    def refusals(self) -> tuple[Refusal, ...]:
        """Every call that the agent asked for and did not get, by rule, by a person or by silence."""
        by_rule = [
            Refusal(call=denial.shown(), by="rule", why=f"{denial.decision.rule}: {denial.decision.reason}")
            for gate in self.gates
            for denial in gate.denials
        ]
        return (*by_rule, *(said for row in self.asked if (said := refusal(row)) is not None))

    def last_words(self) -> str:
        """What the model said at the end; a claim."""
        return "\n".join(conversation.answer or "" for conversation in self.conversations)

    def _ending(self, loop: Loop, reason: str = "") -> Ending:
        return Ending(loop=loop, reason=reason, refusals=self.refusals())
