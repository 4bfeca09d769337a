"""The command line: how is something printed? Letter for letter: what stands in a call is never made into something else."""

from __future__ import annotations

from collections.abc import Container
from typing import assert_never

from rich.console import Console
from rich.table import Table

from midwatch.outcome import Outcome


def console(*, stderr: bool = False, quiet: bool = False, soft_wrap: bool = False) -> Console:
    """The terminal. Rich would print `:x:` as a cross, even where it reads no markup.

    Args:
        soft_wrap: leave long lines to the terminal, so that they can be copied whole.
    """
    return Console(stderr=stderr, quiet=quiet, soft_wrap=soft_wrap, highlight=False, emoji=False)


def cut(text: str, at_most: int) -> str:
    """For one cell: so many characters, the last of them an ellipsis where there were more."""
    return text if len(text) <= at_most else f"{text[: at_most - 1]}…"


def colour_of(outcome: Outcome | None) -> str:
    """How a run is shown; None while it goes on."""
    match outcome:
        case None:
            return "yellow"
        case "verified" | "verified_noop":
            return "green"
        case "rehearsed":
            return "blue"
        case "unverified" | "blocked" | "failed" | "unknown":
            return "red"
        case _:
            assert_never(outcome)


def table(*headings: str, right: Container[str] = (), title: str = "") -> Table:
    """Without lines, each heading a column that breaks what is too long; those in `right` are figures."""
    made = Table(box=None, pad_edge=False, title=title or None, title_justify="left")
    for heading in headings:
        made.add_column(heading, overflow="fold", justify="right" if heading in right else "left")
    return made
