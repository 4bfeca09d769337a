"""The command line: which words do many verbs take? Each is spelled and explained here, once."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

Agent = Annotated[str, typer.Argument(help="The agent's file in agents/, without .yaml.")]
RunId = Annotated[str, typer.Argument(help="The run, or as many of its first or last characters as single it out.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Because = Annotated[str, typer.Option("--because", help="Why; it stays in the ledger.")]

LISTED: Final = "list"


class ListsByDefault(TyperGroup):
    """`midwatch pins night-owl` is `midwatch pins list night-owl`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        named = bool(args) and (args[0] in self.commands or args[0] == "--help")
        return super().parse_args(ctx, args if named else [LISTED, *args])
