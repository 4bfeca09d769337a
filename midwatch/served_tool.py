"""Tools and permissions: what does an MCP server say that a tool is? What the model is told of it, and what we trust."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from midwatch.calls import canonical_json
from midwatch.characters import visible


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedTool:
    """One tool as its server defines it now."""

    server: str
    """As the agent file names it."""
    tool: str
    """As the server names it: without `mcp__SERVER__`."""
    trusted: bool
    """The operator's word about the server."""
    hints: Mapping[str, object]
    """Its annotations (`readOnlyHint`, `title`, ...), as far as it gave any."""
    definition: str
    """`definition_of` it: the same text as long as nothing changed."""


def definition_of(description: str, arguments: Mapping[str, Any], hints: Mapping[str, object]) -> str:
    """A definition as it is pinned: canonical JSON of its three parts; `arguments` is the schema of the tool's input.

    Raises:
        CallError: it is no JSON.
    """
    return canonical_json({"description": description, "arguments": arguments, "hints": hints})


def differences(before: str, now: str) -> str:
    """What is different, in a few words, such as `its arguments (new: path) and its hints (readOnlyHint is true now)`."""
    old, new = json.loads(before), json.loads(now)
    told: dict[str, Callable[[Any, Any], str]] = {"description": _description, "arguments": _arguments, "hints": _hints}
    return " and ".join(say(old[part], new[part]) for part, say in told.items() if old[part] != new[part])


def _description(_old: str, new: str) -> str:
    shown = new if len(new) <= 200 else f"{new[:200]}… ({len(new)} characters)"
    return f"its description (now: {json.dumps(shown, ensure_ascii=False)})"


def _arguments(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    before, after = old.get("properties") or {}, new.get("properties") or {}
    groups = {
        "new": sorted(set(after) - set(before)),
        "gone": sorted(set(before) - set(after)),
        "changed": sorted(name for name in set(before) & set(after) if before[name] != after[name]),
    }
    said = "; ".join(f"{what}: {', '.join(names)}" for what, names in groups.items() if names)
    return f"its arguments ({said})" if said else "its arguments"


def _hints(old: Mapping[str, object], new: Mapping[str, object]) -> str:
    changed = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
    return "its hints (" + ", ".join(f"{name} is {_as_json(new.get(name))} now" for name in changed) + ")"


def _as_json(value: object) -> str:
    return "not given" if value is None else json.dumps(value, ensure_ascii=False)


def lines_of(definition: str) -> Iterator[str]:
    """A definition for a person's eyes, line by line; nothing in it is hidden or cut."""
    parts = json.loads(definition)
    yield "description:"
    yield from (f"  {line}" for line in visible(parts["description"]).split("\n"))
    for part in ("arguments", "hints"):
        yield f"{part}:"
        text = json.dumps(parts[part], ensure_ascii=False, indent=2, sort_keys=True)
        yield from (f"  {visible(line)}" for line in text.split("\n"))
