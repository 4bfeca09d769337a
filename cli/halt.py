"""`midwatch halt` and `midwatch resume`: stop everything, one agent or one run now; and let go again, seeing what was cut.

Neither needs the house or Prefect: a file on disk, then the ledger. What is at work looks at the file several times a second.
"""

from __future__ import annotations

import asyncio
import getpass
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.text import Text

from cli import terminal
from cli.home import House, locate
from cli.ledger import whole_id, with_ledger
from cli.options import AsJson
from midwatch.agent_file import names
from midwatch.calls import visible
from midwatch.errors import HouseError, LedgerError, SpecError
from midwatch.halt import CHECKED_AGENT, Halt, Target, is_whole
from midwatch.ledger import Caught, EffectState, Ledger
from midwatch.ledger.location import VARIABLE
from midwatch.run_ids import short
from tasks.harness.lock import is_alive
from tasks.permissions.halting import LIFTED, HaltSet, halt_at_once, in_force, lift

EXIT_HALF: Final = 3
"""halt: one of the two latches could not be set. resume: what was lifted is still covered by another halt."""
CUT_SECONDS: Final = 5.0
"""How long `halt` waits for what was at work, to say where it was cut."""
STATES: Final[dict[EffectState, str]] = {
    "reserved": "begun, its end not seen yet",
    "unknown": "in doubt; `midwatch inbox` asks about it",
    "released": "did not happen",
    "consumed": "happened",
}

Agent = Annotated[str | None, typer.Argument(help="One agent; without it, and without --run, everything.")]
RunOption = Annotated[str | None, typer.Option("--run", help="One run: its id, or as much of it as singles it out.")]


def halt(
    because: Annotated[str, typer.Option("--because", help="Why; every run that it ends says so.")],
    agent: Agent = None,
    run: RunOption = None,
    as_json: AsJson = False,
) -> None:
    """Stop everything, one agent or one run. Exit code 0 when both latches are set, 3 when only one could be."""
    house, now = locate(os.environ), datetime.now(UTC)
    _refuse_strange(house)
    target = _target(house, agent, run)
    if not because.strip():
        raise SpecError("say why: every run that is ended by it will say so", path="--because")
    wanted = Halt(scope=target.scope, name=target.name, by=getpass.getuser(), via="cli", because=because, at=now)
    done = asyncio.run(halt_at_once(house.home, wanted, with_ledger))
    caught = asyncio.run(_cut(house, done.halt)) if not done.faults else []
    if as_json:
        typer.echo(
            json.dumps(
                {
                    "halt": _facts(done.halt),
                    "home": str(house.home),
                    "faults": done.faults,
                    "runs": [_run(one) for one in caught],
                }
            )
        )
    else:
        _print_halt(house, done, caught)
    raise typer.Exit(EXIT_HALF if done.faults else 0)


def _refuse_strange(house: House) -> None:
    """Raises HouseError in a home that no agent can ever have run in: who is halted there is nobody."""
    if not house.ever_up and not os.environ.get(VARIABLE):
        raise HouseError(
            f"nobody was halted: no house was ever up in {house.home}. Go to the project whose agents are to stop, or name "
            "its home in MIDWATCH_HOME"
        )


async def _cut(house: House, halt: Halt) -> list[Caught]:
    """What it has met, once nothing of it is at work any more, or the wait is over."""

    async def look(ledger: Ledger) -> list[Caught]:
        loop = asyncio.get_running_loop()
        until = loop.time() + CUT_SECONDS
        while True:
            caught = await ledger.caught_by(halt.target, halt.at)
            at_work = [one for one in caught if one.run.outcome is None and _works(house, one)]
            if not at_work or loop.time() >= until:
                return caught
            await asyncio.sleep(0.2)

    with suppress(LedgerError):
        return await with_ledger(look)
    return []


def _works(house: House, one: Caught) -> bool:
    return is_alive(one.run.run_id, house.home / "locks")


def resume(
    agent: Agent = None,
    run: RunOption = None,
    because: Annotated[str, typer.Option("--because", help="Why; it stays in the ledger.")] = LIFTED,
    as_json: AsJson = False,
) -> None:
    """Lift a halt, and say what it cut where. Exit code 0, or 3 when another halt still covers it."""
    house = locate(os.environ)
    target = _target(house, agent, run, known=False)

    async def let_go(ledger: Ledger) -> tuple[Halt | None, list[Caught], list[Halt]]:
        await ledger.migrate()
        standing = [one for one in await in_force(house.home, ledger) if one.target == target]
        caught = await ledger.caught_by(target, standing[0].at) if standing else []
        lifted = await lift(house.home, ledger, target, by=getpass.getuser(), via="cli", because=because)
        return lifted, caught, await in_force(house.home, ledger)

    lifted, caught, left = asyncio.run(with_ledger(let_go))
    covering = [one for one in left if one.scope == "all" or one.target == target]
    if as_json:
        facts = {"lifted": lifted and _facts(lifted), "runs": [_run(one) for one in caught]}
        typer.echo(json.dumps({**facts, "in_force": [_facts(one) for one in left]}))
    else:
        _print_resume(target, lifted, caught, left)
    raise typer.Exit(EXIT_HALF if covering else 0)


def _target(house: House, agent: str | None, run: str | None, *, known: bool = True) -> Target:
    """Raises SpecError for an agent that there is not: who is halted by a wrong name is nobody."""
    if agent and run:
        raise SpecError("name an agent or a run, not both", path="--run")
    if run:
        return Target.of(run_id=asyncio.run(_whole(run)))
    if agent and known and agent != CHECKED_AGENT and not (house.project / "agents" / f"{agent}.yaml").is_file():
        there = ", ".join(names(house.project / "agents"))
        raise SpecError(f"no such agent, so nobody was halted; there are {there or 'none'}", path=agent)
    return Target.of(agent)


async def _whole(run: str) -> str:
    """A whole id is taken as it is, whether the ledger answers or not."""
    if is_whole(run):
        return run
    return await with_ledger(lambda ledger: whole_id(ledger, run))


def _print_halt(house: House, done: HaltSet, caught: Sequence[Caught]) -> None:
    console = terminal.console(soft_wrap=True)
    console.print(Text(f"HALTED: {visible(done.halt.words())}.", style="bold red"))
    for fault in done.faults:
        console.print(Text(f"  {visible(fault)}. The other latch holds on this machine; say it again.", style="red"))
    _print_caught(caught, console)
    console.print(f"That holds in {house.home}. `{done.halt.target.lifted_by()}` lifts it.", markup=False)


def _print_resume(target: Target, lifted: Halt | None, caught: Sequence[Caught], left: Sequence[Halt]) -> None:
    console = terminal.console(soft_wrap=True)
    if lifted is None:
        console.print(f"There was no halt of {target.words()}.", markup=False)
    else:
        console.print(f"Lifted: {visible(lifted.words())}.", markup=False)
        _print_caught(caught, console)
    for halt in left:
        console.print(
            Text(f"Still halted: {visible(halt.words())}. `{halt.target.lifted_by()}` lifts it.", style="red")
        )


def _print_caught(caught: Sequence[Caught], console: Console) -> None:
    if not caught:
        console.print("No run was under way.")
        return
    table = terminal.table("run", "agent", "after step", "effect", "its state", "the run")
    for one in caught:
        effects = [(f"{row.tool} {visible(row.args_json)}", STATES[row.state]) for row in one.effects] or [("", "")]
        for number, (effect, state) in enumerate(effects):
            told = (
                (short(one.run.run_id), one.run.agent, visible(one.step) or "none yet") if not number else ("", "", "")
            )
            table.add_row(
                *told, Text(terminal.cut(effect, 60)), state, Text(visible(_state(one)) if not number else "")
            )
    console.print(table, soft_wrap=False)


def _state(one: Caught) -> str:
    if one.run.outcome is not None:
        return f"ended: {one.run.outcome}"
    if one.waits:
        return f"suspended, {one.waits} question{'s wait' if one.waits > 1 else ' waits'}"
    return "has not ended yet"


def _facts(halt: Halt) -> dict[str, Any]:
    return halt.model_dump(mode="json")


def _run(one: Caught) -> dict[str, Any]:
    return {
        "run_id": one.run.run_id,
        "agent": one.run.agent,
        "outcome": one.run.outcome,
        "reason": one.run.reason,
        "step": one.step,
        "questions": one.waits,
        "effects": [
            {"tool": row.tool, "arguments": json.loads(row.args_json), "state": row.state, "why": row.why}
            for row in one.effects
        ],
    }
