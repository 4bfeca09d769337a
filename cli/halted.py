"""The house: who is halted now? For whoever looks at something else, and has to be told."""

from __future__ import annotations

import asyncio
import os

from rich.text import Text

from cli import terminal
from cli.home import House, locate
from cli.ledger import with_ledger
from midwatch.calls import visible
from midwatch.halt import Halt
from midwatch.ledger.location import VARIABLE
from tasks.permissions.halting import together
from tasks.permissions.latch import Latch


def halts_now(house: House) -> tuple[str, ...]:
    """One line for each halt in force, by either latch; and one where the ledger's could not be read."""
    on_disk = Latch(house.home).standing()
    try:
        in_ledger = _in_ledger(house)
    except Exception as error:  # whoever asks for something else gets it
        return (*map(_line, on_disk), f"Who is halted in the ledger cannot be told: {error}")
    return tuple(_line(halt) for halt in together(on_disk, in_ledger))


def print_halts() -> None:
    """Above whatever else is shown of this installation."""
    console = terminal.console(soft_wrap=True)
    for line in halts_now(locate(os.environ)):
        console.print(Text(line, style="bold red"))


def _in_ledger(house: House) -> list[Halt]:
    """None where there is no ledger yet: to look would make one."""
    if not os.environ.get(VARIABLE) and not (house.home / "ledger.db").exists():
        return []
    return asyncio.run(with_ledger(lambda ledger: ledger.halts_in_force()))


def _line(halt: Halt) -> str:
    return f"HALTED: {visible(halt.words())}. `{halt.target.lifted_by()}` lifts it."
