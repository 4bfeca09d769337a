from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.ask_context import AskContext
from midwatch.calls import canonical_json, parse_call
from midwatch.errors import CallError
from midwatch.ledger import AskRow
from midwatch.request import Question
from tasks.permissions.edit_fields import edit_fields
from tasks.permissions.form import Answer, answers_of, is_taken_over, resume_form, values_for

NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
TEXT = {"type": "string"}
MAIL = {
    "amount": {"type": "number"},
    "body": {"anyOf": [TEXT, {"type": "null"}]},
    "count": {"type": "integer"},
    "currency": {"type": "string", "enum": ["EUR", "USD"]},
    "subject": TEXT,
    "to": {"type": "array", "items": TEXT},
    "urgent": {"type": "boolean"},
}
SENT = {"amount": 12.5, "body": "a\nb", "count": 3, "currency": "EUR", "subject": "Hi", "to": ["a"], "urgent": False}


def ask(number: int = 1, kind: Any = "approve", schema: dict[str, Any] | None = None, **arguments: Any) -> Question:
    row = AskRow(
        ask_id=f"ask-{number}",
        run_id="run",
        agent="writer",
        call_id=f"main/{number}",
        tool="send" if kind == "approve" else "ask_human",
        args_json=canonical_json(parse_call("send", arguments).args),
        digest="d",
        kind=kind,
        rule="ask.send",
        reason="it writes",
        words="",
        created_at=NOW,
        deadline=NOW,
        context_json=AskContext(parameters={"properties": schema or {}}).model_dump_json(),
        verdict=None,
        by=None,
        via=None,
        decided_at=None,
        decided_because=None,
        edited_args_json=None,
        answer=None,
        granted_digest=None,
        spent_at=None,
    )
    return Question(number=number, ask=row)


def schema_of(*asks: Question) -> dict[str, Any]:
    return resume_form(asks, "text").model_json_schema()


def fits_in(values: dict[str, Any], *asks: Question) -> bool:
    """Whether Prefect takes it."""
    return jsonschema.Draft202012Validator(schema_of(*asks)).is_valid(values)


def defaults_of(*asks: Question) -> dict[str, Any]:
    """What a browser sends of a form in which nobody changed anything."""
    properties = schema_of(*asks)["properties"]
    sent = {name: field["default"] for name, field in properties.items() if "default" in field}
    return dict(json.loads(json.dumps(sent)))


def test_each_argument_has_a_field_of_its_own_type_with_what_was_asked_for() -> None:
    properties = schema_of(ask(2, schema=MAIL, **SENT))["properties"]
    fields = {field["title"].split()[2]: field for name, field in properties.items() if name.startswith("edit_2_")}
    assert {name: (field["type"], field["default"]) for name, field in fields.items()} == {
        "amount,": ("number", 12.5),
        "body,": ("string", "a\nb"),
        "count,": ("integer", 3),
        "currency,": ("string", "EUR"),
        "subject,": ("string", "Hi"),
        "to,": ("string", '[\n  "a"\n]'),
        "urgent,": ("boolean", False),
    }
    assert fields["currency,"]["enum"] == ["EUR", "USD"]
    assert [name for name, field in fields.items() if field.get("format") == "json-string"] == ["to,"]


def test_a_decision_is_a_closed_choice_that_nobody_makes_for_a_person() -> None:
    schema = schema_of(ask(2, path="a"))
    assert schema["properties"]["decision_2"]["enum"] == ["approve", "deny", "edit", "take over"]
    assert schema["required"] == ["decision_2"]


@pytest.mark.parametrize(
    ("value", "schema"),
    [
        ("a\u202eb", TEXT),
        ("", TEXT),
        (" a", TEXT),
        ("a\r\nb", TEXT),
        (None, MAIL["body"]),
        (2**53, {"type": "integer"}),
        (1.0, {"type": "integer"}),
        (True, {"type": "integer"}),
        (1, {"type": "boolean"}),
        ("SEK", MAIL["currency"]),
        ("a", {"type": "string", "enum": ["a", "b", "a\u200b"]}),
        ("a", {"type": "string", "enum": ["a"]}),
        ("a", {"anyOf": [TEXT, {"type": "integer"}]}),
        ({"a": 1}, {"type": "object"}),
        ("a", {}),
    ],
)
def test_what_a_plain_field_would_not_show_or_change_is_edited_as_json(value: Any, schema: dict[str, Any]) -> None:
    (field,) = edit_fields(1, canonical_json({"it": value}), {"properties": {"it": schema}})
    assert (field.kind, json.loads(field.shown)) == ("json", value)


def test_a_long_form_asks_for_yes_or_no_or_to_take_over_only() -> None:
    properties = schema_of(*(ask(n, path="a") for n in range(1, 8)))["properties"]
    assert properties["decision_7"]["enum"] == ["approve", "deny", "take over"]
    assert not [name for name in properties if name.startswith("edit")]


def test_a_parked_run_cannot_be_edited() -> None:
    assert schema_of(ask(1, kind="park", tries_again_at="x"))["properties"]["decision_1"]["enum"] == [
        "approve",
        "deny",
        "take over",
    ]


@pytest.mark.parametrize(
    ("values", "fits"),
    [
        ({"answer_1": "tomorrow"}, True),
        ({"decision_1": "answer", "answer_1": "tomorrow"}, True),
        ({"decision_1": "answer", "answer_1": ""}, False),
        ({}, False),
        ({"decision_1": "take over", "answer_1": ""}, True),
        ({"decision_1": "deny"}, True),
    ],
)
def test_a_question_asks_for_words_unless_none_are_given_on_purpose(values: dict[str, Any], fits: bool) -> None:
    assert fits_in(values, ask(1, kind="answer", question="When?")) is fits


@pytest.mark.parametrize(
    ("values", "fits", "said"),
    [
        ({"choice_1": "EU"}, True, "EU"),
        ({"answer_1": "neither"}, True, "neither"),
        ({"choice_1": "EU", "answer_1": "but not DE"}, True, "EU\nbut not DE"),
        ({"decision_1": "answer", "answer_1": ""}, False, None),
        ({"choice_1": "Mars"}, False, None),
    ],
)
def test_of_options_one_is_chosen_or_something_else_is_said(
    values: dict[str, Any], fits: bool, said: str | None
) -> None:
    one = ask(1, kind="answer", question="Where?", options=["EU", "US east"])
    assert fits_in(values, one) is fits
    if said is not None:
        assert [answer.answer for answer in answers_of(values, [one])] == [said]


def test_an_answer_without_words_is_asked_for_again() -> None:
    with pytest.raises(CallError, match="no answer"):
        answers_of({"decision_1": "answer", "answer_1": ""}, [ask(1, kind="answer", question="When?")])


@pytest.mark.parametrize(
    "answer",
    [
        Answer(ask_id="ask-1", verdict="approved"),
        Answer(ask_id="ask-1", verdict="denied"),
        Answer(ask_id="ask-1", verdict="taken_over"),
    ],
)
def test_what_is_filled_in_is_read_back(answer: Answer) -> None:
    asks = [ask(1, schema=MAIL, **SENT)]
    jsonschema.validate(values_for([answer], asks), schema_of(*asks))
    assert answers_of(values_for([answer], asks), asks) == [answer]


def test_so_is_an_edit() -> None:
    asks, args = [ask(1, schema=MAIL, **SENT)], {**SENT, "count": 4, "to": ["b", "c"], "urgent": True}
    values = values_for([Answer(ask_id="ask-1", verdict="edited", edited_args_json=json.dumps(args))], asks)
    jsonschema.validate(values, schema_of(*asks))
    (answer,) = answers_of(values, asks)
    assert (answer.verdict, json.loads(answer.edited_args_json or "")) == ("edited", args)


def test_to_take_over_one_question_is_to_take_over_the_run() -> None:
    asks = [ask(1, path="a"), ask(2, kind="answer", question="When?")]
    assert is_taken_over({"decision_1": "approve", "decision_2": "take over"}, asks)
    assert not is_taken_over({"decision_1": "approve", "decision_2": "deny"}, asks)


def test_a_decision_left_out_is_no_answer() -> None:
    assert answers_of({"reason": "later"}, [ask(1, path="a")]) == []


@pytest.mark.parametrize("text", ["not json", "", '["a"', '["a"], "amount": 1', '["a"]}'])
def test_an_edit_that_is_not_json_is_refused_and_named(text: str) -> None:
    one = ask(3, schema=MAIL, **SENT)
    values = defaults_of(one) | {"decision_3": "edit", "edit_3_6": text}
    with pytest.raises(CallError, match="`to`"):
        answers_of(values, [one])


def test_a_field_that_was_emptied_is_asked_about_and_never_filled_up_again() -> None:
    one = ask(1, schema=MAIL, **SENT)
    for decision in ("approve", "edit"):
        values = {name: value for name, value in defaults_of(one).items() if name != "edit_1_5"}
        with pytest.raises(CallError):
            answers_of({**values, "decision_1": decision}, [one])


@pytest.mark.parametrize("change", [{"edit_1_1": 1}, {"edit_1_7": True}, {"edit_1_6": "[]"}, {"edit_1_5": "Ho"}])
def test_a_yes_with_other_arguments_than_were_shown_is_asked_about_again(change: dict[str, Any]) -> None:
    one = ask(1, schema=MAIL, **SENT)
    with pytest.raises(CallError, match="choose `edit`"):
        answers_of(defaults_of(one) | change | {"decision_1": "approve"}, [one])


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text('ab \n\r\u202e\u200b‹é"\\', max_size=6),
    lambda inner: st.lists(inner, max_size=2),
    max_leaves=3,
)
SCHEMAS = st.sampled_from([*MAIL.values(), {"type": "object"}, {}])


@given(st.dictionaries(st.sampled_from("abcdef"), st.tuples(VALUES, SCHEMAS), max_size=5))
def test_a_form_that_is_sent_as_it_was_shown_is_a_yes_to_exactly_what_was_asked(drawn: dict[str, Any]) -> None:
    arguments = {name: value for name, (value, _) in drawn.items()}
    one = ask(1, schema={name: schema for name, (_, schema) in drawn.items()}, **arguments)
    values = defaults_of(one)
    jsonschema.validate({**values, "decision_1": "approve"}, schema_of(one))
    (answer,) = answers_of({**values, "decision_1": "approve"}, [one])
    assert answer.verdict == "approved"
    if arguments:
        (edited,) = answers_of({**values, "decision_1": "edit"}, [one])
        said = parse_call("send", edited.edited_args_json or "")
        assert canonical_json(said.args) == one.ask.args_json


def test_what_nobody_sees_is_escaped_in_a_field() -> None:
    (field,) = edit_fields(1, canonical_json({"path": "a\u202eb\u200b\U000e0041é"}), {"properties": {"path": TEXT}})
    assert field.shown == '"a\\u202eb\\u200b\\udb40\\udc41é"'
    assert json.loads(field.shown) == "a\u202eb\u200b\U000e0041é"
