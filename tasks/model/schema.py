"""Model: which shape may the local model's reply have? JSON schemas made small, closed and bounded for the sampler.

The sampler of llama.cpp enforces a schema token by token. It ignores what it does not know without a word (number
ranges that are exclusive, `patternProperties`, look-ahead in a pattern), fails on a boolean schema, and lets an
unbounded string run on until the token limit. So a schema is rewritten into what it does enforce; what is lost here
is still checked when the tool's arguments are validated.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

JsonSchema = dict[str, Any]

MAX_STRING: Final = 1_200
"""Characters in a string whose schema states no `maxLength`: about 350 tokens, half a minute on two cores."""
LONGEST_STRING: Final = 6_000
"""A stated `maxLength` is cut to this: the whole context holds about 24,000 characters."""
MAX_ITEMS: Final = 20
"""Items in an array whose schema states no `maxItems`."""
MAX_DEPTH: Final = 6
"""Nesting of a schema, `$ref` included; what lies deeper is any value (so a recursive type ends)."""

_SCALAR_KEYS: Final = ("type", "enum", "const", "minimum", "maximum", "pattern", "minLength", "minItems")
_FORMATS: Final = frozenset({"date", "time", "date-time", "uuid"})
"""The formats that the sampler knows; any other is ignored by it."""


def bounded(schema: Mapping[str, Any] | bool, *, definitions: Mapping[str, Any] | None = None) -> JsonSchema:
    """`schema` without references, titles and defaults, closed to further properties, every string and array bounded."""
    if isinstance(schema, bool):
        return {}
    return _rewrite(schema, definitions or schema.get("$defs", {}), MAX_DEPTH)


def _rewrite(schema: Mapping[str, Any] | bool, definitions: Mapping[str, Any], depth: int) -> JsonSchema:
    if isinstance(schema, bool) or depth <= 0:
        return {}
    if "$ref" in schema:
        name = str(schema["$ref"]).rsplit("/", 1)[-1]
        return _rewrite(definitions.get(name, True), definitions, depth - 1)
    if len(parts := schema.get("allOf", [])) == 1:
        return _rewrite(parts[0], definitions, depth - 1)
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return {"anyOf": [_rewrite(branch, definitions, depth - 1) for branch in schema[key]]}
    if isinstance(kinds := schema.get("type"), list):
        return {"anyOf": [_rewrite({**schema, "type": kind}, definitions, depth - 1) for kind in kinds]}
    rewritten = {key: schema[key] for key in _SCALAR_KEYS if key in schema}
    match schema.get("type", "object" if "properties" in schema else None):
        case "string":
            return rewritten | _string_bounds(schema)
        case "array":
            return rewritten | _array_bounds(schema, definitions, depth)
        case "object":
            return rewritten | _object_bounds(schema, definitions, depth)
        case _:
            return rewritten


def _string_bounds(schema: Mapping[str, Any]) -> JsonSchema:
    if "enum" in schema or "const" in schema:
        return {}
    bounds: JsonSchema = {"maxLength": min(schema.get("maxLength", MAX_STRING), LONGEST_STRING)}
    if schema.get("format") in _FORMATS:
        bounds["format"] = schema["format"]
    return bounds


def _array_bounds(schema: Mapping[str, Any], definitions: Mapping[str, Any], depth: int) -> JsonSchema:
    bounds: JsonSchema = {"maxItems": schema.get("maxItems", MAX_ITEMS)}
    if "prefixItems" in schema:
        bounds["prefixItems"] = [_rewrite(item, definitions, depth - 1) for item in schema["prefixItems"]]
    else:
        bounds["items"] = _rewrite(schema.get("items", True), definitions, depth - 1)
    return bounds


def _object_bounds(schema: Mapping[str, Any], definitions: Mapping[str, Any], depth: int) -> JsonSchema:
    properties = {name: _rewrite(sub, definitions, depth - 1) for name, sub in schema.get("properties", {}).items()}
    further = schema.get("additionalProperties", False)
    open_ended = bool(further) and not properties
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in schema.get("required", []) if name in properties],
        "additionalProperties": _rewrite(further, definitions, depth - 1) if open_ended else False,
    }


def signature(schema: Mapping[str, Any]) -> str:
    """The arguments of a bounded object schema in a few tokens: `path: string, lines?: integer`."""
    required = schema.get("required", [])
    return ", ".join(
        f"{name}{'' if name in required else '?'}: {_type_word(sub)}"
        for name, sub in schema.get("properties", {}).items()
    )


def _type_word(schema: Mapping[str, Any]) -> str:
    if "const" in schema:
        return repr(schema["const"])
    if "enum" in schema:
        return "|".join(str(value) for value in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(_type_word(branch) for branch in schema["anyOf"])
    match schema.get("type"):
        case "array":
            return f"[{_type_word(schema.get('items', {}))}, ...]"
        case "object":
            return "{" + signature(schema) + "}"
        case str() as name:
            return name
        case _:
            return "any"
