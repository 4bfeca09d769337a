"""The forms: what they ask, and what they say when they are sent."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from midwatch.ask_context import AskContext
from midwatch.calls import canonical_json, parse_call
from midwatch.errors import CallError
from midwatch.request import Question
from tasks.permissions.edit_fields import FieldFault
from tasks.slack.modal import bounds, form, said, signing
from tests.tasks.slack.slack_server import checked_view, filled, strings
from tests.tasks.slack.test_message import row

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**12), 10**12)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


def edited(arguments: dict[str, Any], schemas: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    """What an edit form says, untouched but for `fields`, by the argument's name."""
    context = AskContext(parameters={"type": "object", "properties": schemas} if schemas else {})
    one = row(arguments=arguments, context_json=context.model_dump_json())
    question = Question(number=1, ask=one)
    view = form("edit", question)
    assert view is not None
    places = {name: str(place) for place, name in enumerate(arguments)}
    state = filled(checked_view(view)) | {places[name]: {"said": value} for name, value in fields.items()}
    return dict(json.loads(said("edit", state, question).edited_args_json or ""))


@settings(max_examples=60)
@given(st.dictionaries(TEXT, JSON, max_size=8))
def test_a_form_that_nobody_touched_gives_the_same_arguments(arguments: dict[str, Any]) -> None:
    try:
        call = parse_call("any", json.dumps(arguments))
    except CallError:
        assume(False)  # such a call never waits for anybody
    again = edited(arguments)
    assert list(again) == list(arguments)
    assert canonical_json(parse_call("any", json.dumps(again)).args) == canonical_json(call.args)


@pytest.mark.parametrize(
    ("was", "typed", "becomes"),
    [
        ("text", {"value": "5"}, "5"),
        ("text", {"value": None}, ""),
        (5, {"value": "7"}, 7),
        (5, {"value": "7.25"}, 7.25),
        (True, {"selected_option": {"value": "1"}}, False),
        (["a"], {"value": '["b", "c"]'}, ["b", "c"]),
        ({"a": 1}, {"value": '{"a": 2}'}, {"a": 2}),
        (None, {"value": '"x"'}, "x"),
        (" padded", {"value": '"a\\u200bb"'}, "a\u200bb"),
    ],
)
def test_an_argument_keeps_its_type(was: object, typed: dict[str, Any], becomes: object) -> None:
    assert edited({"it": was, "other": 1}, it=typed) == {"it": becomes, "other": 1}


@pytest.mark.parametrize(
    ("was", "typed", "why"),
    [
        (5, {"value": "five"}, "not JSON"),
        (5, {"value": '"5"'}, "has to be a number"),
        (5, {"value": "true"}, "has to be a number"),
        (5, {"value": None}, "not JSON"),
        (True, {"value": "true"}, "Choose one"),
        (["a"], {"value": "{}"}, "has to be a list"),
        ({"a": 1}, {"value": "null"}, "has to be an object"),
        ({"a": 1}, {"value": '{"a": 1} or so'}, "not JSON"),
    ],
)
def test_what_is_not_of_its_type_is_refused_beside_its_field(was: object, typed: dict[str, Any], why: str) -> None:
    with pytest.raises(FieldFault, match=why) as fault:
        edited({"other": 1, "it": was}, it=typed)
    assert fault.value.field == "1"


KINDS: dict[str, tuple[Any, dict[str, Any], str]] = {
    "an enum is a choice": ("fast", {"type": "string", "enum": ["fast", "safe"]}, "radio_buttons"),
    "a long enum is a menu": ("7", {"type": "string", "enum": [str(n) for n in range(40)]}, "static_select"),
    "an enum too long for Slack is JSON": ("7", {"enum": [str(n) for n in range(101)]}, "plain_text_input"),
    "a value outside its enum is JSON": ("slow", {"enum": ["fast", "safe"]}, "plain_text_input"),
    "a truth value is a choice": (False, {"type": "boolean"}, "radio_buttons"),
    "a number has a field of its own": (2.5, {"type": "number"}, "number_input"),
    "a whole number too": (2, {"type": "integer"}, "number_input"),
    "a number that Slack would show otherwise is JSON": (1e-30, {"type": "number"}, "plain_text_input"),
    "a text is typed": ("x", {"type": "string"}, "plain_text_input"),
    "what may be null is of its other type": (2, {"anyOf": [{"type": "integer"}, {"type": "null"}]}, "number_input"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_field_is_of_the_type_that_the_tool_takes(kind: str) -> None:
    value, schema, element = KINDS[kind]
    context = AskContext(parameters={"properties": {"it": schema}})
    view = form("edit", Question(number=1, ask=row(arguments={"it": value}, context_json=context.model_dump_json())))
    assert view is not None
    assert [one["element"]["type"] for one in checked_view(view)["blocks"] if one["type"] == "input"] == [element]
    assert edited({"it": value}, {"it": schema}) == {"it": value}


@pytest.mark.parametrize(
    ("was", "schema", "typed", "becomes"),
    [
        ("fast", {"type": "string", "enum": ["fast", "safe"]}, {"selected_option": {"value": "1"}}, "safe"),
        (2, {"type": "integer"}, {"value": "3"}, 3),
        (["a"], {"type": ["array", "null"]}, {"value": "null"}, None),
        ("a", {}, {"value": "7"}, 7),
    ],
)
def test_an_edit_may_be_whatever_the_tool_takes(was: Any, schema: Any, typed: Any, becomes: Any) -> None:
    assert edited({"it": was}, {"it": schema}, it=typed) == {"it": becomes}


@pytest.mark.parametrize(
    ("was", "schema", "typed", "why"),
    [
        ("fast", {"type": "string", "enum": ["fast", "safe"]}, {"selected_option": {"value": "2"}}, "Choose one"),
        ("fast", {"type": "string", "enum": ["fast", "safe"]}, {"value": "slow"}, "Choose one"),
        (2, {"type": "integer"}, {"value": "2.5"}, "must be integer"),
        (2, {"type": "integer", "minimum": 1}, {"value": "0"}, "must be at least 1"),
        (["a"], {"type": "array", "items": {"type": "string"}}, {"value": "[1]"}, "must be string"),
    ],
)
def test_what_the_tool_does_not_take_is_refused_beside_its_field(was: Any, schema: Any, typed: Any, why: str) -> None:
    with pytest.raises(FieldFault, match=why) as fault:
        edited({"other": 1, "it": was}, {"it": schema}, it=typed)
    assert fault.value.field == "1"


@pytest.mark.parametrize("uses", ["", "0", "1001", "-1", "many", "²"])
def test_a_mandate_says_how_many(uses: str) -> None:
    with pytest.raises(FieldFault, match="from 1 to 1000") as fault:
        bounds({"uses": {"said": {"value": uses}}, "until": {"said": {"value": "friday"}}})
    assert fault.value.field == "uses"


@pytest.mark.parametrize("until", ["", "someday", "2026-13-01"])
def test_a_mandate_says_until_when(until: str) -> None:
    with pytest.raises(FieldFault, match="is no moment") as fault:
        bounds({"uses": {"said": {"value": "3"}}, "until": {"said": {"value": until}}})
    assert fault.value.field == "until"


def test_whoever_takes_a_run_over_reads_what_that_means() -> None:
    view = form("take_over", Question(number=1, ask=row()))
    assert view is not None
    assert "The run ends here, as blocked, and you go on with its work" in " ".join(strings(checked_view(view)))


def test_a_mandate_whose_words_slack_cannot_show_is_signed_elsewhere() -> None:
    one = Question(number=1, ask=row())
    assert signing(one, ("x" * 30_001,), "token") is None
    view = signing(one, ("x" * 29_000,), "token")
    assert view is not None
    assert "x" * 3_000 in strings(checked_view(view))


def test_a_field_that_did_not_come_back_is_no_empty_text() -> None:
    with pytest.raises(FieldFault, match="missing"):
        said("edit", {}, Question(number=1, ask=row(arguments={"it": "text"})))


@pytest.mark.parametrize("arguments", [{"it": "x" * 3_001}, {str(number): 1 for number in range(41)}])
def test_what_no_field_can_hold_is_edited_elsewhere(arguments: dict[str, Any]) -> None:
    assert form("edit", Question(number=1, ask=row(arguments=arguments))) is None


@pytest.mark.parametrize("options", [[], ["x" * 76], ["a"] * 11, [1, 2], "ab", None])
def test_choices_that_slack_cannot_show_as_they_are_are_typed(options: object) -> None:
    one = row(kind="answer", arguments={"question": "?", "options": options})
    view = form("answer", Question(number=1, ask=one))
    assert view is not None
    assert [block["block_id"] for block in checked_view(view)["blocks"] if block["type"] == "input"] == ["answer"]
