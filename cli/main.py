"""The command line: which verbs are there? A module each, imported when it is typed: all of them take a second."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, Final

import typer
from typer.core import TyperGroup

from cli.sign_of_life import sign_of_life
from midwatch.errors import MidwatchError, SpecError
from midwatch.outcome import EXIT_USAGE

VERBS: Final = {
    "up": "up",
    "down": "down",
    "status": "status",
    "env": "env",
    "run": "run",
    "runs": "runs",
    "slots": "slots",
    "halt": "halt",
    "resume": "halt",
    "digest": "digest",
    "breaker": "breaker",
    "lookout": "lookout",
    "metrics": "metrics",
    "top": "top",
    "inbox": "inbox",
    "show": "inbox",
    "staged": "staged",
    "approve": "answers",
    "deny": "answers",
    "edit": "answers",
    "answer": "answers",
    "takeover": "answers",
    "link": "link",
    "settle": "settlement",
    "reviewers": "reviewers",
    "level": "level",
    "promote": "promote",
    "incident": "incident",
    "grant": "grant",
    "worth": "worth",
    "backtest": "backtest",
    "evals": "evals",
    "check": "check",
    "verify": "verify",
    "contract": "contract",
    "budget": "budget",
    "mandate": "mandate",
    "arrivals": "arrivals",
    "attention": "attention",
    "pins": "pins",
    "rules": "rules",
}
"""In the order of `midwatch --help`: the verb, which is the name of its function or of its group, and its module in `cli`."""


class Commands(Mapping[str, Any]):
    """What typer makes of each verb, once somebody asks for it."""

    def __getitem__(self, verb: str) -> Any:
        made = getattr(import_module(f"cli.{VERBS[verb]}"), verb)
        if isinstance(made, typer.Typer):
            return typer.main.get_group(made)
        one = typer.Typer(add_completion=False)
        one.command(verb)(made)
        return typer.main.get_command(one)

    def __iter__(self) -> Iterator[str]:
        return iter(VERBS)

    def __len__(self) -> int:
        return len(VERBS)


class Verbs(TyperGroup):
    """`midwatch` itself."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands: Any = Commands()


app = typer.Typer(
    name="midwatch",
    cls=Verbs,
    help="Walks an agent, step by step, from running while you watch to running while you sleep.",
    callback=lambda: None,  # typer makes a group where there is one
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Run one verb. An operator's error is one message and an exit code, never a traceback."""
    sign_of_life()
    try:
        app()
    except SpecError as error:
        sys.exit(_report(error, EXIT_USAGE))
    except MidwatchError as error:
        sys.exit(_report(error, 1))


def _report(error: MidwatchError, code: int) -> int:
    typer.secho(f"midwatch: {error}", err=True, fg="red")
    return code
