"""Permissions: what has entered a run's context, and which words may say where it sends something?

One value for all conversations of a run. Its labels stand in the ledger, written with the step that brought them, so that
a later life knows them; its words are gathered at the beginning of a life and grow with trusted lookups alone.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Final, Self

from midwatch.calls import Call, canonical_json, parse_call
from midwatch.decision import Decision
from midwatch.named_function import named_function
from midwatch.policy.origins import Origins, origins_of, words_of
from midwatch.policy.provenance import held_to_origins, labels_of
from midwatch.policy.reading import LABELS, Label
from midwatch.risk import ToolFacts, facts_of
from midwatch.run import RunFacts
from midwatch.spec import AgentSpec
from midwatch.templates import functions_in
from tasks.step.log import RunLog

MOST_READ: Final = 5
CALL: Final = 200
"""Characters of a call that a person is told was read."""
MOST_WORDS: Final = 20_000
"""Of all trusted lookups of a run; what would be more is asked about."""


@dataclass(kw_only=True)
class RunLabels:
    """Of one run. The default is the worst that can be known of one."""

    standing: set[Label] = field(default_factory=lambda: set(LABELS))
    origins: Origins = field(default_factory=Origins)
    looked_up: set[str] = field(default_factory=set)
    read: deque[str] = field(default_factory=lambda: deque(maxlen=MOST_READ))
    """The latest calls that brought text from outside, for whoever is asked."""
    read_in_all: int = 0

    @classmethod
    async def open(cls, spec: AgentSpec, facts: RunFacts, log: RunLog, tools: Mapping[str, ToolFacts]) -> Self:
        """Those of a run at the beginning of a life, its first or a later one."""
        ledger = log.ledger
        standing = set(await ledger.labels_of(facts.run_id))
        for label, why in brought_by_prompt(spec):
            if label not in standing:
                await ledger.add_label(facts.run_id, label, why)
                standing.add(label)
        asked = await ledger.asks_of(facts.run_id)
        answers = [row.answer for row in asked if row.verdict == "answered" and row.answer is not None]
        copied = facts.cause == "person" and await ledger.is_from_outside(facts.run_id)
        words = (
            replace(facts, cause="event") if copied else facts
        )  # a copy's input is still the sender's, not a person's
        labels = cls(standing=standing, origins=origins_of(spec, words, answers))
        for step in log.steps.values():
            declared = tools.get(step.name)
            if declared is None or step.kind != "tool":
                continue
            labels.note(step.name, step.detail, declared)
            if is_lookup(declared):
                labels.remember(parse_call(step.name, step.detail), declared, json.loads(step.result_json))
        return labels

    def known(self) -> dict[Label, bool]:
        """For the rules: of every label, whether it is on the run."""
        return {label: label in self.standing for label in LABELS}

    def new_with(self, call: Call, facts: ToolFacts) -> tuple[Label, ...]:
        """What the result of `call` would put on the run and does not stand yet; to be stored with that result."""
        return tuple(label for label in labels_of(call, facts) if label not in self.standing)

    def entered(self, brought: tuple[Label, ...], call: Call, facts: ToolFacts, payload: object) -> None:
        """The result of `call` is stored, and the model will see it."""
        self.standing.update(brought)
        self.note(call.tool, canonical_json(call.args), facts)
        self.remember(call, facts, payload)

    def note(self, tool: str, args_json: str, facts: ToolFacts) -> None:
        """Keep for people which call brought text from outside."""
        if facts.untrusted:
            said = f"{tool} {args_json}"
            self.read.append(said if len(said) <= CALL else f"{said[:CALL]}…")
            self.read_in_all += 1

    def remember(self, call: Call, facts: ToolFacts, payload: object) -> None:
        """Take over what a lookup found that was asked with a person's own words."""
        if not is_lookup(facts) or not isinstance(payload, Mapping) or not self.origins.are_asked_in(call):
            return
        self.looked_up.update(islice(words_of(payload.get("result")), max(0, MOST_WORDS - len(self.looked_up))))

    def held(self, decision: Decision, call: Call, facts: ToolFacts) -> Decision:
        """`decision`, or an ask where text from outside may have chosen where `call` leads."""
        return held_to_origins(decision, call, facts, self.known(), self.origins, self.looked_up)


def is_lookup(facts: ToolFacts) -> bool:
    """A tool that only reads, and in what nobody outside writes."""
    return facts.risk == "read" and not facts.untrusted


def brought_by_prompt(spec: AgentSpec) -> Iterator[tuple[Label, str]]:
    """What the first message of a conversation puts on a run, and why: the names of files, and what functions fill in."""
    if spec.for_each is not None:
        yield "untrusted", "its items are named by whoever puts files there"
    for name in functions_in(spec.prompt):
        facts = facts_of(named_function(name, field="prompt"))
        if facts.untrusted:
            yield "untrusted", f"{name} fills in its first message"
        if facts.private:
            yield "private", f"{name} fills in its first message"
