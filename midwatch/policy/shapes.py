"""Permissions: do a call's arguments fit what its tool declares? None missing, each of its type.

A small part of JSON Schema: `type`, `required`, `properties`, `items`, `minimum`, `anyOf` and `oneOf`. What else a schema
says is for the tool itself to check; patterns and references of a stranger's schema are better not followed.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, TypeAlias

Schema: TypeAlias = Mapping[str, Any]

_LARGEST_EXACT: Final = 2**53
"""Beyond it a number with a point or an exponent is not a whole number that every reader reads alike."""

_TEXT: Final[Schema] = {"type": "string"}
_PATH: Final[Schema] = {"properties": {"path": _TEXT}, "required": ["path"]}

BUILTIN: Final[Mapping[str, Schema]] = {
    "read_file": {
        "properties": {
            "path": _TEXT,
            "offset": {"type": "integer", "minimum": 0},
            "limit": {"type": "integer", "minimum": 1},
        },
        "required": ["path"],
    },
    "write_file": {"properties": {"path": _TEXT, "content": _TEXT}, "required": ["path", "content"]},
    "delete_file": _PATH,
    "list_dir": _PATH,
    "http_request": {
        "properties": {
            "method": _TEXT,
            "url": _TEXT,
            "body": _TEXT,
            "headers": {"type": "object"},
        },
        "required": ["method", "url"],
    },
}
"""What the built-in tools take."""


def misfit(schema: Schema, value: Any, where: str = "") -> str:
    """What in `value` (JSON as `Call` holds it) the schema does not take; "" when it fits."""
    if choices := schema.get("anyOf") or schema.get("oneOf"):
        faults = [misfit(choice, value, where) for choice in choices]
        return "" if "" in faults else faults[0]
    if (types := schema.get("type")) and not any(_is(value, kind) for kind in _listed(types)):
        return f"`{where}` must be {' or '.join(map(str, _listed(types)))}, not {_kind(value)}"
    if "minimum" in schema and _is(value, "number") and value < schema["minimum"]:
        return f"`{where}` must be at least {schema['minimum']}"
    inner = _members(schema, value, where) or _items(schema, value, where)
    return next((fault for member, part, name in inner if (fault := misfit(member, part, name))), "") or _missing(
        schema, value, where
    )


def _listed(types: object) -> list[object]:
    return types if isinstance(types, list) else [types]


def _members(schema: Schema, value: Any, where: str) -> list[tuple[Schema, Any, str]]:
    if not isinstance(value, Mapping):
        return []
    known = schema.get("properties", {})
    return [
        (known[name], part, _joined(where, name))
        for name, part in value.items()
        if isinstance(known.get(name), Mapping)
    ]


def _items(schema: Schema, value: Any, where: str) -> list[tuple[Schema, Any, str]]:
    item = schema.get("items")
    if not isinstance(item, Mapping) or not isinstance(value, tuple | list):
        return []
    return [(item, part, f"{where}[{place}]") for place, part in enumerate(value)]


def _missing(schema: Schema, value: Any, where: str) -> str:
    wanted = schema.get("required", ()) if isinstance(value, Mapping) else ()
    return next((f"`{_joined(where, name)}` is missing" for name in wanted if name not in value), "")


def _joined(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _is(value: Any, kind: object) -> bool:
    match kind:
        case "null":
            return value is None
        case "boolean":
            return isinstance(value, bool)
        case "integer":
            return _is_whole(value)
        case "number":
            return isinstance(value, int | float | Decimal) and not isinstance(value, bool)
        case "string":
            return isinstance(value, str)
        case "array":
            return isinstance(value, tuple | list)
        case "object":
            return isinstance(value, Mapping)
        case _:
            return False


def _is_whole(value: Any) -> bool:
    if isinstance(value, float | Decimal):
        return -_LARGEST_EXACT <= value <= _LARGEST_EXACT and value == int(value)
    return isinstance(value, int) and not isinstance(value, bool)


def _kind(value: Any) -> str:
    kinds = ("null", "boolean", "integer", "number", "string", "array", "object")
    return next((kind for kind in kinds if _is(value, kind)), type(value).__name__)
