from __future__ import annotations

from typing import Any

import pytest

from midwatch.arrival_input import MOST_BYTES, fields_of_one, mapped, misfit, together, wanted
from midwatch.arrival_spec import Coalesce, Storm

TEXT = {"type": "string"}
FIELDS = {"title": TEXT, "number": {"type": "integer"}, "label": {**TEXT, "default": "none"}}
ISSUE = {
    "body": {"issue": {"title": "It fails", "number": 7, "labels": [{"name": "bug"}]}},
    "headers": {"x-e": "issues"},
}
LISTED = Storm(coalesce=Coalesce(seconds=60, run="list", into="issues"))


def test_paths_lead_into_objects_and_lists() -> None:
    paths = {"title": "body.issue.title", "number": "body.issue.number", "label": "body.issue.labels.0.name"}
    assert mapped(FIELDS, paths, ISSUE, "body") == {"title": "It fails", "number": 7, "label": "bug"}


def test_what_is_not_there_is_left_out() -> None:
    paths = {"title": "body.issue.title.deeper", "label": "body.issue.labels.1.name", "number": "body.none"}
    assert mapped(FIELDS, paths, ISSUE, "body") == {}


def test_without_paths_a_field_is_found_by_its_name() -> None:
    assert mapped(FIELDS, {}, {"body": {"title": "a", "other": 1}}, "body") == {"title": "a"}
    assert mapped(FIELDS, {}, {"title": "a", "other": 1}, "") == {"title": "a"}


@pytest.mark.parametrize(
    ("input", "said"),
    [
        ({"title": "a", "number": 7}, ""),
        ({"title": "a"}, "'number' is a required property"),
        ({"title": "a", "number": "7"}, "input.number"),
        ({"title": "a", "number": 7, "more": 1}, "more"),
        ({"title": "x" * MOST_BYTES, "number": 7}, "map less of it"),
        ({"title": "\ud800", "number": 7}, "surrogate"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_only_what_a_run_takes_fits(input: dict[str, Any], said: str) -> None:
    found = misfit(FIELDS, input)
    assert (said in found) if said else (found == "")


@pytest.mark.parametrize(
    "hidden",
    [
        {"__prefect_kind": "jinja", "template": "{{ 7 * 7 }}"},
        [{"deep": [{"__prefect_kind": "workspace_variable", "variable_name": "x"}]}],
    ],
)
def test_what_prefect_would_take_for_its_own_template_never_fits(hidden: Any) -> None:
    assert "__prefect_kind" in misfit({"any": {}}, {"any": hidden})


@pytest.mark.parametrize("value", [2**64, -(2**63) - 1, float("inf"), float("-inf"), float("nan"), {"deep": [10**30]}])
def test_a_number_that_prefect_cannot_write_as_json_never_fits(value: Any) -> None:
    assert "send it as a text" in misfit({"any": {}}, {"any": value})


@pytest.mark.parametrize("value", [2**64 - 1, -(2**63), True, 1e308])
def test_a_number_that_prefect_can_write_fits(value: Any) -> None:
    assert misfit({"any": {}}, {"any": value}) == ""


@pytest.mark.parametrize(("depth", "fits"), [(99, True), (101, False), (250, False)])
def test_what_is_nested_deeper_than_prefect_takes_does_not_fit(depth: int, fits: bool) -> None:
    deep: Any = "end"
    for _ in range(depth):
        deep = {"a": deep}
    assert (misfit({"any": {}}, {"any": deep}) == "") is fits


def test_what_is_wrong_is_said_on_one_line() -> None:
    fields = {"any": {"type": "object", "additionalProperties": {"type": "integer"}}}
    assert misfit(fields, {"any": {"a\nstarted: b": "c"}}).startswith("input.any.a ⏎ started: b: ")


def test_a_thing_without_a_bottom_does_not_fit() -> None:
    deep: Any = "end"
    for _ in range(3000):
        deep = [deep]
    assert misfit({"any": {}}, {"any": deep}) == "it is nested too deeply"


@pytest.mark.parametrize(
    ("only", "passes"),
    [
        ({}, True),
        ({"headers.x-e": ["issues", "push"]}, True),
        ({"headers.x-e": ["push"]}, False),
        ({"headers.x-e": ["issues"], "body.issue.number": [8]}, False),
        ({"body.none": ["issues"]}, False),
        ({"body.issue.number": [True]}, False),
        ({"body.issue": [None]}, False),
    ],
)
def test_a_filter_wants_every_path_to_have_one_of_its_values(only: dict[str, list[Any]], passes: bool) -> None:
    assert wanted(only, ISSUE) is passes


def test_true_is_not_one() -> None:
    assert not wanted({"body": [1]}, {"body": True})


def test_several_arrivals_give_a_run_the_last_or_all_of_them() -> None:
    assert together([{"n": 1}, {"n": 2}], Storm()) == {"n": 2}
    assert together([{"n": 1}, {"n": 2}], LISTED) == {"issues": [{"n": 1}, {"n": 2}]}


def test_one_entry_of_a_list_has_the_fields_of_its_items() -> None:
    agent = {"issues": {"type": "array", "items": {"type": "object", "properties": FIELDS}}}
    assert fields_of_one(agent, LISTED) == FIELDS
    assert fields_of_one(agent, Storm()) == agent
