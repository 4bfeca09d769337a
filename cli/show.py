"""`midwatch show`: the story of one run in the terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli import terminal
from midwatch.call_line import short_first
from midwatch.calls import visible
from midwatch.ledger import AskRow, EffectRow, RunRow
from midwatch.request import Piece, Question, numbered
from midwatch.reviewer import lesson, undisclosed
from midwatch.run import a_cause
from midwatch.run_ids import short


def questions(asks: Sequence[AskRow], effects: Sequence[EffectRow]) -> list[Question]:
    """All questions of one run."""
    ways = {row.call_id: row.undo for row in effects}
    return [replace(question, undo=ways.get(question.ask.call_id, "")) for question in numbered(asks)]


_STYLES: Final = {"+": "green", "-": "red", "@": "dim"}


def print_run(story: Mapping[str, Any], console: Console) -> None:
    """What the run was, did, asked, cost and became; all of a question, so that it can be decided from here."""
    run: RunRow | None = story["run"]
    if run is None:
        console.print("The ledger has no such run.")
        return
    spent = story["spent"]
    console.print(f"[bold]{run.agent}[/] · {run.outcome or 'not ended'}")
    if run.shadow:
        console.print(f"  a rehearsal: what it would have done stands in `midwatch staged {short(run.run_id)}`")
    if run.reason:
        console.print(f"  {visible(run.reason)}", markup=False)
    console.print(
        f"  {run.run_id}, started {run.started_at:%Y-%m-%d %H:%M} UTC by {a_cause(run.cause)}, level {run.level}, "
        f"{spent.said()}, {spent.minutes:.1f} minutes at work"
    )
    console.print(_steps(story))
    _print_ways_back(story["effects"], console)
    for question in questions(story["asks"], story["effects"]):
        print_ask(question, console)
    for finding in run.findings:
        mark = "holds" if finding.held else "does not hold" if finding.looked else "could not be seen"
        console.print(f"  contract · {mark} · {finding.check}: {visible(finding.detail)}", markup=False)


def _steps(story: Mapping[str, Any]) -> Table:
    table = terminal.table("at (UTC)", "step", "", "seconds")
    # the decisions first: one and the step that was taken on it may be of one moment
    rows = [
        (row.at, f"permissions · {row.tool}: {row.verdict} ({row.rule})", row.reason, "") for row in story["decisions"]
    ]
    for row in story["steps"]:
        layer = f"{row.kind} · "  # which stands before some names already
        rows.append((row.at, f"{layer}{row.name.removeprefix(layer)}", row.detail, f"{row.seconds:.1f}"))
    for at, step, detail, seconds in sorted(rows, key=lambda row: row[0]):
        table.add_row(f"{at:%H:%M:%S}", Text(visible(step)), Text(_short(detail)), seconds)
    return table


def _print_ways_back(effects: Sequence[EffectRow], console: Console) -> None:
    """What each tool says about taking its effect back, for a person to do or not; the last one first."""
    ways = [row for row in reversed(effects) if row.state == "consumed" and row.undo]
    if ways:
        console.print("\n[bold]How to take back what it did[/], in this order; nothing does it by itself")
    for row in ways:
        console.print(f"  {row.tool} {_short(short_first(row.args_json))}", markup=False)
        console.print(f"    {visible(row.undo)}", markup=False)


def print_ask(question: Question, console: Console) -> None:
    """One question, whole."""
    ask, then = question.ask, question.consequences
    console.print(f"\n[bold]{question.number} · {ask.tool}[/] · {(ask.verdict or _waits(ask)).replace('_', ' ')}")
    for piece in question.pieces:
        print_piece(piece, console)
    if ask.verdict:
        said = visible(ask.answer or ask.decided_because or "")
        console.print(f"  {ask.verdict} by {ask.by} through {ask.via}{': ' if said else ''}{said}", markup=False)
        if test := lesson(ask):
            console.print(f"  {visible(test)}", markup=False)
    elif ask.kind == "settle":
        console.print(_either_way(question), markup=False)
    else:
        console.print(f"  yes: {then.yes}\n  no: {then.no}\n  silence: {then.silence}", markup=False)


def print_piece(piece: Piece, console: Console) -> None:
    """A part of a question, letter for letter."""
    name = f'"{piece.label}"' if piece.form == "argument" else piece.label[:1].lower() + piece.label[1:]
    if piece.form in ("diff", "lines"):
        console.print(f"  {_lined(name)}:", markup=False)
        for line in visible(piece.text).split("\n"):
            console.print(Text(f"    │ {line}", style=_STYLES.get(line[:1], "") if piece.form == "diff" else ""))
        return
    console.print(f"  {_lined(name)}: {_lined(piece.text)}", markup=False)


def _lined(text: str) -> str:
    """Lines of its own are marked, so that none of them passes for one of ours."""
    return visible(text).replace("\n", "\n    │ ")


def _waits(ask: AskRow) -> str:
    if ask.kind == "settle":
        return f"did this happen? Run {short(ask.run_id)} of {ask.agent} cannot tell"
    return f"waits, until {ask.deadline:%Y-%m-%d %H:%M} UTC" if ask.deadline else "waits"


def _either_way(question: Question) -> str:
    """What a person does about an effect whose end nobody saw, and what comes of it."""
    ask, undo = question.ask, question.undo
    command = f"midwatch settle {short(ask.run_id)} {question.number}"
    return (
        f'  {command} happened --because "..."   it stands as done\n'
        f'  {command} not --because "..."        it stands as not done\n'
        "  Look at the world first. A run that has ended stays `unknown` either way; what is still to be done is done by "
        f"a new one: midwatch run {ask.agent}"
    ) + (f"\n  should it have happened and be taken back: {visible(undo)}" if undo else "")


def _short(text: str) -> str:
    return terminal.cut(visible(text), 100)


def run_facts(story: Mapping[str, Any]) -> dict[str, Any]:
    """The same for machines: rows as objects, times as ISO 8601. What was planted is told after it was decided."""
    story = {**story, "asks": [undisclosed(row) for row in story["asks"]]}
    return {name: json.loads(json.dumps(_plain(value), default=str)) for name, value in story.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    fields = getattr(type(value), "__dataclass_fields__", None)
    return {name: _plain(getattr(value, name)) for name in fields} if fields else value
