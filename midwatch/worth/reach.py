"""Worth: what can an agent file's agent do at its worst, and is that bounded? Its tools are asked what they declare."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Final

from midwatch.named_function import named_function
from midwatch.policy.rules import SIBLINGS
from midwatch.risk import RISKS, Risk, facts_of
from midwatch.spec import AgentSpec, Builtin, Rule, Tool
from midwatch.worth.profile import Profile

PUT_BACK: Final[frozenset[Risk]] = frozenset({"read", "note", "write"})
"""What these change can be put back."""

BUILTINS: Final[Mapping[Builtin, Mapping[str, tuple[Risk, bool]]]] = {
    "read_file": {"read_file": ("read", False)},
    "write_file": {"write_file": ("write", True)},
    "list_dir": {"list_dir": ("read", False)},
    "delete_file": {"delete_file": ("destroy", False)},
    "shell": {"shell": ("execute", False)},
    "http_request": {"http_request": ("egress", False)},
    "ask_human": {"ask_human": ("read", False)},
    "notes": {"read_notes": ("read", False), "write_note": ("note", False)},
}
"""By tool its class, and whether it says how it is undone; as `tasks/tools` declares them, which a test holds it to."""


def profile_of(spec: AgentSpec, *, zone: str = "UTC", outside: Decimal | None = None) -> Profile:
    """From the agent's file. Raises SpecError where a Python function that it names is not there."""
    declared = {name: facts for tool in spec.tools for name, facts in _declared(tool)}
    tools = {name: facts for name, facts in declared.items() if not _denied(spec, name)}
    worst: Risk = max((risk for risk, _ in tools.values()), key=RISKS.index, default="read")
    lasting = sorted(name for name, (risk, undo) in tools.items() if risk not in PUT_BACK and not undo)
    bounded, bounds = _bounds(spec, lasting)
    return Profile(
        unit="file" if spec.for_each else "run",
        worst=worst,
        worst_tools=tuple(sorted(name for name, (risk, _) in tools.items() if risk == worst)),
        reversible=not lasting,
        bounded=bounded,
        bounds=bounds,
        zone=zone,
        outside=outside,
    )


def _declared(tool: Tool) -> Iterator[tuple[str, tuple[Risk, bool]]]:
    if tool.builtin is not None:
        yield from BUILTINS[tool.builtin].items()
    elif tool.python is not None:
        facts = facts_of(named_function(tool.python))
        yield tool.python.rpartition(":")[2], (facts.risk, facts.undo is not None)
    elif tool.mcp is not None:
        for name in tool.mcp.only or [*tool.mcp.tools, "*"]:
            yield f"mcp__{tool.mcp.name}__{name}", (tool.mcp.tools.get(name, "execute"), False)


def _denied(spec: AgentSpec, tool: str) -> bool:
    """Whatever its arguments."""
    return any(isinstance(rule, str) and fnmatchcase(tool, rule) for rule in spec.rules.deny)


def _bounds(spec: AgentSpec, lasting: list[str]) -> tuple[bool, str]:
    if not lasting:
        return True, "all that it can do can be put back"
    free = [name for name in lasting if any(_lets_through(rule, name) for rule in spec.rules.allow)]
    if not free:
        return True, f"a person is asked before every {', '.join(lasting)}"
    if spec.limits.per_day.effects is not None:
        return (
            True,
            f"{', '.join(free)}: at most {spec.limits.per_day.effects} effects a day (`limits.per_day.effects`)",
        )
    return False, f"{', '.join(free)} may run unasked, as often as it likes: a `budget` on its rule bounds it"


def _lets_through(rule: Rule, tool: str) -> bool:
    """An allow rule about it without a budget."""
    named = rule if isinstance(rule, str) else next(iter(set(rule) - SIBLINGS), "")
    budgeted = not isinstance(rule, str) and "budget" in rule
    return not budgeted and (fnmatchcase(tool, named) or fnmatchcase(named, tool))
