"""`midwatch show`: the story of one run in the terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from midwatch.calls import visible
from midwatch.ledger import AskRow, RunRow


def print_run(story: Mapping[str, Any], console: Console) -> None:
    """What the run was, did, asked, cost and became; all of a question, so that it can be decided from here."""
    run: RunRow | None = story["run"]
    if run is None:
        console.print("The ledger has no such run.")
        return
    spent = story["spent"]
    console.print(f"[bold]{run.agent}[/] · {run.outcome or 'not ended'}")
    if run.reason:
        console.print(f"  {visible(run.reason)}", markup=False)
    console.print(
        f"  {run.run_id}, started {run.started_at:%Y-%m-%d %H:%M} UTC by a {run.cause}, level {run.level}, "
        f"{spent.steps} steps, {spent.tokens} tokens, {spent.usd:.4f} US dollars, {spent.minutes:.1f} minutes at work"
    )
    console.print(_steps(story))
    for number, ask in enumerate(story["asks"], start=1):
        _print_ask(number, ask, console)
    for finding in run.findings:
        mark = "holds" if finding.held else "does not hold" if finding.looked else "could not be seen"
        console.print(f"  contract · {mark} · {finding.check}: {visible(finding.detail)}", markup=False)


def _steps(story: Mapping[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("at", "step", "", "seconds"):
        table.add_column(heading, overflow="fold")
    rows = [(row.at, f"{row.kind} · {row.name}", row.detail, f"{row.seconds:.1f}") for row in story["steps"]]
    rows += [
        (row.at, f"permissions · {row.tool}: {row.verdict} ({row.rule})", row.reason, "") for row in story["decisions"]
    ]
    for at, step, detail, seconds in sorted(rows, key=lambda row: row[0]):
        text = visible(detail)
        shown = Text(text if len(text) <= 100 else f"{text[:99]}…")
        table.add_row(f"{at:%H:%M:%S}", Text(visible(step)), shown, seconds)
    return table


def _print_ask(number: int, ask: AskRow, console: Console) -> None:
    console.print(
        f"\n[bold]{number} · {ask.tool}[/] · {ask.verdict or f'waits, until {ask.deadline:%Y-%m-%d %H:%M} UTC'}"
    )
    for name, value in json.loads(ask.args_json).items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
        console.print(f"  {name}: {visible(text)}", markup=False)
    if ask.rule:
        console.print(f"  rule {ask.rule}: {visible(ask.reason)}", markup=False)
    if ask.words:
        console.print(f"  the agent's own words: {visible(ask.words)}", markup=False)
    if ask.verdict:
        said = visible(ask.answer or ask.decided_because or "")
        console.print(f"  {ask.verdict} by {ask.by} through {ask.via}{': ' if said else ''}{said}", markup=False)


def run_facts(story: Mapping[str, Any]) -> dict[str, Any]:
    """The same for machines: rows as objects, times as ISO 8601."""
    return {name: json.loads(json.dumps(_plain(value), default=str)) for name, value in story.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    fields = getattr(type(value), "__dataclass_fields__", None)
    return {name: _plain(getattr(value, name)) for name in fields} if fields else value
