"""The page: what does the one on halts say, and what does it mean when it is sent back?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from midwatch.errors import LedgerError
from midwatch.halt import Halt, Target
from tasks.page.meaning import FormFault
from tasks.page.sheet import Page, written

Wish = Literal["halt", "lift", "really_lift"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HaltOrder:
    """What somebody wants."""

    wish: Wish
    """`lift` asks once more, `really_lift` does it."""
    target: Target
    because: str


def halt_page(halts: Sequence[Halt], agents: Sequence[str], page: Page, *, asked: HaltOrder | None = None) -> str:
    """Who is halted, and a button for everything and for each agent; with `asked`, whether a halt is really to be lifted."""
    title = "Halted" if halts else "Nothing is halted"
    named = {name_of(halt.target): halt for halt in halts}
    return written("halt.html", page, title=title, halts=named, agents=agents, asked=asked and name_of(asked.target))


def name_of(target: Target) -> str:
    """As a button carries it."""
    return f"{target.scope}:{target.name}"


def order_of(form: Mapping[str, str], agents: Sequence[str]) -> HaltOrder:
    """What a form means. Raises FormFault."""
    wishes: list[Wish] = [wish for wish in ("halt", "lift", "really_lift") if wish in form]
    if len(wishes) != 1:
        raise FormFault({"": "What was sent is no halt, and lifts none. Nothing was done."})
    scope, _, name = form[wishes[0]].partition(":")
    because = form.get("because", "").strip()
    try:
        if scope not in ("all", "agent", "run") or (wishes[0] == "halt" and scope == "agent" and name not in agents):
            raise LedgerError(f"there is no agent {name!r}")
        target = Target(scope, name)  # type: ignore[arg-type]  # the line above is not seen through
    except LedgerError as error:
        raise FormFault({"": f"Nothing was done: {error}."}) from error
    if wishes[0] != "lift" and not because:
        raise FormFault({"because": "Say why: it stays in the ledger, and every run that is ended says so."})
    return HaltOrder(wish=wishes[0], target=target, because=because)
