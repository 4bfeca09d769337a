"""`midwatch rules`: which verbs are there? And what do an agent's rules say, and do they say what was meant?"""

from __future__ import annotations

import json
import os
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli import terminal
from cli.home import locate
from cli.options import Agent, AsJson
from cli.proposals import accept, drop, print_proposal, proposals
from cli.suggest import SomeAgent, suggest, with_prefect
from midwatch.calls import visible
from midwatch.decision import Verdict
from midwatch.errors import SpecError
from midwatch.outcome import EXIT_USAGE
from midwatch.run import LEVELS

if TYPE_CHECKING:
    from cli.explain import Explanation
    from cli.rule_examples import Tried

EXIT_CODES: Final[dict[Verdict, int]] = {"allow": 0, "ask": 3, "deny": 4}
"""Exit code of `midwatch rules explain`."""

StartServers = Annotated[bool, typer.Option("--start-servers", help="Start the MCP servers and take their real tools.")]


def explain(
    agent: Agent,
    words: Annotated[
        list[str], typer.Argument(help="A shell command; or TOOL and its argument, or its JSON.", metavar="CALL")
    ],
    level: Annotated[int | None, typer.Option(min=1, max=5, help="As a run at this level would hear it.")] = None,
    clean: Annotated[
        bool, typer.Option("--clean", help="In a run that has read nothing from outside and nothing private.")
    ] = False,
    start_servers: StartServers = False,
    as_json: AsJson = False,
) -> None:
    """Say verdict, rule, why, and what would change it. Exit code 0 allow, 3 ask, 4 deny; nothing is run."""
    found = with_prefect(_explained(agent, words, level, clean, start_servers))
    if as_json:
        from cli.explain import explained

        typer.echo(json.dumps(explained(found)))
    else:
        _print_explanation(found, agent, terminal.console(soft_wrap=True))
    raise typer.Exit(EXIT_CODES[found.decision.verdict])


async def _explained(agent: str, words: list[str], level: int | None, clean: bool, start_servers: bool) -> Explanation:
    from cli.explain import call_of, explain
    from cli.mandated import with_mandates
    from cli.rulebook import open_rulebook

    async with AsyncExitStack() as stack:
        house = locate(os.environ)
        book = await open_rulebook(agent, house, stack, also=words[:1], start_servers=start_servers)
        call = call_of(words, book.policy)
        found = explain(book, call, LEVELS[level - 1] if level else None, clean=clean)
        return await with_mandates(found, book, house, clean=clean)


def _print_explanation(found: Explanation, agent: str, console: Console) -> None:
    decision = found.decision
    console.print(
        f"[bold]{decision.verdict}[/] · {visible(decision.rule)}" + "".join(f" · {at}" for at in found.places)
    )
    console.print(f"  {visible(decision.reason)}", markup=False)
    console.print("  by level: " + ", ".join(f"{level} {verdict}" for level, verdict in found.levels.items()))
    if found.note:
        console.print(f"  {found.note}", markup=False)
    if found.change or found.proposal:
        console.print("\n[bold]What would change it[/]")
    for said in found.change:
        console.print(f"  {visible(said)}", markup=False)
    if found.proposal:
        console.print(f"  The narrowest rule that allows it, for `rules.allow` in agents/{agent}.yaml:")
        print_proposal(found.proposal, console)


def try_examples(agent: SomeAgent = None, start_servers: StartServers = False, as_json: AsJson = False) -> None:
    """Try every `match` and `not_match` example of every rule. Exit code 1 where one fails, 2 for a wrong file."""
    results, wrong = with_prefect(_tested(agent, start_servers))
    faults = [fault for tried in results.values() for rule in tried for fault in rule.faults]
    if as_json:
        told = {name: [_tried(rule) for rule in tried] for name, tried in results.items()}
        typer.echo(json.dumps({"agents": told, "wrong": wrong}))
    else:
        terminal.console().print(_examples_table(results))
        for fault in (*faults, *wrong):
            typer.secho(visible(fault), fg="red", err=True)
    raise typer.Exit(EXIT_USAGE if wrong else 1 if faults else 0)


async def _tested(agent: str | None, start_servers: bool) -> tuple[dict[str, list[Tried]], list[str]]:
    """By agent, and what keeps a file from being read at all."""
    from cli.rule_examples import tried
    from cli.rulebook import open_rulebook
    from midwatch.agent_file import names

    house, results, wrong = locate(os.environ), dict[str, list["Tried"]](), list[str]()
    for name in [agent] if agent else names(house.project / "agents"):
        async with AsyncExitStack() as stack:
            try:
                results[name] = tried(await open_rulebook(name, house, stack, start_servers=start_servers))
            except SpecError as error:
                wrong.append(str(error))
    return results, wrong


def _tried(rule: Tried) -> dict[str, object]:
    return {name: getattr(rule, name) for name in ("effect", "rule", "place", "examples", "passed", "faults")}


def _examples_table(results: dict[str, list[Tried]]) -> Table:
    table = terminal.table("", "rule", "examples", "passed", "where")
    for column in table.columns:
        column.no_wrap = column.header != "rule"
    for tried in results.values():
        for rule in tried:
            mark = Text("FAILS", style="red") if rule.faults else Text("ok" if rule.examples else "-")
            said = Text(visible(f"{rule.effect} {rule.rule}"))
            table.add_row(mark, said, str(rule.examples), str(rule.passed), rule.place)
    return table


rules = typer.Typer(
    name="rules", help="What an agent's rules say, and which would save you questions.", no_args_is_help=True
)
rules.command()(explain)
rules.command(name="test")(try_examples)
rules.command()(suggest)
rules.command()(proposals)
rules.command()(accept)
rules.command()(drop)
