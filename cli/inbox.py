"""`midwatch inbox`, `show` and the answers: what waits for a person, and what does the person say?"""

from __future__ import annotations

import asyncio
import getpass
import json
import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.environment import adopt
from cli.home import House, locate
from cli.show import Question, print_ask, print_run, questions, run_facts
from midwatch.calls import visible
from midwatch.errors import CallError, LedgerError
from midwatch.ledger import AskRow, Ledger

RunId = Annotated[str, typer.Argument(help="The run, or as many of its first characters as single it out.")]
Numbers = Annotated[list[int], typer.Argument(help="Which of its questions, as `midwatch show` numbers them.")]
Reason = Annotated[str, typer.Option("--because", help="Why. It stays in the ledger; with a no, the agent is told.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def inbox(as_json: AsJson = False) -> None:
    """List what waits for a person, the longest waiting first."""
    waiting = asyncio.run(with_ledger(_waiting))
    if as_json:
        typer.echo(json.dumps([_facts(one) for one in waiting]))
        return
    console = Console(highlight=False, soft_wrap=True)
    if not waiting:
        console.print("Nothing waits for you.")
    if requests := [one.ask for one in waiting if one.ask.kind != "settle"]:
        console.print(_table(requests, datetime.now(UTC)), soft_wrap=False)
        console.print(
            "\n`midwatch show RUN` shows a request whole; `midwatch approve | deny | edit | answer RUN N` decides it."
        )
    for one in waiting:
        if one.ask.kind == "settle":
            print_ask(one, console)


async def _waiting(ledger: Ledger) -> list[Question]:
    waiting = await ledger.open_asks()
    runs = {row.run_id for row in waiting}
    known = {
        one.ask.ask_id: one
        for run_id in runs
        for one in questions(await ledger.asks_of(run_id), await ledger.effects_of(run_id))
    }
    return [known[row.ask_id] for row in waiting]


def _table(asks: Sequence[AskRow], now: datetime) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("run", "agent", "what it asks for", "rule", "asked", "deadline"):
        table.add_column(heading, overflow="fold")
    for row in asks:
        what = f"{row.tool} {visible(row.args_json)}"
        table.add_row(
            row.run_id[:8],
            row.agent,
            Text(what if len(what) <= 80 else f"{what[:79]}… ({len(what)} characters)"),
            Text(visible(row.rule)),
            f"{_about(now - row.created_at)} ago",
            _until(row.deadline, now),
        )
    return table


def _until(deadline: datetime | None, now: datetime) -> str:
    if deadline is None:
        return "none"
    return f"in {_about(deadline - now)}" if deadline > now else "passed"


def _about(span: timedelta) -> str:
    minutes = int(span.total_seconds() // 60)
    if minutes < 120:
        return f"{max(minutes, 0)} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} days"


def show(run: RunId, as_json: AsJson = False) -> None:
    """Show a run: what it asks for, what it did, how it ended."""

    async def read(ledger: Ledger) -> dict[str, Any]:
        run_id = await whole_id(ledger, run)
        return {
            "run": await ledger.run(run_id),
            "steps": await ledger.steps_of(run_id),
            "decisions": await ledger.decisions_of(run_id),
            "effects": await ledger.effects_of(run_id),
            "asks": await ledger.asks_of(run_id),
            "spent": await ledger.spent_by(run_id),
        }

    story = asyncio.run(with_ledger(read))
    if as_json:
        typer.echo(json.dumps(run_facts(story)))
    else:
        print_run(story, Console(highlight=False, soft_wrap=True))


def approve(
    run: RunId,
    numbers: Numbers,
    reason: Reason = "",
    always: Annotated[
        bool, typer.Option("--always", help="And propose the narrow rule for it: `rules proposals`.")
    ] = False,
) -> None:
    """Say yes: exactly what was shown runs, once."""
    stand = _answer(run, numbers, {"verdict": "approved", "reason": reason})
    if always:
        from cli.always import propose

        propose([row for row in stand if row.verdict == "approved"])


def deny(run: RunId, numbers: Numbers, reason: Reason = "") -> None:
    """Say no: it is not done, and the agent is told so, with the reason."""
    _answer(run, numbers, {"verdict": "denied", "reason": reason})


def edit(
    run: RunId,
    number: Annotated[int, typer.Argument(help="Which of its questions.")],
    arguments: Annotated[str, typer.Argument(help="The whole arguments as they should be: one JSON object.")],
    reason: Reason = "",
) -> None:
    """Say yes to a changed call: it runs with these arguments, if the rules let it."""
    _answer(run, [number], {"verdict": "edited", "reason": reason, "edited_args_json": arguments})


def answer(
    run: RunId,
    text: Annotated[str, typer.Argument(help="What you answer.")],
    number: Annotated[int | None, typer.Argument(help="Which of its questions, when there are several.")] = None,
) -> None:
    """Answer a question that the agent asked."""
    _answer(run, None if number is None else [number], {"verdict": "answered", "answer": text})


def _answer(run: str, numbers: list[int] | None, said: dict[str, Any]) -> list[AskRow]:
    """The questions as they stand then."""
    house = locate(os.environ)
    adopt(house)
    lines, stand = asyncio.run(_decided(house, run, numbers, said))
    for line in lines:
        typer.echo(line)
    return stand


async def _decided(
    house: House, run: str, numbers: list[int] | None, said: dict[str, Any]
) -> tuple[list[str], list[AskRow]]:
    from prefect.client.orchestration import get_client

    from blocks.ledger import open_ledger
    from tasks.permissions.answers import decide, numbered_asks, resume_if_decided
    from tasks.permissions.form import Answer

    async with await open_ledger(house.home) as ledger:
        run_id = await whole_id(ledger, run)
        lines: list[str] = []
        stand: list[AskRow] = []
        for one in _chosen(await numbered_asks(ledger, run_id), numbers, _waits):
            try:
                made = await decide(
                    ledger, one.ask, Answer(ask_id=one.ask.ask_id, **said), by=getpass.getuser(), via="cli"
                )
            except CallError as error:
                raise LedgerError(f"{one.number} · {one.ask.tool}: {error}") from error
            stands = made.row
            first = "" if made.first else f" already, by {stands.by} through {stands.via}"
            lines.append(f"{one.number} · {stands.tool}: {stands.verdict}{first}")
            stand.append(stands)
        async with get_client() as client:
            resumed = await resume_if_decided(client, ledger, run_id)
        rest = sum(row.verdict is None for row in await ledger.asks_of(run_id))
    then = "The run goes on." if resumed else f"{rest} more wait." if rest else "Nothing more waits."
    return [*lines, then], stand


def _waits(one: Any) -> bool:
    return one.ask.verdict is None and one.ask.kind != "settle"


def _chosen(asks: Sequence[Any], numbers: list[int] | None, waits: Callable[[Any], bool]) -> list[Any]:
    known = {one.number: one for one in asks}
    if missing := [number for number in numbers or [] if number not in known]:
        raise LedgerError(f"this run has no question {missing[0]}; it has {', '.join(map(str, known)) or 'none'}")
    chosen = [known[number] for number in numbers] if numbers else [one for one in asks if waits(one)]
    if not chosen:
        raise LedgerError("nothing of this run waits for an answer; `midwatch inbox` lists what does")
    return chosen


async def whole_id(ledger: Ledger, start: str) -> str:
    """The one run whose id begins so; raises LedgerError where there is none, or several."""
    ids = {row.run_id for row in await ledger.recent_runs(limit=1000)} | {
        row.run_id for row in await ledger.open_asks()
    }
    found = sorted(run_id for run_id in ids if run_id.startswith(start))
    if len(found) == 1:
        return found[0]
    several = f"; it could be {', '.join(run_id[:13] for run_id in found[:4])}" if found else ""
    raise LedgerError(f"no single run starts with {start!r}{several}; `midwatch runs` lists them")


async def with_ledger(read: Callable[[Ledger], Any]) -> Any:
    """What `read` finds in the ledger of this installation."""
    from blocks.ledger import open_ledger

    async with await open_ledger(locate(os.environ).home) as ledger:
        return await read(ledger)


def _facts(one: Question) -> dict[str, object]:
    row = one.ask
    return {
        "ask_id": row.ask_id,
        "run_id": row.run_id,
        "number": one.number,
        "agent": row.agent,
        "kind": row.kind,
        "tool": row.tool,
        "arguments": json.loads(row.args_json),
        "rule": row.rule,
        "reason": row.reason,
        "deadline": row.deadline and row.deadline.isoformat(),
    }
