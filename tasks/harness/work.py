"""Harness: how does a whole run work? All its conversations, one after the other, until each has ended or gone wrong."""

from __future__ import annotations

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
from midwatch.errors import ContextTooSmall, Halted, Interrupted, MidwatchError
from midwatch.judgment import Ending, Loop
from midwatch.ledger import AskRow, Ledger
from midwatch.monitors import Stopped
from midwatch.run import RunFacts
from midwatch.spec import AgentSpec
from midwatch.templates import fill
from tasks.harness.carry import conversations
from tasks.harness.conversation import Conversation
from tasks.harness.escalation import brought_before_a_person
from tasks.harness.halting import Halting
from tasks.harness.invariants import InvariantBroken
from tasks.harness.judgment import all_decided, answered, open_asks, refusals, results_of, taken_over
from tasks.harness.parking import may_go_on, park
from tasks.harness.watch import Escalated
from tasks.model.retry import CredentialsRefused, advice
from tasks.monitoring.limits import RunBudget
from tasks.permissions.cleared import GateState
from tasks.permissions.rehearsal import Carried
from tasks.step.log import RunLog

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
    log: RunLog
    open_conversation: OpenConversation
    carried: Carried | None = None
    """What a rehearsal has staged, where the run executes that and nothing else."""
    conversations: list[Conversation] = field(default_factory=list)
    hand_over: str = ""
    """What the model said when the run was stopped short; a claim."""

    async def run(self) -> Ending:
        """Work until nothing is left to do. Suspends the flow where a person is needed.

        Raises:
            InvariantBroken: at once, whatever is still to be done.
        """
        try:
            if why := await may_go_on(self.ledger, self.spec, self.facts.run_id):
                return await self._ending("error", why)
            await self._begin()
            return await self._until_model_is_there()
        except (Interrupted, InvariantBroken):
            raise
        except BudgetSpent as error:
            return await self._ending(error.loop, str(error))
        except Halted as error:
            return await self._ending("halted", str(error))
        except Stopped as error:
            return await self._ending("stopped", str(error))
        except MidwatchError as error:
            return await self._ending("error", str(error))
        except Exception as error:
            return await self._ending("error", f"{type(error).__name__}: {error}")

    async def _until_model_is_there(self) -> Ending:
        while True:
            try:
                return await self._until_done()
            except (ModelAPIError, FallbackExceptionGroup, CredentialsRefused) as error:
                if self.facts.shadow:
                    return await self._ending("unavailable", advice(error))
                if why := await park(self.ledger, self.spec, self.facts.run_id, error):
                    return await self._ending("error", why)
                await self._begin_again()
            except Escalated as error:
                await brought_before_a_person(self.ledger, self.spec, self.log, error)
                await self._begin_again()

    async def _until_done(self) -> Ending:
        results: dict[str, DeferredToolResults | None] = {one.name: None for one in self.conversations}
        while True:
            async with self.budget.deadline(), Halting(facts=self.facts, ledger=self.ledger).cut_off():
                for conversation in self.conversations:
                    if not conversation.ended and conversation.name in results:
                        await self._proceed(conversation, results[conversation.name])
            waiting = [conversation for conversation in self.conversations if conversation.waiting is not None]
            if not waiting:
                return await self._all_ended()
            rows = await self._answers(waiting)
            if takeover := next((row for row in rows if row.verdict == "taken_over"), None):
                return await self._ending("taken_over", taken_over(takeover))
            if self.spec.escalation.then == "end" and any(row.verdict == "expired" for row in rows):
                return await self._ending(
                    "unanswered", "nobody answered in time, and the agent's file says to end then"
                )
            results = {one.name: results_of(one, rows) for one in waiting if all_decided(one, rows)}

    async def _answers(self, waiting: Sequence[Conversation]) -> list[AskRow]:
        """What stands of everything that waits; of at least one conversation all of it is decided."""
        if self.facts.shadow:
            raise MidwatchError("a rehearsal asks nobody, and was about to; this is a defect")
        rows = await open_asks(self.ledger, self.spec, waiting)
        if any(all_decided(conversation, rows) for conversation in waiting):
            return rows
        return await answered(self.ledger, self.spec, self.facts.run_id, rows)

    async def _all_ended(self) -> Ending:
        faults = [f"{one.facts.item or one.name}: {one.fault}" for one in self.conversations if one.fault]
        if faults:
            return await self._ending("error", f"{len(faults)} of {len(self.conversations)}: {faults[0]}")
        return await self._ending("finished")

    async def _proceed(self, conversation: Conversation, results: DeferredToolResults | None) -> None:
        """One conversation, as far as it comes. What spoils one item does not spoil the others."""
        try:
            await conversation.proceed(results)
        except (UnexpectedModelBehavior, ContextTooSmall) as error:
            await conversation.give_up(str(error))

    async def _begin(self) -> None:
        """Open every conversation. The items and their prompts are taken once: a replay sees the same ones."""
        if self.carried is not None:
            self.conversations += [self._opened(*one) for one in conversations(self.carried)]
            return
        items = await self._items()
        for number, item in enumerate(items, start=1):
            name = MAIN if item is None else f"item-{number:04d}"
            facts = replace(self.facts, item=item)
            prompt = await self._prompt(name, facts, number, len(items))
            self.conversations.append(self._opened(name, item, prompt))

    def _opened(self, name: str, item: str | None, prompt: str) -> Conversation:
        return self.open_conversation(name, prompt, replace(self.facts, item=item), GateState())

    async def _begin_again(self) -> None:
        """As a later life of the run would."""
        await self.log.read()
        self.conversations.clear()
        await self._begin()

    async def _items(self) -> Sequence[str | None]:
        each = self.spec.for_each
        if each is None:
            return [None]

        async def listed() -> list[str]:
            found = sorted(Path(self.facts.project).glob(each.files))
            return [path.relative_to(self.facts.project).as_posix() for path in found if path.is_file()][: each.at_most]

        items: list[str] = await self.log.step("harness", f"harness · items {each.files}", "items", listed)
        return items

    async def _prompt(self, name: str, facts: RunFacts, number: int, of: int) -> str:
        async def filled() -> str:
            return fill(self.spec.prompt, facts, field="prompt")

        title = f"harness · {facts.item} ({number} of {of})" if facts.item else "harness · first message"
        prompt: str = await self.log.step("harness", title, f"{name}/prompt", filled)
        return prompt

    @property
    def is_stopped(self) -> bool:
        """Something is left that it was not let finish."""
        return any(not conversation.ended for conversation in self.conversations)

    def last_words(self) -> str:
        """What the model said at the end; a claim."""
        return "\n".join(conversation.answer or "" for conversation in self.conversations)

    async def _ending(self, loop: Loop, reason: str = "") -> Ending:
        return Ending(loop=loop, reason=reason, refusals=await refusals(self.ledger, self.facts.run_id))
