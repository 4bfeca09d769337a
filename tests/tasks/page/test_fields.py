from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.calls import visible
from tasks.page.fields import edited, fault_at, fields_of
from tasks.permissions.edit_fields import FieldFault
from tests.tasks.page.questions import row

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
SCHEMA = {
    "properties": {
        "amount": {"type": "number", "minimum": 0, "description": "how much"},
        "currency": {"enum": ["EUR", "USD"]},
        "urgent": {"type": "boolean"},
        "to": {"type": ["object", "null"]},
    }
}
PAYMENT = {"amount": 120.5, "currency": "EUR", "urgent": True, "to": {"iban": "x"}, "memo": "a\nb", "lines": ["a"]}


def sent(arguments: dict[str, Any], schema: dict[str, Any] | None = None, **changed: str) -> Any:
    asked = row(arguments=arguments, context={"parameters": schema or {}})
    return json.loads(edited(asked, {field.name: field.value for field in fields_of(asked)} | changed))


def test_each_argument_has_a_field_of_its_type() -> None:
    fields = fields_of(row(arguments=PAYMENT, context={"parameters": SCHEMA}))
    assert [field.widget for field in fields] == ["number", "select", "checkbox", "json", "lines", "json"]
    assert fields[0].hint == "how much · at least 0"
    assert fields[1].options == ("EUR", "USD")


@given(st.dictionaries(st.text(min_size=1, max_size=8), JSON, max_size=4))
def test_a_form_that_is_sent_as_it_is_says_the_call_as_it_was(arguments: dict[str, Any]) -> None:
    assert json.dumps(sent(arguments)) == json.dumps(arguments)


@given(st.dictionaries(st.text(min_size=1, max_size=8), JSON, max_size=4))
def test_nothing_in_a_field_is_out_of_sight(arguments: dict[str, Any]) -> None:
    assert all(visible(field.value) == field.value for field in fields_of(row(arguments=arguments)))


def test_what_was_typed_is_what_is_sent() -> None:
    changed = {"a0": "3", "a1": "1", "a2": "false", "a3": "null", "a4": ' "quoted" ', "a5": '["a", "b"]'}
    expected = {"amount": 3, "currency": "USD", "urgent": False, "to": None, "memo": ' "quoted" ', "lines": ["a", "b"]}
    assert sent(PAYMENT, SCHEMA, **changed) == expected


@pytest.mark.parametrize(
    ("field", "text", "says"),
    [
        ("a0", "twelve", "not a number"),
        ("a0", '"12"', "has to be a number"),
        ("a0", "true", "has to be a number"),
        ("a1", "7", "Choose one"),
        ("a1", "-1", "Choose one"),
        ("a2", "perhaps", "Tick it"),
        ("a3", "{", "not JSON"),
        ("a5", "{}", "has to be a list"),
    ],
)
def test_what_does_not_fit_is_told_at_its_field(field: str, text: str, says: str) -> None:
    with pytest.raises(FieldFault, match=says) as caught:
        sent(PAYMENT, SCHEMA, **{field: text})
    assert caught.value.field == field


def test_a_field_that_is_missing_is_no_value() -> None:
    with pytest.raises(FieldFault, match="did not arrive"):
        edited(row(), {"a0": "a.txt"})


def test_a_fault_of_the_tools_schema_finds_its_field() -> None:
    asked = row(arguments=PAYMENT)
    assert fault_at(asked, "pay does not take this: `to.iban` must be string, not null.") == "a3"
    assert fault_at(asked, "pay does not take this: `lines[0]` must be string") == "a5"
    assert fault_at(asked, "something else") == ""
