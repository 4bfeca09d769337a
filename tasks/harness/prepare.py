"""Harness: what does a run need before its first step? Agent file, level, budget, model, tools and rules, bottom-up."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from pydantic_ai.models import Model
from pydantic_ai.toolsets import AbstractToolset, CombinedToolset

from midwatch.agent_file import load_agent
from midwatch.budget import BudgetSpent
from midwatch.calls import Call
from midwatch.errors import SpecError
from midwatch.judgment import Ending
from midwatch.ledger import Ledger
from midwatch.planted import known_bad
from midwatch.policy import Policy, PolicyContext
from midwatch.run import RunFacts, a_cause
from midwatch.spec import AgentSpec, Rules
from midwatch.typed_input import input_fault
from tasks.harness.asked import Asked
from tasks.harness.carry import input_of, limits_for, replay, taken
from tasks.harness.conversation import Conversation, Opening
from tasks.harness.durable import Recorder
from tasks.harness.entering import as_met, entered, let_in, stall_minutes
from tasks.harness.halting import Halting, not_done
from tasks.harness.hand_over import HandOver
from tasks.harness.history import build_codecs
from tasks.harness.invariants import Invariants, Watched
from tasks.harness.mark import mark_of
from tasks.harness.place import Place
from tasks.harness.record import LedgerRecorder
from tasks.harness.rules import policy_of, tool_definitions
from tasks.harness.watch import Watching
from tasks.model.providers import resolve_model
from tasks.monitoring.limits import RunBudget
from tasks.monitoring.own_judges import refuse_own_judges
from tasks.permissions.cleared import GateState
from tasks.permissions.declared import declared
from tasks.permissions.earned import Earned
from tasks.permissions.gate import Gate
from tasks.permissions.labels import RunLabels
from tasks.permissions.mandates import Mandates
from tasks.permissions.rehearsal import Carried, Unasked, was_staged
from tasks.permissions.servers import Servers
from tasks.permissions.spending import Spending
from tasks.permissions.surroundings import Surroundings
from tasks.step.log import RunLog
from tasks.tools import build_toolsets, saved_servers
from tasks.tools.hosts import allowed_hosts
from tasks.tools.network import Network
from tasks.triggers.slot import Slot


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """One run, ready for its first step."""

    spec: AgentSpec
    facts: RunFacts
    ledger: Ledger
    budget: RunBudget
    model: Model
    toolset: AbstractToolset[RunFacts]
    policy: Policy
    servers: Servers
    labels: RunLabels
    log: RunLog
    invariants: Invariants
    watching: Watching
    evidence: str
    """The fingerprint that what the run shows belongs to."""
    carried: Carried | None = None
    """What a rehearsal has staged, where the run executes that."""
    hears: Callable[[Call], Any] = was_staged
    """What its model hears of a call that a rehearsal stages."""

    @cached_property
    def opening(self) -> Opening:
        """What all conversations of the run share."""
        return Opening(spec=self.spec, model=self.model, log=self.log, watching=self.watching)

    @property
    def hand_over(self) -> HandOver:
        """For a run that is stopped short."""
        return HandOver(spec=self.spec, model=self.model, log=self.log, budget=self.budget)

    def conversation(self, name: str, prompt: str, facts: RunFacts, gate: GateState) -> Conversation:
        """A conversation at its beginning, its tools behind the gate."""
        self.watching.conversations.add(name)
        gated = Gate(
            wrapped=self.toolset,
            policy=self.policy,
            state=gate,
            conversation=name,
            log=self.log,
            surroundings=Surroundings(
                servers=self.servers,
                labels=self.labels,
                spent=Spending(facts=facts, log=self.log, budgets=self.policy),
                mandates=Mandates(facts=facts, ledger=self.ledger, policy=self.policy),
                earned=Earned(facts=facts, ledger=self.ledger, policy=self.policy, fingerprint=self.evidence),
                carried=self.carried,
                hears=self.hears,
            ),
            reachable=bool(self.spec.escalation.to),
        )
        recorder = LedgerRecorder(
            conversation=name, facts=facts, ledger=self.ledger, budget=self.budget, gate=gate, labels=self.labels
        )
        toolset = Unasked(gated) if facts.shadow else gated
        return self.opening.conversation(name, prompt, facts, toolset, self._watched(recorder, gate))

    def _watched(self, recorder: LedgerRecorder, gate: GateState) -> Recorder:
        if not self.spec.contract.invariants:
            return recorder
        return Watched(recorder=recorder, invariants=self.invariants, gate=gate)


@dataclass(frozen=True, kw_only=True)
class Refused:
    """A run that may not begin."""

    spec: AgentSpec
    facts: RunFacts
    budget: RunBudget
    ending: Ending


async def prepare(asked: Asked, slot: Slot, log: RunLog, here: Place, stack: AsyncExitStack) -> Prepared | Refused:
    """Everything that the run is made of; tools stay open until `stack` closes.

    Raises:
        MidwatchError: the agent's file, a tool, a rule or the model is not fit for use; says what to do.
    """
    ledger = log.ledger
    if not asked.shadow:  # which can do nothing, so that no breaker has to hold it off
        await let_in(asked.agent, log.run_id, ledger)
    build_codecs()
    spec = load_agent(asked.agent, here.agents)
    refuse_own_judges(spec, here.project)
    if asked.staged:
        asked = replace(asked, input=await input_of(asked.staged, asked.agent, ledger))
    check_input(spec, asked.input)
    saved = await saved_servers(spec)
    mark = await mark_of(spec, ledger, os.environ, saved)
    facts = await entered(spec, asked, slot, log.run_id, ledger, here, mark)
    budget = await _budget(spec, facts, log)
    if (ending := await _halted(facts, ledger) or _refusal(spec, facts, budget)) is not None:
        return Refused(spec=spec, facts=facts, budget=budget, ending=ending)
    carried = await taken(asked.staged, spec, facts, ledger) if asked.staged else None
    if carried is not None and not carried.calls:
        why = f"nothing of rehearsal {asked.staged} is approved and still to be done; `midwatch staged` shows what is"
        return Refused(spec=spec, facts=facts, budget=budget, ending=Ending(loop="denied", reason=why))
    if carried is not None:
        budget = await _budget(spec.model_copy(update={"limits": limits_for(carried, spec.limits)}), facts, log)
    invariants = await Invariants.open(spec.contract, facts, log)
    model = await _model(spec, carried, here)
    network = Network(hosts=allowed_hosts(Rules(allow=spec.rules.allow, deny=spec.rules.deny)))
    toolset = await stack.enter_async_context(
        CombinedToolset(build_toolsets(spec, facts, servers=saved, network=network))
    )
    tools = await tool_definitions(toolset, facts, model)
    policy = policy_of(spec, tools, here)
    known_bad(spec, policy)
    servers = Servers(agent=spec.name, ledger=ledger)
    await servers.see(tools.values())
    mark = await as_met(spec, facts, ledger, mark, saved)
    known = {name: declared(tool) for name, tool in tools.items()}
    labels = await RunLabels.open(spec, facts, log, known)
    network.judge_by(
        policy,
        context=lambda: PolicyContext(labels=labels.known()),
        held=lambda decision, call: labels.held(decision, call, known[call.tool]),
    )
    return Prepared(
        spec=spec,
        facts=facts,
        ledger=ledger,
        budget=budget,
        model=model,
        toolset=toolset,
        policy=policy,
        servers=servers,
        labels=labels,
        log=log,
        invariants=invariants,
        watching=await Watching.open(spec, facts, log, budget, known),
        evidence=mark.whole,
        carried=carried,
    )


async def _model(spec: AgentSpec, carried: Carried | None, here: Place) -> Model:
    if carried is not None:
        return replay(carried)
    return await resolve_model(spec.models(), home=here.home, environment=os.environ, patience=spec.patience)


async def _budget(spec: AgentSpec, facts: RunFacts, log: RunLog) -> RunBudget:
    """With what earlier lives of the run and others have used; an effect that was refused them is refused still."""
    budget = RunBudget(spec.limits, run=await log.ledger.spent_by(facts.run_id), stall_minutes=stall_minutes(spec))
    budget.refresh(await log.ledger.standing(facts.run_id, spec.name, datetime.now(UTC)))
    denied = {row.rule for row in log.decisions.values() if row.verdict == "deny"}
    for meter in budget.left():
        if meter.measure == "effects" and meter.field in denied:
            budget.refuse(meter)
    return budget


async def _halted(facts: RunFacts, ledger: Ledger) -> Ending | None:
    if (halt := await Halting(facts=facts, ledger=ledger).now()) is None:
        return None
    return Ending(loop="halted", reason=not_done(halt, await ledger.asks_of(facts.run_id)))


def _refusal(spec: AgentSpec, facts: RunFacts, budget: RunBudget) -> Ending | None:
    if facts.cause != "person" and facts.level < 3:
        why = f"{spec.name} stands at level {facts.level}, where only a person starts a run, and {a_cause(facts.cause)} did"
        return Ending(loop="denied", reason=f"{why}; `midwatch grant {spec.name} 3` lets triggers start it")
    try:
        budget.before_step()
    except BudgetSpent as error:
        return Ending(loop=error.loop, reason=str(error))
    return None


def check_input(spec: AgentSpec, input: Mapping[str, Any]) -> None:
    """Raises SpecError where a run's input is not what the agent's file describes; names the field."""
    fault = input_fault(spec.input, input)
    if fault is not None:
        raise SpecError(f"{fault[1]}; agents/{spec.name}.yaml says what a run of it takes", field=fault[0])
