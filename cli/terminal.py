"""The command line: how is something printed? Letter for letter: what stands in a call is never made into something else."""

from __future__ import annotations

from rich.console import Console


def console(*, stderr: bool = False, quiet: bool = False, soft_wrap: bool = False) -> Console:
    """The terminal. Rich would print `:x:` as a cross, even where it reads no markup.

    Args:
        soft_wrap: leave long lines to the terminal, so that they can be copied whole.
    """
    return Console(stderr=stderr, quiet=quiet, soft_wrap=soft_wrap, highlight=False, emoji=False)
