"""The backtest: what do these rules say to what was asked for then? Nothing is run, and nothing looked at but what is given.

Known from the ledger: the call, the run's level, cause and input, which labels were on the run at that moment. Replayed: what
budgets had seen, as if a person had answered as they did. What cannot be known is said of each call (`Doubt`), never guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, Literal

from midwatch.backtest.change import Past
from midwatch.backtest.judged import Judge, Key
from midwatch.backtest.spent import Windows
from midwatch.calls import parse_call
from midwatch.decision import Decision
from midwatch.errors import CallError
from midwatch.ledger.backtest import PastCall
from midwatch.mandate import RULE as MANDATE
from midwatch.policy import Policy, PolicyContext, ServerFacts
from midwatch.policy.origins import Origins, origins_of
from midwatch.policy.provenance import RULE as PROVENANCE
from midwatch.policy.provenance import held_to_origins
from midwatch.policy.reading import LABELS, Label
from midwatch.policy.resolve import as_spelled
from midwatch.risk import Risk, ToolFacts
from midwatch.run import Level, RunFacts
from midwatch.spec import AgentSpec

Hold = Callable[[Decision, Level, Risk], Decision]
"""What a run's level, and who is there, leave of a rule's answer."""
Doubt = Literal["held back", "disk", "hints", "lookup", "unreadable"]
"""Why nobody can tell.

held back  something else than rules and level held the call back: a limit, a yes to another call, a fault
disk       what stood on the disk then denied it, and the disk is not looked at
hints      a rule asks what the tool's MCP server says of itself, and that is not in the ledger
lookup     where it goes may have stood in what a trusted tool had found, and results are not searched
unreadable what stands in the ledger is not one well-formed call
"""
DISK: Final = frozenset({"builtin.path", "builtin.outside", "builtin.protected"})
KEPT: Final = 20_000
"""Answers to calls that were the same, kept at once."""
AT_ONCE: Final = 200
"""Runs whose words are kept at once."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """The rules, and the level, that the past is held against."""

    spec: AgentSpec
    policy: Policy
    """Compiled within `as_spelled`."""
    facts: Mapping[str, ToolFacts]
    """Of every tool that the agent is offered."""
    servers: Mapping[str, ServerFacts]
    """Of the tools of MCP servers: taken to be what a person has looked at."""
    hold: Hold
    level: Level | None = None
    """None: each run's own."""

    @cached_property
    def lookups(self) -> frozenset[str]:
        """Tools whose results may name who something goes to."""
        return frozenset(name for name, facts in self.facts.items() if facts.risk == "read" and not facts.untrusted)

    @cached_property
    def unsaid(self) -> frozenset[str]:
        """Tools whose rules ask what their server says of them."""
        asking = (tool for (_, tool), rules in self.policy.by_tool.items() if any(_asks_hints(rule) for rule in rules))
        return frozenset(asking)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One call, then and now."""

    call: PastCall
    past: Past
    now: Decision
    doubt: Doubt | None


@dataclass
class Replay:
    """One pass over the past. Feed it in the order of time: budgets remember."""

    trial: Trial
    judge: Judge
    windows: Windows = field(default_factory=Windows)
    _ruled: dict[Key, Decision | None] = field(default_factory=dict)
    _words: dict[tuple[str, int], Origins] = field(default_factory=dict)
    _begun: tuple[Sequence[PastCall], list[Key]] = ((), [])

    def tell(self, calls: Sequence[PastCall]) -> list[Told]:
        """What each would have been."""
        self.begin(calls)
        return self.end()

    def begin(self, calls: Sequence[PastCall]) -> None:
        """Have judged what was not judged before; `end` gives the answers."""
        alone = dict.fromkeys(_key(call) for call in calls if call.tool not in self.trial.policy.budgeted)
        if len(self._ruled) + len(alone) > KEPT:
            self._ruled.clear()
        new = [key for key in alone if key not in self._ruled]
        self._begun = calls, new
        self.judge.begin(new)

    def end(self) -> list[Told]:
        """What each call of the page that was begun would have been."""
        calls, new = self._begun
        self._ruled.update(zip(new, self.judge.answers(), strict=True))
        with as_spelled():
            return [self._told(call) for call in calls]

    def _told(self, past: PastCall) -> Told:
        try:
            return self._tell(past)
        except CallError as error:
            unread = Decision(verdict="deny", rule="error", reason=str(error))
            return Told(call=past, past=past_of(past), now=unread, doubt="unreadable")

    def _tell(self, past: PastCall) -> Told:
        became, labels = past_of(past), _labels(past)
        decision = self._decided(past, labels, ran=became in ("allowed", "approved", "edited"))
        looked_up = self._may_be_looked_up(past, decision, labels)
        risk = self._facts(past.tool).risk
        held = self.trial.hold(decision, self.trial.level or past.run.level, risk)
        if past.rule.startswith(f"{MANDATE}.") and held.verdict == "ask" and past.verdict == "allow":
            held = Decision(verdict="allow", rule=past.rule, reason="the mandate that let it through then answers it")
        return Told(call=past, past=became, now=held, doubt=self._doubt(past, held, looked_up=looked_up))

    def _decided(self, past: PastCall, labels: tuple[Label, ...], *, ran: bool) -> Decision:
        """What the rules say, with what text from outside may have chosen."""
        if past.tool in self.trial.policy.budgeted:
            return self._within_budget(past, labels, ran=ran)
        decision = self._ruled[_key(past)]
        if decision is None:
            parse_call(past.tool, past.args_json)
            raise CallError(f"{past.tool} cannot be read")
        return self._to_origins(past, decision, labels)

    def _within_budget(self, past: PastCall, labels: tuple[Label, ...], *, ran: bool) -> Decision:
        policy, call = self.trial.policy, parse_call(past.tool, past.args_json)
        known = {label: label in labels for label in LABELS}
        spent = self.windows.spent(policy.windows(past.tool), past.at)
        context = PolicyContext(labels=known, server=self.trial.servers.get(past.tool), spent=spent)
        decision = self._to_origins(past, policy.decide(call, context), labels)
        if decision.verdict == "allow" or (decision.verdict == "ask" and ran):
            self.windows.draw(policy.draws(call, context, decision), past.at)
        return decision

    def _to_origins(self, past: PastCall, decision: Decision, labels: tuple[Label, ...]) -> Decision:
        if "untrusted" not in labels:
            return decision
        call, known = parse_call(past.tool, past.args_json), {label: label in labels for label in LABELS}
        return held_to_origins(decision, call, self._facts(past.tool), known, self._origins_of(past))

    def _origins_of(self, past: PastCall) -> Origins:
        """Whose words the run had: built once for its calls, which stand near one another."""
        said = [text for at, text in past.run.answers if at < past.at]
        key = past.run_id, len(said)
        if key not in self._words:
            if len(self._words) >= AT_ONCE:
                self._words.clear()
            self._words[key] = origins_of(self.trial.spec, _facts_of(past, self.trial.spec), said)
        return self._words[key]

    def _facts(self, tool: str) -> ToolFacts:
        return self.trial.facts.get(tool) or ToolFacts()

    def _may_be_looked_up(self, past: PastCall, decision: Decision, labels: tuple[Label, ...]) -> bool:
        """It is asked about for its origin alone, was not then, and there was a place to look it up."""
        came = past.run.looked_up
        return (
            decision.rule == PROVENANCE
            and past.rule != PROVENANCE
            and "private" not in labels
            and came is not None
            and came < past.at
        )

    def _doubt(self, past: PastCall, now: Decision, *, looked_up: bool) -> Doubt | None:
        if past.verdict == "deny" and not is_of_the_rules(past.rule):
            return "held back"
        if past.verdict == "deny" and past.rule in DISK and now.verdict != "deny":
            return "disk"
        if past.tool in self.trial.unsaid:
            return "hints"
        return "lookup" if looked_up else None


def _key(past: PastCall) -> Key:
    return past.tool, past.args_json, _labels(past)


def _labels(past: PastCall) -> tuple[Label, ...]:
    """That were on the run before the call."""
    entered = past.run.labels
    return tuple(label for label in LABELS if label in entered and entered[label] < past.at) if entered else ()


def past_of(call: PastCall) -> Past:
    """What became of it. What a rule let through can be a person's no: to a rehearsal's call, before it was done."""
    if call.answer == "denied":
        return "denied"
    if call.verdict == "allow":
        return "allowed"
    if call.verdict == "deny":
        return "forbidden"
    match call.answer:
        case "approved":
            return "approved"
        case "edited":
            return "edited"
        case _:
            return "unanswered"


def is_of_the_rules(rule: str) -> bool:
    """A denial was made by the agent's rules, by what is built in, or by the run's level: by what is replayed."""
    return rule in ("default", "unknown-tool") or rule.startswith(("deny.", "ask.", "allow.", "builtin.", "level-"))


def _asks_hints(rule: object) -> bool:
    around = getattr(rule, "circumstances", None)
    return bool(around and around.hints)


def _facts_of(past: PastCall, spec: AgentSpec) -> RunFacts:
    run = past.run
    return RunFacts(run_id=past.run_id, agent=spec.name, started_at=past.at, cause=run.cause, input=run.input)
