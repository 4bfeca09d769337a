"""Agent file: what do `{item}`, `{date}`, `{input.NAME}` and `{python:module:function}` stand for in this run?

Braces around anything that is not a name (JSON in a prompt) stay as they are; `{{item}}` is the text `{item}`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from typing import Any, Final

from midwatch.errors import SpecError
from midwatch.named_function import PATTERN as FUNCTION
from midwatch.named_function import named_function
from midwatch.run import RunFacts
from midwatch.spec_faults import nearest

NAMES: Final = ("item", "date", "input.NAME", "python:module:function")
_PLACE: Final = re.compile(r"\{\{([A-Za-z_][\w.:-]*)\}\}|\{([A-Za-z_][\w.:-]*)\}")
"""1: braces that mean themselves; 2: a place."""

Resolve = Callable[[str, RunFacts], Any]
"""(`module:function`, facts) -> value."""


def call_named(name: str, facts: RunFacts) -> Any:
    """What the function that `name` names returns for this run. Asked often: quick, and the same until the world changes."""
    return named_function(name)(facts)


def fill(text: str, facts: RunFacts, *, resolve: Resolve = call_named, field: str = "") -> str:
    """`text` with its places filled in.

    Raises:
        SpecError: a place has an unknown name, or this run has no such value.
    """

    def value(match: re.Match[str]) -> str:
        return f"{{{match[1]}}}" if match[1] else str(_value(match[2], facts, resolve, field))

    return _PLACE.sub(value, text)


def fill_value(value: Any, facts: RunFacts, *, resolve: Resolve = call_named, field: str = "") -> Any:
    """A value of `bind`, lists and mappings inside too. A text that is one place alone keeps that value's type.

    Raises:
        SpecError: as `fill`.
    """
    if isinstance(value, list):
        return [fill_value(part, facts, resolve=resolve, field=field) for part in value]
    if isinstance(value, dict):
        return {key: fill_value(part, facts, resolve=resolve, field=field) for key, part in value.items()}
    if not isinstance(value, str):
        return value
    if FUNCTION.fullmatch(value):
        return resolve(value, facts)
    alone = _PLACE.fullmatch(value)
    if alone and alone[2]:
        return _value(alone[2], facts, resolve, field)
    return fill(value, facts, resolve=resolve, field=field)


def functions_in(text: str) -> Iterator[str]:
    """The functions that fill in places of `text`, as `module:function`."""
    for match in _PLACE.finditer(text):
        if match[2] is not None and match[2].startswith("python:"):
            yield match[2].removeprefix("python:")


def unknown_place(text: str, *, inputs: Collection[str], has_item: bool) -> str | None:
    """What is wrong with the places of `text` before any run, or None: for checking an agent file."""
    for match in _PLACE.finditer(text):
        name = match[2]
        if name is None or name == "date" or name.startswith("python:"):
            continue
        if name == "item":
            if not has_item:
                return "there is no {item} without `for_each`"
        elif name.startswith("input."):
            if name.removeprefix("input.") not in inputs:
                hint = nearest(name.removeprefix("input."), inputs)
                return f"the run's input has no {name.removeprefix('input.')!r}{hint}"
        else:
            return _unknown(name)
    return None


def _value(name: str, facts: RunFacts, resolve: Resolve, field: str) -> Any:
    match name.partition(":"):
        case ("item", "", _) if facts.item is not None:
            return facts.item
        case ("item", "", _):
            raise SpecError("there is no {item}: this agent has no `for_each`", field=field)
        case ("date", "", _):
            return facts.started_at.astimezone().date().isoformat()
        case ("python", ":", function) if FUNCTION.fullmatch(function):
            return resolve(function, facts)
        case (dotted, "", _) if dotted.startswith("input."):
            return _input(dotted.removeprefix("input."), facts, field)
        case _:
            raise SpecError(_unknown(name), field=field)


def _input(name: str, facts: RunFacts, field: str) -> Any:
    if name not in facts.input:
        there = ", ".join(sorted(facts.input)) or "nothing"
        raise SpecError(f"the run's input has no {name!r}{nearest(name, facts.input)}; it has: {there}", field=field)
    return facts.input[name]


def _unknown(name: str) -> str:
    known = ", ".join(f"{{{known}}}" for known in NAMES)
    return f"unknown place {{{name}}}{nearest(name, NAMES)}; known: {known}; to mean the braces write {{{{{name}}}}}"
