"""`midwatch approve`, `deny`, `edit`, `answer` and `takeover`: what does a person say to what a run asks?"""

from __future__ import annotations

import asyncio
import getpass
import os
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from cli.environment import adopt
from cli.home import House, locate
from cli.ledger import whole_id
from cli.options import RunId
from midwatch.calls import visible
from midwatch.errors import CallError, LedgerError
from midwatch.ledger import AskDecision, AskRow, Ledger
from midwatch.mandate import MOST_USES
from midwatch.request import Question
from midwatch.reviewer import lesson

if TYPE_CHECKING:
    from cli.offered import Signing

Numbers = Annotated[list[int], typer.Argument(help="Which of its questions, as `midwatch show` numbers them.")]
Then = Callable[[Ledger, Sequence[AskDecision]], Awaitable[None]]
Reason = Annotated[str, typer.Option("--because", help="Why. It stays in the ledger; with a no, the agent is told.")]


def approve(
    run: RunId,
    numbers: Numbers,
    reason: Reason = "",
    always: Annotated[
        bool, typer.Option("--always", help="And propose the narrow rule for it: `rules proposals`.")
    ] = False,
    ahead: Annotated[
        int | None, typer.Option("--next", min=1, max=MOST_USES, help="And sign a mandate for so many more like it.")
    ] = None,
    until: Annotated[str, typer.Option("--until", help="With --next: `friday`, `2026-11-27`, `48h`.")] = "7d",
    yes: Annotated[bool, typer.Option("--yes", help="With --next: sign it without asking.")] = False,
) -> None:
    """Say yes: exactly what was shown runs, once."""
    with_mandate = _signing(run, numbers, ahead, until, reason, yes=yes) if ahead else None
    stand = _answer(run, numbers, "approved", then=with_mandate.sign if with_mandate else None, reason=reason)
    for line in with_mandate.lines if with_mandate else ():
        typer.echo(line)
    if always:
        from cli.always import propose

        propose([row for row in stand if row.verdict == "approved"])


def deny(run: RunId, numbers: Numbers, reason: Reason = "") -> None:
    """Say no: it is not done, and the agent is told so, with the reason."""
    _answer(run, numbers, "denied", reason=reason)


def edit(
    run: RunId,
    number: Annotated[int, typer.Argument(help="Which of its questions.")],
    arguments: Annotated[str, typer.Argument(help="The whole arguments as they should be: one JSON object.")],
    reason: Reason = "",
) -> None:
    """Say yes to a changed call: it runs with these arguments, if the rules let it."""
    _answer(run, [number], "edited", reason=reason, edited_args_json=arguments)


def answer(
    run: RunId,
    text: Annotated[str, typer.Argument(help="What you answer.")],
    number: Annotated[int | None, typer.Argument(help="Which of its questions, when there are several.")] = None,
) -> None:
    """Answer a question that the agent asked."""
    _answer(run, None if number is None else [number], "answered", answer=text)


def takeover(run: RunId, reason: Reason = "") -> None:
    """Take a run that waits out of its agent's hands: it ends, nothing that waits is done, and you go on with the work."""

    async def taken(ledger: Ledger, run_id: str) -> list[AskDecision]:
        from tasks.permissions.answers import take_over

        return await take_over(ledger, run_id, by=getpass.getuser(), via="cli", reason=reason)

    _said(run, taken)
    typer.echo(f"What it did so far, and how to take it back: midwatch show {run}")


def _signing(run: str, numbers: list[int], uses: int, until: str, because: str, *, yes: bool) -> Signing:
    adopt(locate(os.environ))
    from cli.mandate import ending
    from cli.offered import signing

    return signing(run, numbers, uses=uses, until=ending(until), because=because, yes=yes)


def _answer(
    run: str, numbers: list[int] | None, verdict: str, *, then: Then | None = None, **said: str
) -> list[AskRow]:
    """The questions as they stand then; `then` is done before the run goes on."""

    async def decided(ledger: Ledger, run_id: str) -> list[AskDecision]:
        from tasks.permissions.answers import decide, questions_of
        from tasks.permissions.form import Answer

        made: list[AskDecision] = []
        for one in _chosen(await questions_of(ledger, run_id), numbers):
            answer = Answer(ask_id=one.ask.ask_id, verdict=verdict, **said)  # type: ignore[arg-type]  # checked there
            try:
                made.append(await decide(ledger, one.ask, answer, by=getpass.getuser(), via="cli"))
            except CallError as error:
                raise LedgerError(f"{one.number} · {one.ask.tool}: {error}") from error
        if then is not None:
            await then(ledger, made)
        return made

    return _said(run, decided)


def _said(run: str, say: Callable[[Ledger, str], Awaitable[Sequence[AskDecision]]]) -> list[AskRow]:
    """Write the answers down, send the run on, and print what stands."""
    house = locate(os.environ)
    adopt(house)
    lines, stand = asyncio.run(_gone_on(house, run, say))
    for line in lines:
        typer.echo(line)
    return stand


async def _gone_on(
    house: House, run: str, say: Callable[[Ledger, str], Awaitable[Sequence[AskDecision]]]
) -> tuple[list[str], list[AskRow]]:
    from prefect.client.orchestration import get_client

    from blocks.ledger import open_ledger
    from tasks.permissions.answers import questions_of, resume_if_decided

    async with await open_ledger(house.home) as ledger:
        run_id = await whole_id(ledger, run)
        made = await say(ledger, run_id)
        async with get_client() as client:
            resumed = await resume_if_decided(client, ledger, run_id)
        numbers = {one.ask.ask_id: one.number for one in await questions_of(ledger, run_id)}
        rest = sum(row.verdict is None for row in await ledger.asks_of(run_id))
    then = "The run goes on." if resumed else f"{rest} more wait." if rest else "Nothing more waits."
    lines = [f"{numbers[one.row.ask_id]} · {_stands(one)}" for one in made]
    return [*lines, then], [one.row for one in made]


def _stands(made: AskDecision) -> str:
    row = made.row
    already = "" if made.first else f" already, by {row.by} through {row.via}"
    test = f"\n  {visible(told)}" if (told := lesson(row)) else ""
    return f"{row.tool}: {(row.verdict or '').replace('_', ' ')}{already}{test}"


def _chosen(questions: Sequence[Question], numbers: list[int] | None) -> list[Question]:
    known = {one.number: one for one in questions}
    if missing := [number for number in numbers or [] if number not in known]:
        raise LedgerError(f"this run has no question {missing[0]}; it has {', '.join(map(str, known)) or 'none'}")
    waits = [one for one in questions if one.ask.verdict is None and one.ask.kind != "settle"]
    chosen = [known[number] for number in numbers] if numbers else waits
    if not chosen:
        raise LedgerError("nothing of this run waits for an answer; `midwatch inbox` lists what does")
    return chosen
