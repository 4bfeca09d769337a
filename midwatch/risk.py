"""Tools and permissions: what a tool can do to the world, declared once, and what is assumed when it is not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar

from midwatch.ask_context import Preview
from midwatch.run import RunFacts

Risk = Literal["read", "note", "write", "egress", "money", "destroy", "credential", "execute"]
"""Risk class, least first.

read        looks, changes nothing
note        writes only in the agent's own notes and reports
write       changes files or records that others see; can be put back
egress      sends something out: HTTP beyond GET, mail, chat
money       pays, orders, discounts
destroy     deletes or overwrites what cannot be put back
credential  reads or changes secrets, keys, accounts
execute     runs programs: can be any of the above
"""

RISKS: Final[tuple[Risk, ...]] = ("read", "note", "write", "egress", "money", "destroy", "credential", "execute")
WORST: Final[Risk] = "execute"
HARMLESS: Final[frozenset[Risk]] = frozenset({"read", "note"})
"""Not effects: need no reservation in the effect ledger, and run by themselves from level 2 (read) and 3 (note)."""


def riskier(one: Risk, other: Risk) -> Risk:
    """The worse of two classes."""
    return max(one, other, key=RISKS.index)


ProbeAnswer = Literal["happened", "did_not_happen", "cannot_tell"]

IDEMPOTENCY_KEY: Final = "idempotency_key"
"""A function with a parameter of this name gets the call's key there: code fills it in, the model never sees it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DoneEffect:
    """One effect that has happened, as its tool's `undo` is told of it."""

    facts: RunFacts
    arguments: Mapping[str, Any]
    result: Any
    """What the tool returned, as JSON; after a crash a sentence that it is not known."""
    idempotency_key: str


Probe = Callable[..., Awaitable[ProbeAnswer]]
"""(facts of the run, arguments)"""
Undo = Callable[[DoneEffect], Awaitable[str]]
"""One line for a person: a command or a sentence. Empty: it cannot be taken back."""
Previewer = Callable[[RunFacts, Mapping[str, Any]], Awaitable[Preview | None]]
"""(facts of the run, arguments): what would the call change? None where its arguments say it all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolFacts:
    """What a tool declares about itself. The defaults are the worst case: what is not declared counts as that."""

    risk: Risk = WORST
    idempotent: bool = False
    """A second call with the same arguments and idempotency key leaves the world as the first did."""
    untrusted: bool = True
    """Its result holds text from outside (web, mail, a file that others write)."""
    private: bool = True
    """Its result holds data that is not everybody's."""
    sinks: tuple[str, ...] | None = None
    """Arguments that say who something goes to, or where. None: nobody said, and of a tool that sends all of them do."""
    probe: Probe | None = None
    """Called after a crash: did the effect happen?"""
    undo: Undo | None = None
    """Called when it has happened: how does a person take it back? Offered to a person, never run by itself."""
    preview: Previewer | None = None
    """Called when a person is asked, and again behind the yes: what it would change must still be what was shown."""
    bind: Mapping[str, Any] | None = None
    """Arguments that code fills in and the model neither sees nor sets; part of the call that is judged."""


Function = TypeVar("Function", bound=Callable[..., Any])
_FACTS: Final = "__midwatch_tool__"


def tool(
    *,
    risk: Risk,
    idempotent: bool = False,
    untrusted: bool = False,
    private: bool = False,
    sinks: Sequence[str] | None = None,
    probe: Probe | None = None,
    undo: Undo | None = None,
    preview: Previewer | None = None,
) -> Callable[[Function], Function]:
    """Declare a Python function as a tool with its risk class; `tools: - python: module:function` offers it."""
    facts = ToolFacts(
        risk=risk,
        idempotent=idempotent,
        untrusted=untrusted,
        private=private,
        sinks=None if sinks is None else tuple(sinks),
        probe=probe,
        undo=undo,
        preview=preview,
    )

    def declare(function: Function) -> Function:
        setattr(function, _FACTS, facts)
        return function

    return declare


def facts_of(function: Callable[..., Any]) -> ToolFacts:
    """What `function` declared with `@tool`; the worst case when it declared nothing."""
    facts = getattr(function, _FACTS, None)
    return facts if isinstance(facts, ToolFacts) else ToolFacts()
