"""Calls as the ledger would give them, and rules to hold them against."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from midwatch.backtest import Trial
from midwatch.calls import canonical_json
from midwatch.ledger.backtest import PastCall, PastRun
from midwatch.policy import ServerFacts, compile_policy
from midwatch.policy.resolve import as_spelled
from midwatch.risk import ToolFacts
from midwatch.run import Level
from midwatch.spec import AgentSpec, Rule, Rules

PROJECT = Path("/srv/office")
AT = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
RUN = PastRun(level=4, cause="person", input={})
TOOLS = {
    "read_file": ToolFacts(risk="read"),
    "shell": ToolFacts(risk="execute"),
    "pay": ToolFacts(risk="money", sinks=("to",)),
    "find": ToolFacts(risk="read", untrusted=False),
    "mcp__crm__look": ToolFacts(risk="read"),
}


def trial(*allow: Rule, ask: tuple[Rule, ...] = (), deny: tuple[Rule, ...] = (), level: Level | None = None) -> Trial:
    """A run's level is taken as it is: what it leaves of an answer is another module's."""
    rules = Rules(allow=list(allow), ask=list(ask), deny=list(deny))
    with as_spelled():
        policy = compile_policy(rules, tools={name: one.risk for name, one in TOOLS.items()}, roots={}, project=PROJECT)
    spec = AgentSpec(name="night-owl", description="d", instructions="Pay the landlord.", rules=rules)
    servers = {"mcp__crm__look": ServerFacts(trusted=True)}
    return Trial(spec=spec, policy=policy, facts=TOOLS, servers=servers, hold=lambda one, *_: one, level=level)


def call(tool: str, args: Mapping[str, Any], *, minutes: float = 0, **other: Any) -> PastCall:
    """Allowed by a rule, unless it is said otherwise."""
    facts: dict[str, Any] = {
        "run_id": "r",
        "run": RUN,
        "verdict": "allow",
        "rule": "allow.it",
        "asked": False,
        "answer": None,
    }
    return PastCall(tool=tool, args_json=canonical_json(args), at=AT + timedelta(minutes=minutes), **{**facts, **other})


def shell(command: str, **other: Any) -> PastCall:
    return call("shell", {"command": command}, **other)


def asked(one: str, answer: str | None) -> PastCall:
    """A command that was asked about."""
    return shell(one, verdict="ask", rule="default", asked=True, answer=answer)
