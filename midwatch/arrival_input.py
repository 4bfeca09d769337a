"""Trigger: which typed input does a run get from what arrived? Simple paths, one mapping, and what does not fit is said.

What arrived was written by others. It becomes values of the input and nothing else: Prefect, which is handed them as a run's
parameters, would take an object with the key `__prefect_kind` for a template of its own, and fill it in.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from midwatch.arrival_spec import Storm, Wanted
from midwatch.characters import on_one_line, visible
from midwatch.typed_input import input_fault

MOST_BYTES: Final = 200_000
"""Of a run's input as JSON; Prefect takes 512 KiB of parameters."""
LONGEST_FAULT: Final = 300
TEMPLATE: Final = "__prefect_kind"
WHOLE: Final = range(-(2**63), 2**64)
"""Whole numbers that Prefect can write as JSON; a run with any other makes it fail at every list that the run is in."""
DEEPEST: Final = 100
"""Objects and lists in each other; the client and the server of Prefect fail beyond some 250."""
_MISSING: Final = object()


def at(document: Any, path: str) -> Any:
    """What stands at `body.commits.0.message`; `_MISSING` where there is nothing."""
    for name in path.split("."):
        match document:
            case Mapping() if name in document:
                document = document[name]
            case list() if name.isdecimal() and int(name) < len(document):
                document = document[int(name)]
            case _:
                return _MISSING
    return document


def wanted(only: Mapping[str, Sequence[Wanted]], document: Mapping[str, Any]) -> bool:
    """Whether every path of a filter has one of its values. True is not 1."""
    return all(_among(at(document, path), values) for path, values in only.items())


def mapped(
    fields: Mapping[str, Any], paths: Mapping[str, str], document: Mapping[str, Any], root: str
) -> dict[str, Any]:
    """One arrival's input: by field what stands at its path; without paths what has the field's own name under `root`."""
    paths = paths or {name: f"{root}.{name}".lstrip(".") for name in fields}
    found = {name: at(document, path) for name, path in paths.items()}
    return {name: value for name, value in found.items() if value is not _MISSING}


def fields_of_one(fields: Mapping[str, Any], storm: Storm) -> Mapping[str, Any]:
    """The fields that one arrival fills: the agent's, or those of one entry of the list that arrivals are gathered in."""
    into = storm.coalesce.into if storm.coalesce else ""
    if not into:
        return fields
    entry = fields.get(into, {}).get("items", {})
    properties = entry.get("properties", {}) if isinstance(entry, dict) else {}
    return properties if isinstance(properties, dict) else {}


def together(inputs: Sequence[Mapping[str, Any]], storm: Storm) -> dict[str, Any]:
    """The input of one run for these arrivals, oldest first."""
    if storm.coalesce is not None and storm.coalesce.into:
        return {storm.coalesce.into: [dict(one) for one in inputs]}
    return dict(inputs[-1])


def misfit(fields: Mapping[str, Any], input: Mapping[str, Any]) -> str:
    """Why a run cannot take this input from outside; "" where it can."""
    if unfit := unkept(input):
        return unfit
    try:
        size = len(json.dumps(input, ensure_ascii=False).encode())
    except UnicodeEncodeError:
        return "it has half of a character (a lone surrogate)"
    if size > MOST_BYTES:
        return f"the run's input would have {size:,} bytes, and it may have {MOST_BYTES:,}: map less of it"
    fault = input_fault(fields, input)
    if fault is None:
        return ""
    said = visible(on_one_line(f"{fault[0]}: {fault[1]}"))
    return said if len(said) <= LONGEST_FAULT else f"{said[: LONGEST_FAULT - 1]}…"


def unkept(value: Any, depth: int = 0) -> str:
    """Why Prefect could not keep this as it is; "" where it can."""
    match value:
        case _ if depth > DEEPEST:
            return "it is nested too deeply"
        case int() if value not in WHOLE:
            return "it has a whole number of more than 64 bits: send it as a text"
        case float() if not math.isfinite(value):
            return "it has a number that is too large for JSON: send it as a text"
        case Mapping() if TEMPLATE in value:
            return f"it has the key {TEMPLATE!r}, which Prefect would take for a template"
        case Mapping():
            parts = [*value.values()]
        case list() | tuple():
            parts = [*value]
        case _:
            return ""
    return next((fault for part in parts if (fault := unkept(part, depth + 1))), "")


def _among(value: Any, values: Sequence[Wanted]) -> bool:
    return any(type(value) is type(one) and value == one for one in values)
