"""The forms: what they ask, and what they say when they are sent."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.slack.message import Asked
from tasks.slack.modal import FieldFault, form, said
from tests.tasks.slack.slack_server import checked_view, filled
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


def edited(arguments: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """What an edit form says, untouched but for `fields`, by the argument's name."""
    one = row(arguments=arguments)
    view = form("edit", Asked(number=1, row=one))
    assert view is not None
    places = {name: str(place) for place, name in enumerate(arguments)}
    state = filled(checked_view(view)) | {places[name]: {"said": value} for name, value in fields.items()}
    return dict(json.loads(said("edit", state, one).edited_args_json or ""))


@settings(deadline=None, max_examples=60)
@given(st.dictionaries(TEXT, JSON, max_size=8))
def test_a_form_that_nobody_touched_gives_the_same_arguments(arguments: dict[str, Any]) -> None:
    again = edited(arguments)
    assert json.dumps(again) == json.dumps(arguments)


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


def test_a_field_that_did_not_come_back_is_no_empty_text() -> None:
    with pytest.raises(FieldFault, match="missing"):
        said("edit", {}, row(arguments={"it": "text"}))


@pytest.mark.parametrize("arguments", [{"it": "x" * 3_001}, {str(number): 1 for number in range(41)}])
def test_what_no_field_can_hold_is_edited_elsewhere(arguments: dict[str, Any]) -> None:
    assert form("edit", Asked(number=1, row=row(arguments=arguments))) is None


@pytest.mark.parametrize("options", [[], ["x" * 76], ["a"] * 11, [1, 2], "ab", None])
def test_choices_that_slack_cannot_show_as_they_are_are_typed(options: object) -> None:
    one = row(kind="answer", arguments={"question": "?", "options": options})
    view = form("answer", Asked(number=1, row=one))
    assert view is not None
    assert [block["block_id"] for block in checked_view(view)["blocks"] if block["type"] == "input"] == ["answer"]
