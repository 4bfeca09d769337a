"""What counts as one well-formed call, and the one spelling that it has."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.calls import Call, canonical_json, digest, parse_call, plain
from midwatch.errors import CallError

KEYS = st.text(alphabet="abcdefg", min_size=1, max_size=4)
TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=20)
NUMBERS = st.integers(min_value=-(10**30), max_value=10**30) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
ARGUMENTS = st.dictionaries(KEYS, VALUES, max_size=4)

NO_CALLS = [
    '{"path": "a", "path": "b"}',
    '{"path": "a", "Path": "b"}',
    '{"path": "a", "pa\\u200bth": "b"}',
    '{"deep": {"x": 1, "X": 2}}',
    '{"amount": NaN}',
    '{"amount": Infinity}',
    '{"amount": -Infinity}',
    '{"amount": 1e999}',
    '{"amount": 0.1234567890123456789}',
    '{"path": "\\ud83d"}',
    '{"\\ud83d": 1}',
    '["a"]',
    '"a"',
    "null",
    "",
    "{",
    '{"a": 1} {"b": 2}',
    '{"a": "line\nfeed"}',
    '{"a": ' + "[" * 40 + "]" * 40 + "}",
    '{"a": ' + "[" * 100_000 + "}",
    '{"a": ' + "9" * 1000 + "}",
]


@pytest.mark.parametrize("raw", NO_CALLS)
def test_text_that_two_parsers_could_read_differently_is_no_call(raw: str) -> None:
    with pytest.raises(CallError):
        parse_call("tool", raw)


@pytest.mark.parametrize("name", ["", "mcp__docs__search\u200b", "a b", "mcp__x__../y", "x\n", "a" * 300])
def test_a_tool_has_a_plain_name(name: str) -> None:
    with pytest.raises(CallError, match="not a tool's name"):
        parse_call(name, "{}")


@pytest.mark.parametrize("value", [{1: "a"}, {"a": object()}, {"a": {1, 2}}, {"a": float("nan")}])
def test_parsed_arguments_are_held_to_the_same_rules(value: dict[Any, Any]) -> None:
    with pytest.raises(CallError):
        parse_call("tool", value)


def test_fractions_are_exact_and_whole_numbers_stay_whole() -> None:
    call = parse_call("pay", '{"amount": 0.10, "count": 3, "yes": true}')
    assert call.args["amount"] == Decimal("0.1")
    assert isinstance(call.args["count"], int)
    assert call.args["yes"] is True


def test_nothing_in_a_call_can_be_changed() -> None:
    call = parse_call("tool", '{"a": {"b": [1]}}')
    with pytest.raises(TypeError):
        call.args["a"]["b"] = 2
    assert call.args["a"]["b"] == (1,)


@given(ARGUMENTS)
def test_a_call_means_the_same_from_text_and_from_values(arguments: dict[str, Any]) -> None:
    assert parse_call("t", json.dumps(arguments)) == parse_call("t", arguments)


@given(ARGUMENTS)
def test_canonical_json_is_read_back_as_the_same_call(arguments: dict[str, Any]) -> None:
    call = parse_call("t", arguments)
    text = canonical_json(call.args)
    assert text.isascii()
    again = parse_call("t", text)
    assert again == call
    assert canonical_json(again.args) == text


@given(ARGUMENTS)
def test_what_is_executed_is_what_was_judged(arguments: dict[str, Any]) -> None:
    call = parse_call("t", arguments)
    assert parse_call("t", plain(call.args)) == call
    json.dumps(plain(call.args), allow_nan=False)


@given(ARGUMENTS, ARGUMENTS)
def test_two_calls_have_one_digest_only_if_they_are_equal(one: dict[str, Any], other: dict[str, Any]) -> None:
    first, second = parse_call("t", one), parse_call("t", other)
    same = canonical_json(first.args) == canonical_json(second.args)
    assert (digest(first) == digest(second)) is same


@given(st.integers(min_value=0, max_value=10**40), st.integers(-60, 60), st.integers(0, 5))
def test_equal_decimals_have_one_spelling(number: int, exponent: int, zeros: int) -> None:
    short, long = Decimal(f"{number}E{exponent}"), Decimal(f"{number}{'0' * zeros}E{exponent - zeros}")
    assert canonical_json(short) == canonical_json(long)
    assert Decimal(canonical_json(long)) == short


@pytest.mark.parametrize("spelling", ["1.5", "1.50", "15e-1", "0.15E+1"])
def test_the_spelling_of_a_number_does_not_change_the_digest(spelling: str) -> None:
    assert digest(parse_call("pay", f'{{"a": {spelling}}}')) == digest(parse_call("pay", '{"a": 1.5}'))


def test_a_whole_number_and_a_fraction_are_two_calls() -> None:
    assert digest(parse_call("t", '{"a": 1}')) != digest(parse_call("t", '{"a": 1.0}'))
    assert digest(parse_call("t", '{"a": 1}')) != digest(parse_call("t", '{"a": true}'))


def test_every_part_of_the_envelope_counts() -> None:
    call = Call(tool="t", args={})
    digests = {digest(call), digest(call, definition="x"), digest(call, policy="x"), digest(call, target="x")}
    assert len(digests | {digest(Call(tool="u", args={}))}) == 5
