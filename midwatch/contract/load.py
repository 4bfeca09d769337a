"""Agent file: what is wrong with a contract that no schema can say? Its path patterns, and the tools that it counts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, get_args

from midwatch.contract.check import Check, Part
from midwatch.spec_faults import nearest
from midwatch.yaml_lines import Path

if TYPE_CHECKING:
    from midwatch.spec import AgentSpec

NO_EFFECTS: Final = frozenset({"read_file", "list_dir", "ask_human", "notes"})
"""Built-in tools that only read, or note."""

_PLACE: Final = re.compile(r"\{[^{}]*\}")


def checks_of(spec: AgentSpec) -> Iterator[tuple[Path, Check]]:
    """Every check of the contract, with where it stands."""
    for part in get_args(Part):
        yield from ((("contract", part, position), check) for position, check in enumerate(spec.contract.part(part)))


def patterns_of(at: Path, check: Check) -> Iterator[tuple[Path, str]]:
    """Every path pattern of a check that stands at `at`."""
    if check.files:
        yield (*at, "files", "glob"), check.files.glob
    if check.unchanged:
        yield (*at, "unchanged", "within"), check.unchanged.within
        yield from (((*at, "unchanged", "apart_from", n), text) for n, text in enumerate(check.unchanged.apart_from))
    if check.one_place:
        yield (*at, "one_place", "inputs"), check.one_place.inputs
        yield from (((*at, "one_place", "places", n), text) for n, text in enumerate(check.one_place.places))


def pattern_faults(spec: AgentSpec) -> Iterator[tuple[Path, str]]:
    """Patterns that mean nothing, or something outside of the project."""
    for at, check in checks_of(spec):
        for path, text in patterns_of(at, check):
            if (fault := _pattern_fault(text)) is not None:
                yield path, fault


def effect_faults(spec: AgentSpec) -> Iterator[tuple[Path, str]]:
    """Effects that can never be counted: of a tool that is not there, or that has none."""
    offered = {tool.builtin or (tool.python or "").rpartition(":")[2] for tool in spec.tools if tool.mcp is None}
    for at, check in checks_of(spec):
        if check.effects is None or (tool := check.effects.tool).startswith("mcp__") or "*" in tool:
            continue
        if tool in NO_EFFECTS:
            yield (*at, "effects", "tool"), f"`{tool}` has no effects to count: it changes nothing"
        elif tool not in offered:
            yield (*at, "effects", "tool"), f"`{tool}` is not one of its tools{nearest(tool, offered)}"


def _pattern_fault(text: str) -> str | None:
    from midwatch.policy.globs import compiled  # the policy reads agent files, too

    plain = _PLACE.sub("x", text)
    if plain.startswith("/"):
        return f"`{text}` must be relative to the project"
    try:
        compiled(plain, "/", fold=False)
    except ValueError as error:
        return f"`{text}` is no path pattern: {error}"
    return None
