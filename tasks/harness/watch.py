"""Harness: who watches the agent loop? Before each request its monitors look at the turn before it, and at the budgets.

What a monitor does not like the model is told, once, as a part of that request, and so stored with it. What goes on all the
same is brought before a person, once, or ends the run. Whatever was told, asked or allowed is a step of the run: a later
life tells and asks the same. A monitor that fails ends the run; it never falls silent.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final, Self

from pydantic_ai import RunContext
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.messages import ModelMessage, ModelRequest, UserPromptPart
from pydantic_ai.models import ModelRequestContext

from midwatch.errors import MidwatchError
from midwatch.habit import Habit, habit_of
from midwatch.monitors import MonitorName, Stopped
from midwatch.risk import HARMLESS, ToolFacts
from midwatch.run import RunFacts
from midwatch.spec import AgentSpec
from tasks.harness.durable import Positions
from tasks.monitoring.drift import DriftWatch, Sinks
from tasks.monitoring.exchange import Exchange, Monitor, last_exchange
from tasks.monitoring.limits import RunBudget
from tasks.monitoring.loops import LoopWatch
from tasks.monitoring.stall import Looks, StallWatch
from tasks.step.log import RunLog

RUN: Final = "run"
"""Where it is kept what concerns all conversations."""
HEAD: Final = "Note of the program that runs you, not of a person:"


class MonitorFailed(MidwatchError):
    """Nobody watches the run any more, so it ends."""


class Escalated(MidwatchError):
    """A monitor asks for a person. The flow's own body asks, and the run goes on or ends."""

    def __init__(
        self, monitor: MonitorName, scope: str, conversation: str, turn: int, asked: str, more: int | None
    ) -> None:
        self.monitor, self.scope, self.conversation = monitor, scope, conversation
        self.turn, self.asked, self.more_steps = turn, asked, more
        super().__init__(f"it {asked}")

    @property
    def answered_at(self) -> str:
        """The position at which it is kept that the run may go on."""
        return _position(self.scope, "went-on", self.monitor)


@dataclass(kw_only=True)
class Watching:
    """What all conversations of a run share."""

    spec: AgentSpec
    facts: RunFacts
    log: RunLog
    budget: RunBudget
    sinks: Sinks
    effects: frozenset[str]
    """Names of the tools that change something."""
    drift: DriftWatch | None
    conversations: set[str]
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    kept: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By position, what this life has told, asked and counted."""

    @classmethod
    async def open(
        cls, spec: AgentSpec, facts: RunFacts, log: RunLog, budget: RunBudget, tools: Mapping[str, ToolFacts]
    ) -> Self:
        """For a run at the beginning of a life; the agent's habit is read once for all its lives."""
        sinks = {name: tool.sinks for name, tool in tools.items()}
        conversations: set[str] = set()
        drift = None
        if spec.monitors.drift.then != "off":
            drift = DriftWatch(
                settings=spec.monitors.drift,
                habit=await _habit(spec, log),
                sinks=sinks,
                spent=lambda: budget.spent,
                items=lambda: len(conversations),
            )
        return cls(
            spec=spec,
            facts=facts,
            log=log,
            budget=budget,
            sinks=sinks,
            effects=frozenset(name for name, tool in tools.items() if tool.risk not in HARMLESS),
            drift=drift,
            conversations=conversations,
        )

    def of(self, conversation: str) -> Watch:
        """The monitors of one conversation, at its beginning."""
        monitors: list[tuple[str, Monitor]] = []
        if self.spec.monitors.loop.then != "off":
            monitors.append((conversation, LoopWatch(settings=self.spec.monitors.loop)))
        if self.spec.monitors.stall.then != "off":
            looks = Looks(conversation=conversation, contract=self.spec.contract, facts=self.facts, log=self.log)
            stall = StallWatch(settings=self.spec.monitors.stall, effects=self.effects, looks=looks)
            monitors.append((conversation, stall))
        if self.drift is not None:
            monitors.append((RUN, self.drift))
        return Watch(run=self, monitors=monitors, positions=Positions(conversation))

    def stored(self, position: str) -> dict[str, Any] | None:
        """What this life or an earlier one has kept there."""
        if position in self.kept:
            return self.kept[position]
        step = self.log.done(position)
        return None if step is None else json.loads(step.result_json)

    async def keep(self, position: str, title: str, value: dict[str, Any]) -> None:
        """From now on it stands."""

        async def body() -> dict[str, Any]:
            return value

        self.kept[position] = await self.log.step("monitoring", f"monitoring · {title}", position, body)


@dataclass(kw_only=True)
class Watch(AbstractCapability[RunFacts]):
    """The monitors of one conversation, around its requests."""

    run: Watching
    monitors: Sequence[tuple[str, Monitor]]
    """Each with where it is kept what it said."""
    positions: Positions

    def replay(self, messages: Sequence[ModelMessage], turn: int) -> None:
        """An earlier life of the run made the request `turn`, which these messages end with."""
        if (exchange := self._exchange(messages, turn)) is not None:
            for _, monitor in self.monitors:
                monitor.see(exchange, turn)

    async def before_model_request(
        self, ctx: RunContext[RunFacts], request_context: ModelRequestContext
    ) -> ModelRequestContext:
        """Look at the turn before. A request that is replayed was looked at when it was made."""
        if self.positions.is_replaying:
            return request_context
        try:
            said = await self._said(ctx.messages, self.positions.turns + 1)
        except MidwatchError:
            raise
        except Exception as error:
            raise MonitorFailed(f"a monitor failed, which ends the run: {type(error).__name__}: {error}") from error
        last = request_context.messages[-1]
        if said and isinstance(last, ModelRequest):
            told = replace(last, parts=[*last.parts, UserPromptPart(content="\n".join([HEAD, *said]))])
            ctx.messages[-1] = told
            request_context.messages = [*request_context.messages[:-1], told]
        return request_context

    async def _said(self, messages: Sequence[ModelMessage], turn: int) -> list[str]:
        """What the model is told with the request `turn`."""
        run = self.run
        run.budget.refresh(await run.log.ledger.standing(run.facts.run_id, run.facts.agent, run.clock()))
        if (exchange := self._exchange(messages, turn)) is not None:
            for _, monitor in self.monitors:
                monitor.see(exchange, turn)
        said = [await self._near(turn), *[await self._heard(scope, one, turn) for scope, one in self.monitors]]
        return [words for words in said if words]

    def _exchange(self, messages: Sequence[ModelMessage], turn: int) -> Exchange | None:
        """Before the first request there are worked examples at most."""
        return None if turn == 1 else last_exchange(messages)

    async def _near(self, turn: int) -> str:
        """Each limit of which the last part is being used, once."""
        said = []
        for meter in self.run.budget.near():
            words = f"{meter.said()}; at the limit the work ends. Do what matters most, and say what is left undone."
            said.append(await self._told_once(_position(RUN, "told", meter.field), meter.field, words, turn))
        return "\n".join(words for words in said if words)

    async def _told_once(self, position: str, title: str, words: str, turn: int) -> str:
        """`words`, where they were never told, or were to be told with this very request."""
        if (told := self.run.stored(position)) is None:
            await self.run.keep(position, f"tells the model: {title}", {"at": self._at(turn), "words": words})
            return words
        return str(told["words"]) if told["at"] == self._at(turn) else ""

    async def _heard(self, scope: str, monitor: Monitor, turn: int) -> str:
        """What one monitor has to say.

        Raises:
            Escalated: a person has to say whether the run goes on.
            Stopped: it does not go on.
        """
        told, asked = _position(scope, "told", monitor.name), _position(scope, "asked", monitor.name)
        was_told, went_on = self.run.stored(told), self.run.stored(_position(scope, "went-on", monitor.name))
        if went_on is not None and self._is_covered(monitor, went_on, turn):
            return str(went_on["words"]) if went_on["at"] == self._at(turn) else ""
        if went_on is None and (standing := self.run.stored(asked)) is not None:
            raise self._escalated(scope, monitor, turn, str(standing["asked"]))
        if was_told is not None and was_told["at"] == self._at(turn):
            return str(was_told["words"])
        sight = await monitor.sight(turn, told=was_told is not None)
        if sight is None:
            return ""
        if was_told is None:
            return await self._told_once(told, monitor.name, sight.told, turn)
        if went_on is not None:
            raise Stopped(
                f"it {sight.asked}; a person let it go on for {monitor.more_steps} more steps, and they are over"
            )
        if monitor.then == "end" or not self.run.spec.escalation.to or self.run.facts.shadow:
            raise Stopped(f"it {sight.asked}; it was told so, and went on")
        await self.run.keep(asked, f"asks a person: {monitor.name}", {"at": self._at(turn), "asked": sight.asked})
        raise self._escalated(scope, monitor, turn, sight.asked)

    def _is_covered(self, monitor: Monitor, went_on: Mapping[str, Any], turn: int) -> bool:
        return monitor.more_steps is None or turn < went_on["turn"] + monitor.more_steps

    def _escalated(self, scope: str, monitor: Monitor, turn: int, asked: str) -> Escalated:
        return Escalated(monitor.name, scope, self.positions.conversation, turn, asked, monitor.more_steps)

    def _at(self, turn: int) -> str:
        return request_id(self.positions.conversation, turn)


def request_id(conversation: str, turn: int) -> str:
    """Which request of the run something was told with."""
    return f"{conversation}:{turn}"


def _position(scope: str, what: str, name: str) -> str:
    return f"{scope}/{what}/{name}"


async def _habit(spec: AgentSpec, log: RunLog) -> Habit | None:
    """What other runs do meanwhile changes nothing for this one."""

    async def read() -> Any:
        run = await log.ledger.run(log.run_id)
        past = await log.ledger.past_traits(spec.name, run.fingerprint if run else "")
        habit = habit_of(past, at_least=spec.monitors.drift.runs)
        return None if habit is None else habit.model_dump(mode="json")

    kept = await log.step("monitoring", "monitoring · its habit", "run/habit", read)
    return None if kept is None else Habit.model_validate(kept)
