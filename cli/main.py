"""The command line: which verbs are there? One module each; this one only lists them."""

from __future__ import annotations

import sys

import typer

from cli.answers import answer, approve, deny, edit, takeover
from cli.arrivals import arrivals
from cli.attention import attention
from cli.backtest import backtest
from cli.breaker import breaker
from cli.budget import budget
from cli.check import check
from cli.contract import contract
from cli.digest import digest
from cli.down import down
from cli.env import env
from cli.grant import grant
from cli.halt import halt, resume
from cli.inbox import inbox, show
from cli.incident import incident
from cli.level import level
from cli.link import link
from cli.lookout import lookout
from cli.mandate import mandate
from cli.metrics import metrics
from cli.pins import pins
from cli.promote import promote
from cli.reviewers import reviewers
from cli.rules import rules
from cli.run import run
from cli.runs import runs
from cli.settlement import settle
from cli.sign_of_life import sign_of_life
from cli.slots import slots
from cli.status import status
from cli.top import top
from cli.up import up
from cli.verify import verify
from midwatch.errors import MidwatchError, SpecError
from midwatch.outcome import EXIT_USAGE

app = typer.Typer(
    name="midwatch",
    help="Walks an agent, step by step, from running while you watch to running while you sleep.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command()(up)
app.command()(down)
app.command()(status)
app.command()(env)
app.command()(run)
app.command()(runs)
app.command()(slots)
app.command()(halt)
app.command()(resume)
app.command()(digest)
app.command()(breaker)
app.command()(lookout)
app.command()(metrics)
app.command()(top)
app.command()(inbox)
app.command()(show)
app.command()(approve)
app.command()(deny)
app.command()(edit)
app.command()(answer)
app.command()(takeover)
app.command()(link)
app.command()(settle)
app.command()(reviewers)
app.command()(level)
app.command()(promote)
app.command()(incident)
app.command()(grant)
app.command()(backtest)
app.command()(check)
app.command()(verify)
app.command()(contract)
app.add_typer(budget)
app.add_typer(mandate)
app.add_typer(arrivals)
app.add_typer(attention)
app.add_typer(pins)
app.add_typer(rules)


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
