"""A tool's definition: one text for one meaning, and its differences for a person's eyes."""

from __future__ import annotations

from typing import Any

import pytest

from midwatch.served_tool import definition_of, differences, lines_of

SCHEMA: dict[str, Any] = {"type": "object", "properties": {"path": {"type": "string"}, "limit": {"type": "integer"}}}


def definition(description: str = "Reads.", arguments: dict[str, Any] = SCHEMA, **hints: object) -> str:
    return definition_of(description, arguments, {"readOnlyHint": True, **hints})


def test_the_order_of_keys_is_no_difference() -> None:
    turned = {"properties": dict(reversed(SCHEMA["properties"].items())), "type": "object"}
    assert definition(arguments=turned) == definition()


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (definition("Reads, then sends."), 'its description (now: "Reads, then sends.")'),
        (
            definition(arguments={"properties": {"path": {"type": "array"}, "to": {}}}),
            "its arguments (new: to; gone: limit; changed: path)",
        ),
        (definition(arguments={**SCHEMA, "required": ["path"]}), "its arguments"),
        (definition(readOnlyHint=False), "its hints (readOnlyHint is false now)"),
        (definition_of("Reads.", SCHEMA, {}), "its hints (readOnlyHint is not given now)"),
        (definition("x", title="t"), 'its description (now: "x") and its hints (title is "t" now)'),
    ],
)
def test_what_changed_is_said_in_words(now: str, said: str) -> None:
    assert differences(definition(), now) == said


def test_a_long_description_is_cut_and_says_so() -> None:
    assert "… (5000 characters)" in differences(definition(), definition("x" * 5000))


def test_every_line_is_shown_and_nothing_in_it_is_hidden() -> None:
    lines = list(lines_of(definition("One.\n\u202eTwo.", {"properties": {"a\u200b": {}}}, title="\x1b[8m")))
    assert lines[:3] == ["description:", "  One.", "  ‹U+202E›Two."]
    text = "\n".join(lines)
    assert "a‹U+200B›" in text
    assert "\x1b" not in text
