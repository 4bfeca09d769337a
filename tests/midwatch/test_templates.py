from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from midwatch.errors import SpecError
from midwatch.run import RunFacts
from midwatch.templates import fill, fill_value, unknown_place


def facts(item: str | None = None, input: Mapping[str, Any] | None = None) -> RunFacts:
    noon = datetime(2025, 3, 4, 12, 0, tzinfo=UTC)
    return RunFacts(run_id="r1", agent="clerk", started_at=noon, item=item, input=input or {})


def shouted(name: str, run: RunFacts) -> str:
    return f"{name} for {run.agent}"


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("reports/{date}.md", "reports/2025-03-04.md"),
        ("{item}!", "mail/1.eml!"),
        ("{input.days} days", "7 days"),
        ("{python:mine.tools:intro}.", "mine.tools:intro for clerk."),
        ("{{item}} is a place", "{item} is a place"),
        ('{"a": {"b": 1}}', '{"a": {"b": 1}}'),
        ("{ item } and {} and {1}", "{ item } and {} and {1}"),
    ],
)
def test_places_are_filled_in_and_other_braces_stay(text: str, filled: str) -> None:
    assert fill(text, facts("mail/1.eml", {"days": 7}), resolve=shouted) == filled


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{itme}", "did you mean `item`"),
        ("{item}", "no `for_each`"),
        ("{input.dais}", "did you mean `days`"),
        ("{python:nothing}", "unknown place"),
        ("{date:iso}", "unknown place"),
    ],
)
def test_an_unknown_place_is_named_with_a_way_out(text: str, said: str) -> None:
    with pytest.raises(SpecError, match=said) as caught:
        fill(text, facts(input={"days": 7}), field="prompt")
    assert caught.value.field == "prompt"


def test_a_value_that_is_one_place_alone_keeps_its_type() -> None:
    bound = fill_value({"days": "{input.days}", "names": ["{input.days} days", 3]}, facts(input={"days": 7}))
    assert bound == {"days": 7, "names": ["7 days", 3]}


def test_a_value_that_names_a_function_is_what_the_function_returns() -> None:
    assert fill_value("mine.tools:paths", facts(), resolve=lambda name, run: [name, run.run_id]) == [
        "mine.tools:paths",
        "r1",
    ]


def test_what_was_filled_in_is_not_filled_in_again() -> None:
    assert fill("{input.text}", facts(input={"text": "{item}"})) == "{item}"


@pytest.mark.parametrize(
    ("text", "wrong"),
    [("{item} {date}", True), ("{input.days}", False), ("{input.x}", True), ("{python:a:b}", False), ("{x}", True)],
)
def test_the_places_of_a_file_are_checked_before_any_run(text: str, wrong: bool) -> None:
    assert bool(unknown_place(text, inputs=["days"], has_item=False)) is wrong
