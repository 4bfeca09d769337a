"""The shapes that the sampler is given: bounded, closed, without references."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from pydantic import BaseModel, TypeAdapter

from tasks.model.schema import LONGEST_STRING, MAX_ITEMS, MAX_STRING, bounded, signature


class Leaf(BaseModel):
    name: str
    weight: int | None = None


class Tree(BaseModel):
    leaf: Leaf
    children: list[Tree] = []


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "string"}, {"type": "string", "maxLength": MAX_STRING}),
        ({"type": "string", "maxLength": 9}, {"type": "string", "maxLength": 9}),
        ({"type": "string", "maxLength": 10**6}, {"type": "string", "maxLength": LONGEST_STRING}),
        ({"type": "string", "enum": ["a", "b"]}, {"type": "string", "enum": ["a", "b"]}),
        ({"type": "string", "format": "date"}, {"type": "string", "format": "date", "maxLength": MAX_STRING}),
        ({"type": "string", "format": "path"}, {"type": "string", "maxLength": MAX_STRING}),
        ({"type": "integer", "minimum": 0, "title": "N", "default": 3}, {"type": "integer", "minimum": 0}),
        ({"type": "array", "items": True}, {"type": "array", "items": {}, "maxItems": MAX_ITEMS}),
        ({"allOf": [{"enum": [1, 2]}], "default": 1}, {"enum": [1, 2]}),
        ({"type": ["integer", "null"]}, {"anyOf": [{"type": "integer"}, {"type": "null"}]}),
        (True, {}),
        ({}, {}),
    ],
)  # fmt: skip
def test_a_schema_becomes_what_the_sampler_enforces(schema: Any, expected: Any) -> None:
    assert bounded(schema) == expected


def test_an_object_is_closed_and_keeps_the_order_of_its_properties() -> None:
    schema = {"type": "object", "properties": {"b": {"type": "integer"}, "a": {"type": "boolean"}}, "required": ["a"]}
    result = bounded(schema)
    assert [*result["properties"]] == ["b", "a"]
    assert (result["required"], result["additionalProperties"]) == (["a"], False)


def test_a_mapping_stays_open_but_its_values_are_bounded() -> None:
    result = bounded(TypeAdapter(dict[str, str]).json_schema())
    assert result["additionalProperties"] == {"type": "string", "maxLength": MAX_STRING}


def test_references_are_written_out() -> None:
    leaf = bounded(Leaf.model_json_schema())
    assert bounded(Tree.model_json_schema())["properties"]["leaf"] == leaf


def test_a_recursive_type_ends() -> None:
    assert "$ref" not in str(bounded(Tree.model_json_schema()))


def test_a_signature_is_short_and_says_what_is_optional() -> None:
    class Args(BaseModel):
        path: str
        mode: Literal["text", "raw"]
        lines: int | None = None
        tags: list[str] = []

    text = signature(bounded(Args.model_json_schema()))
    assert text == "path: string, mode: text|raw, lines?: integer or null, tags?: [string, ...]"
