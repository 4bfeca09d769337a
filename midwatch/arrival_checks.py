"""Agent file: what is wrong with its triggers that no schema can say? Fields that no run takes, and chains that never end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from midwatch.arrival_input import fields_of_one
from midwatch.yaml_lines import Path

if TYPE_CHECKING:
    from midwatch.spec import AgentSpec
    from midwatch.triggers import Triggers


def trigger_faults(spec: AgentSpec) -> Iterator[tuple[Path, str]]:
    """Every field that a trigger fills is one of the input; every field that must be filled is; nobody follows itself."""
    triggers = spec.triggers
    coalesce = triggers.storm.coalesce
    if coalesce and coalesce.into and spec.input.get(coalesce.into, {}).get("type") != "array":
        said = (
            f"`{coalesce.into}` must be a field of `input` with `type: array`, whose `items` say what one arrival gives"
        )
        yield ("triggers", "storm", "coalesce", "into"), said
    fields = fields_of_one(spec.input, triggers.storm)
    for at, paths in _inputs(triggers):
        yield from _input_faults(("triggers", *at, "input"), paths, fields)
    for position, webhook in enumerate(triggers.webhooks):
        yield from _root_faults(("triggers", "webhooks", position), webhook.input, webhook.only)
    for position, after in enumerate(triggers.after):
        if after.agent == spec.name:
            yield ("triggers", "after", position, "agent"), "an agent that follows itself would never end"


def loops(follows: Mapping[str, frozenset[str]]) -> dict[str, str]:
    """By agent the way on which its own run would start it again (`a -> b -> a`). `follows`: by agent whose end it awaits."""
    return {agent: way for agent in follows if (way := _way_back(agent, follows))}


def _way_back(agent: str, follows: Mapping[str, frozenset[str]]) -> str:
    """The shortest one, in the order in which they run; "" where there is none."""
    ways: list[tuple[str, ...]] = [(agent,)]
    seen = {agent}
    for way in ways:
        for before in sorted(follows.get(way[0], ())):
            if before == agent:
                return " -> ".join((agent, *way))
            if before not in seen:
                seen.add(before)
                ways.append((before, *way))
    return ""


def _inputs(triggers: Triggers) -> Iterator[tuple[Path, Mapping[str, str]]]:
    yield from ((("webhooks", position), each.input) for position, each in enumerate(triggers.webhooks))
    yield from ((("files", position), each.input) for position, each in enumerate(triggers.files))
    yield from ((("after", position), each.input) for position, each in enumerate(triggers.after))


def _input_faults(path: Path, paths: Mapping[str, str], fields: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    for name in paths:
        if name not in fields:
            yield (*path, name), f"`{name}` is no field of the agent's `input`"
    missing = [name for name, field in fields.items() if paths and name not in paths and "default" not in field]
    if missing:
        yield path, f"a run needs {', '.join(f'`{name}`' for name in missing)} too: give each a path, or a `default`"


def _root_faults(path: Path, *mappings: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """A webhook's paths begin with what there is."""
    named = [*mappings[0].values(), *mappings[1]]
    for one in named:
        if one.partition(".")[0] not in ("body", "headers"):
            yield path, f"`{one}`: a path into a webhook begins with `body` or `headers`, as in `body.issue.title`"
