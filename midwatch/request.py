"""Human judgment: what does a person have to see before they decide? The same on every channel, whatever it looks like there.

A request holds what can be decided in one sitting: the questions of one run, or those of the same kind of several runs. Of
each question all pieces have to be seen before a yes: what is unseen is not approved. What the ledger does not say by
itself was written down when the question was asked (`AskContext`), so no channel has to look into agent files or the world.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, assert_never

from midwatch.ask_context import AskContext, Preview
from midwatch.characters import on_one_line
from midwatch.ledger import Ask, AskRow

GO_ON: Final = "go on"
"""What a person says to a monitor's question, alone or before words for the agent; whatever else is said ends the run."""

PieceForm = Literal["argument", "quote", "lines", "diff"]
"""argument: a name and its value. quote: words, somebody's or quoting somebody. lines: text as it is. diff: a unified diff."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A part of a question that a person has to see."""

    label: str
    text: str
    form: PieceForm


@dataclass(frozen=True, slots=True, kw_only=True)
class Consequences:
    """What happens either way, a clause each."""

    yes: str
    no: str
    silence: str
    """Empty where it waits for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question, as a person is shown it."""

    number: int
    """In its run, from 1, in the order in which they were asked."""
    ask: AskRow
    note: str = ""
    """Why it is asked again, such as an edit that could not be read."""
    undo: str = ""
    """How to take back what it is about, should it have happened."""

    @property
    def context(self) -> AskContext:
        return AskContext.model_validate_json(self.ask.context_json)

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """All that has to be seen before a yes."""
        return pieces_of(self.ask)

    @property
    def consequences(self) -> Consequences:
        end = self.context.then == "end"
        denied = "the run ends as blocked" if end else "it is denied, and the agent is told so and goes on"
        match self.ask.kind:
            case "approve":
                return Consequences(
                    yes="exactly this runs, once",
                    no="it is not done, and the agent is told your reason",
                    silence=denied,
                )
            case "answer" if self.ask.rule.startswith("monitors."):
                ends = "the run ends as blocked"
                yes = f"`{GO_ON}`, with or without words for the agent: the run goes on; anything else ends it"
                return Consequences(yes=yes, no=ends, silence=ends)
            case "answer":
                unanswered = "the run ends as blocked" if end else "the agent is told that nobody answered, and goes on"
                return Consequences(
                    yes="the agent goes on with your answer",
                    no="the agent is told that nobody answers",
                    silence=unanswered,
                )
            case "park":
                ends = "the run ends as failed"
                return Consequences(yes="the run goes on where it stands", no=ends, silence=ends)
            case "settle":
                return Consequences(yes="it stands as done", no="it stands as not done", silence="")
            case unknown:
                assert_never(unknown)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a person is asked in one sitting; never empty."""

    questions: tuple[Question, ...]
    cost: str
    """Of all its runs so far."""

    @property
    def agent(self) -> str:
        return self.questions[0].ask.agent

    @property
    def purpose(self) -> str:
        return self.questions[0].context.purpose

    @property
    def run_ids(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(question.ask.run_id for question in self.questions))

    @property
    def waiting(self) -> tuple[Question, ...]:
        return tuple(question for question in self.questions if question.ask.verdict is None)


def pieces_of(ask: Ask) -> tuple[Piece, ...]:
    """All of a question that has to be seen before a yes, whether it was asked or would have been."""
    context = AskContext.model_validate_json(ask.context_json)
    words = Piece(label="The agent's own words", text=ask.words, form="quote")
    shown = [*_asked_for(ask, context.preview), *_why(ask), *_read(context), words]
    return tuple(piece for piece in shown if piece.text)


def goes_on(answer: str) -> bool:
    """Whether a person's answer to a monitor lets the run go on. `Go on? No` does not."""
    first = answer.strip().casefold()
    behind = first[len(GO_ON) :]
    return first.startswith(GO_ON) and not behind[:1].isalnum() and not behind.lstrip().startswith("?")


def together(asks: Sequence[AskRow]) -> list[tuple[AskRow, ...]]:
    """Open questions as requests, in the order of their first question: by run; runs that ask only for the same, as one."""
    by_run: dict[str, list[AskRow]] = {}
    for ask in asks:
        by_run.setdefault(ask.run_id, []).append(ask)
    requests: dict[object, list[AskRow]] = {}
    for run_id, rows in by_run.items():
        kinds = {(row.agent, row.kind, row.tool, row.rule) for row in rows}
        same = len(kinds) == 1 and rows[0].kind != "settle"
        requests.setdefault(kinds.pop() if same else run_id, []).extend(rows)
    return [tuple(rows) for rows in requests.values()]


def numbered(asks: Iterable[AskRow]) -> list[Question]:
    """All questions of one run, in the order in which they were asked."""
    return [Question(number=number, ask=ask) for number, ask in enumerate(asks, start=1)]


def _asked_for(ask: Ask, preview: Preview | None) -> list[Piece]:
    arguments: dict[str, Any] = json.loads(ask.args_json)
    if ask.kind == "answer":
        asked = Piece(label="Question", text=str(arguments.get("question", ask.args_json)), form="quote")
        options = arguments.get("options")
        return [asked, Piece(label="Options", text=readable(options), form="argument")] if options else [asked]
    seen = preview.instead_of if preview else ()
    named = [
        Piece(label=_name(name), text=readable(value), form="argument")
        for name, value in arguments.items()
        if name not in seen
    ]
    return [*named, Piece(label=preview.label, text=preview.text, form=preview.form)] if preview else named


def _why(ask: Ask) -> list[Piece]:
    match ask.kind:
        case "approve":
            why = ask.reason.replace(f"`{ask.tool} {ask.args_json}`", f"`{ask.tool}`")
            rule = "" if not ask.rule or f"rule {ask.rule}" in why else f" (rule {ask.rule})"
            return [_told("Why you are asked", why + rule)]
        case "park":
            return [_told("What happened", ask.reason)]
        case "settle":
            return [_told("Nobody saw its end", ask.reason)]
        case "answer":
            return []
        case unknown:
            assert_never(unknown)


def _read(context: AskContext) -> list[Piece]:
    """What text from outside the run has seen."""
    left = context.read_in_all - len(context.read)
    lines = [f"({left} earlier ones)", *context.read] if left > 0 else context.read
    return [Piece(label="It has read what others wrote", text="\n".join(lines), form="lines")] if lines else []


def _told(label: str, reason: str) -> Piece:
    """A reason quotes what the agent wrote: it is one line, and marked as a quotation, lest a part of it pass for ours."""
    return Piece(label=label, text=on_one_line(reason), form="quote")


def _name(argument: str) -> str:
    """Of an argument, on one line: a server's tool may be called with any."""
    return json.dumps(argument, ensure_ascii=False) if len(argument.splitlines()) > 1 else readable(argument)


def readable(value: Any) -> str:
    """As it is where that can be read; as JSON where it would be lost."""
    if isinstance(value, str):
        lines = value.removesuffix("\n")  # as most files and letters end
        return value if lines and lines == lines.strip() else json.dumps(value, ensure_ascii=False)
    nested = isinstance(value, dict | list) and bool(value)
    return json.dumps(value, ensure_ascii=False, indent=2 if nested else None)
