"""Monitoring: does it do what its verified runs never did? Told in the figures of the agent's own past."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from midwatch.budget import Spent
from midwatch.habit import AMOUNTS, Habit, Kind, Traits, reached
from midwatch.ledger import StepRow
from midwatch.monitors import DriftMonitor, MonitorName, Then
from tasks.monitoring.exchange import Exchange, Sight

FURTHER: Final = 1.5
"""Once the model was told that it is beyond the habit, so far beyond it is brought before a person."""
SHOWN: Final = 3

Sinks = Mapping[str, Sequence[str] | None]
"""By tool: which arguments say who something goes to (`ToolFacts.sinks`)."""


@dataclass(kw_only=True)
class DriftWatch:
    """Of one run, whatever its conversations. Without a habit nothing is unusual."""

    settings: DriftMonitor
    habit: Habit | None
    sinks: Sinks
    spent: Callable[[], Spent]
    """What the run has used up to now."""
    items: Callable[[], int]
    """Its conversations."""
    name: MonitorName = "drift"
    more_steps: int | None = None
    _new: list[str] = field(default_factory=list)
    """What the last turn did that no verified run ever did."""

    @property
    def then(self) -> Then:
        return self.settings.then

    def see(self, exchange: Exchange, turn: int) -> None:  # noqa: ARG002  # part of the surface
        """One turn more; what was refused or failed has touched nothing."""
        done = [(call.tool, call.args_json) for call in exchange.calls if call.fate == "done"]
        self._new = [] if self.habit is None else new_in(self.habit, done, self.sinks)

    async def sight(self, turn: int, *, told: bool) -> Sight | None:  # noqa: ARG002
        """Something new in the last turn, or more of something than is usual."""
        if self.habit is None:
            return None
        found = [*self._new, *self._beyond(self.habit, FURTHER if told else 1.0)]
        if not found:
            return None
        what = "; ".join(found[:SHOWN]) + (f"; and {len(found) - SHOWN} more" if len(found) > SHOWN else "")
        past = f"none of the last {self.habit.runs} verified runs of this agent did so"
        return Sight(
            told=f"This is unusual: {what} ({past}). If the task does not need it, stop doing it, or finish and say why.",
            asked=f"does what is unusual for it ({past}): {what}",
        )

    def _beyond(self, habit: Habit, factor: float) -> list[str]:
        spent, items = self.spent(), max(1, self.items())
        return [
            f"{used:.4g} {unit}, where up to {habit.bounds[name] * items:.4g} is usual"
            for name, (unit, _) in AMOUNTS.items()
            if name in habit.bounds and (used := getattr(spent, name)) > habit.bounds[name] * items * factor
        ]


def new_in(habit: Habit, calls: Iterable[tuple[str, str]], sinks: Sinks) -> list[str]:
    """Tools, hosts and recipients of these calls that the habit does not know, each named once."""
    found: dict[str, None] = {}
    for tool, args_json in calls:
        hosts, recipients = reached(_arguments(args_json), sinks.get(tool))
        sorts: list[tuple[Kind, Iterable[str], frozenset[str] | None]] = [
            ("tool", (tool,), habit.tools),
            ("host", sorted(hosts), habit.hosts),
            ("recipient", sorted(recipients), habit.recipients),
        ]
        found |= {
            f"the {kind} `{name[:80]}` was never used before": None
            for kind, names, known in sorts
            for name in names
            if known is not None and name not in known
        }
    return list(found)


def traits_of(steps: Iterable[StepRow], spent: Spent, items: int, sinks: Sinks) -> Traits:
    """What a finished run did, for the habit of those to come. Walks over its steps, once."""
    tools: set[str] = set()
    hosts: set[str] = set()
    recipients: set[str] = set()
    for step in steps:
        if step.kind == "tool":
            to_hosts, to_recipients = reached(_arguments(step.detail), sinks.get(step.name))
            tools.add(step.name)
            hosts |= to_hosts
            recipients |= to_recipients
    return Traits(
        items=max(1, items),
        steps=spent.steps,
        usd=spent.usd,
        minutes=spent.minutes,
        tools=frozenset(tools),
        hosts=frozenset(hosts),
        recipients=frozenset(recipients),
    )


def _arguments(args_json: str) -> dict[str, object]:
    try:
        arguments = json.loads(args_json)
    except ValueError:
        return {}
    return arguments if isinstance(arguments, dict) else {}
