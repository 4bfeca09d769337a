"""Monitoring: what does a person want to know about a run? Its report as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal, TypeVar

from midwatch.budget import UNITS, Spent
from midwatch.characters import visible
from midwatch.contract import Finding
from midwatch.decision import Verdict
from midwatch.judgment import Judgment
from midwatch.ledger import AskVerdict
from midwatch.run import RunFacts, a_cause
from midwatch.run_ids import short
from midwatch.spec import Limits
from tasks.monitoring.markdown import NOTHING, code, fenced, table

FIRST: Final = 20
LAST: Final = 20
"""So many rows of a table are shown from its beginning and its end: a report never grows without bound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryStep:
    """One thing that the run did or wanted to do."""

    turn: int
    """Model request within its conversation, from 1."""
    tool: str
    """The tool's name, or `answer` for a final text."""
    what: str = ""
    """The call's arguments, as they were judged."""
    verdict: Verdict | None = None
    rule: str = ""
    seconds: float = 0.0
    item: str = ""
    """With `for_each`: what the conversation was about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryQuestion:
    """One thing that a person was asked."""

    what: str
    answer: AskVerdict | Literal["waiting"]
    by: str = ""
    words: str = ""
    """What the person said to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WayBack:
    """How one effect is taken back, as its tool says. A person does it, or nobody."""

    what: str
    how: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryStop:
    """Where a run was stopped short: by a limit or by a monitor."""

    done: Sequence[str]
    left: Sequence[str]
    hand_over: str = ""
    """What the model said about it; a claim."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStory:
    """Everything that the report of one run tells."""

    facts: RunFacts
    purpose: str
    """The description in the agent's file."""
    judgment: Judgment
    finished_at: datetime
    spent: Spent
    limits: Limits
    near: Sequence[str] = ()
    """Limits of the run, the day or the house of which the last part is used."""
    steps: Sequence[StoryStep] = ()
    rehearsed: Sequence[StoryStep] = ()
    """Calls that a rehearsal has staged."""
    questions: Sequence[StoryQuestion] = ()
    ways_back: Sequence[WayBack] = ()
    """The last effect first."""
    findings: Sequence[Finding] = ()
    said: str = ""
    """The model's last words; a claim."""
    stop: StoryStop | None = None
    """None where it came to its own end."""
    places: Mapping[str, str] = field(default_factory=dict)
    """Where things are, by what they are: a path, an address, a command."""


def render_report(story: RunStory) -> str:
    """The report, outcome first. Whatever a model, a tool or a file said stands in it as code."""
    sections = [
        f"# {story.facts.agent}: {story.judgment.outcome}\n\n{code(story.judgment.reason, at_most=1000)}",
        f"## What it was for\n\n{code(story.purpose)}\n\n{_when(story)}",
        *([f"## Where it was stopped\n\n{_stop(story.stop)}"] if story.stop else []),
        f"## What it did\n\n{_steps(story.steps)}",
        *([f"## What it would have done\n\n{_rehearsed(story)}"] if story.rehearsed else []),
        *([f"## How to take it back\n\n{_ways_back(story.ways_back)}"] if story.ways_back else []),
        f"## What it asked\n\n{_questions(story.questions)}",
        f"## What it cost\n\n{_cost(story)}",
        f"## What the contract found\n\n{_findings(story.findings)}",
        f"## What it said at the end\n\nIts own words; nothing above rests on them:\n\n{fenced(story.said or NOTHING)}",
        f"## Where things are\n\n{_places(story.places)}",
    ]
    return "\n\n".join(sections) + "\n"


def _when(story: RunStory) -> str:
    facts = story.facts
    rows = [
        ("run", code(facts.run_id)),
        ("started", f"{facts.started_at:%Y-%m-%d %H:%M:%S} UTC, by {a_cause(facts.cause)}"),
        ("ended", f"{story.finished_at:%Y-%m-%d %H:%M:%S} UTC"),
        ("level", str(facts.level)),
    ]
    rows += [(f"input {code(name)}", code(str(value))) for name, value in facts.input.items()]
    return table(("", ""), rows)


def _stop(stop: StoryStop) -> str:
    done, left = (
        "\n".join(f"- {code(one, at_most=400)}" for one in some) or NOTHING for some in (stop.done, stop.left)
    )
    words = f"\n\nIts own words, to whoever goes on:\n\n{fenced(stop.hand_over)}" if stop.hand_over else ""
    return f"Done:\n\n{done}\n\nLeft:\n\n{left}{words}"


def _steps(steps: Sequence[StoryStep]) -> str:
    if not steps:
        return "Nothing: no model was asked and no tool was called."
    return _bounded(("turn", "tool", "with", "decision (rule)", "seconds"), steps, _step)


def _step(step: StoryStep) -> Sequence[str]:
    return (
        f"{code(step.item)} {step.turn}" if step.item else str(step.turn),
        code(step.tool),
        code(step.what, at_most=160),
        f"{step.verdict} ({code(step.rule)})" if step.verdict else NOTHING,
        f"{step.seconds:.1f}",
    )


def _rehearsed(story: RunStory) -> str:
    listed = _bounded(("number", "tool", "with", "decision (rule)", "seconds"), story.rehearsed, _step)
    return f"None of this was executed. `midwatch staged {short(story.facts.run_id)}` shows it whole.\n\n{listed}"


def _questions(questions: Sequence[StoryQuestion]) -> str:
    if not questions:
        return "Nothing."
    return _bounded(
        ("question", "answer", "by", "words"),
        questions,
        lambda asked: (code(asked.what), asked.answer, code(asked.by), code(asked.words)),
    )


def _ways_back(ways: Sequence[WayBack]) -> str:
    listed = _bounded(
        ("what it did", "how"), ways, lambda way: (code(way.what, at_most=160), code(way.how, at_most=2_000))
    )
    return f"Nothing does this by itself. In this order:\n\n{listed}"


def _cost(story: RunStory) -> str:
    spent, limits = story.spent, story.limits
    usd = f"{'at least ' if spent.unpriced_steps else ''}{spent.usd:.4f}"
    rows = [
        (UNITS["steps"], f"{spent.steps}", f"{limits.steps}"),
        (UNITS["tokens"], f"{spent.tokens}", f"{limits.tokens}"),
        (UNITS["usd"], usd, f"{limits.usd:g}"),
        (UNITS["minutes"], f"{spent.minutes:.1f}", f"{limits.minutes:g}"),
        (UNITS["effects"], f"{spent.effects}", f"{limits.effects}"),
    ]
    text = table(("", "used", "allowed"), rows)
    if story.near:
        text += f"\n\nNear its end: {', '.join(story.near)}."
    if spent.unpriced_steps:
        text += (
            f"\n\nNobody knows the price of {spent.unpriced_steps} of the {spent.steps} steps, "
            "so the limit in dollars could not be enforced for them; the other limits were."
        )
    return text


def _findings(findings: Sequence[Finding]) -> str:
    if not findings:
        return "There was nothing to check: no check of the agent's contract was made."
    words = {(True, True): "holds", (False, True): "does not hold", (False, False): "could not be seen"}
    return _bounded(
        ("", "check", "found"),
        sorted(findings, key=lambda finding: finding.held),
        lambda found: (words[found.held, found.looked], code(found.check), code(found.detail, at_most=400)),
    )


def _places(places: Mapping[str, str]) -> str:
    return "\n".join(f"- {visible(what)}: {code(where)}" for what, where in places.items()) or NOTHING


Entry = TypeVar("Entry")


def _bounded(head: Sequence[str], entries: Sequence[Entry], row: Callable[[Entry], Sequence[str]]) -> str:
    """A table of at most `FIRST + LAST` entries; what is left out is counted, and the ledger has it."""
    left_out = len(entries) - FIRST - LAST
    if left_out <= 0:
        return table(head, [row(entry) for entry in entries])
    note = [f"… {left_out} more, in the ledger", *[""] * (len(head) - 1)]
    return table(head, [*map(row, entries[:FIRST]), note, *map(row, entries[-LAST:])])
