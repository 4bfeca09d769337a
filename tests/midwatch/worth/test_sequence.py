"""The same every time? Calls are compared up to what comes from the run's input, item and date."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.worth.sequence import CallMade, Filled, Invariant, Piece, Place, Repeated, invariant_of


def piece(day: int, *calls: CallMade, item: str | None = None, **given: object) -> Piece:
    return Piece(run_id=f"r{day}", date=f"2026-03-{day:02d}", input=given, item=item, calls=calls)


def call(tool: str = "write_file", result: str = "", /, **args: Any) -> CallMade:
    return CallMade(tool=tool, args=args, result=result)


def alike(*pieces: Piece) -> Invariant | str:
    return invariant_of(pieces, at_least=2)


def test_what_comes_from_date_input_and_item_is_put_as_a_place() -> None:
    nights = [
        piece(day, call(path=f"notes/{who}/2026-03-{day:02d}.md", lines=[f"of {who}", day % 2 > 9]), who=who)
        for day, who in ((1, "anna"), (2, "ben"))
    ]
    path = Filled(("notes/", Place("input.who"), "/", Place("date"), ".md"))
    lines = [Filled(("of ", Place("input.who"))), False]
    found = alike(*nights)
    assert isinstance(found, Invariant)
    assert found.calls == (Repeated(tool="write_file", args={"path": path, "lines": lines}),)
    assert not found.indifferent


def test_a_value_of_the_input_that_is_no_text_is_a_place_of_its_own() -> None:
    found = alike(piece(1, call(amount=7), due=7), piece(2, call(amount=9), due=9))
    assert isinstance(found, Invariant)
    assert found.calls[0].args == {"amount": Filled((Place("input.due"),))}


def test_of_items_each_conversation_is_one_piece() -> None:
    found = alike(*(piece(day, call(message=f"in/{day}"), item=f"in/{day}") for day in (1, 2)))
    assert isinstance(found, Invariant)
    assert (found.per_item, found.calls[0].args) == (True, {"message": Filled((Place("item"),))})


def test_of_results_only_that_they_differed_is_told() -> None:
    found = alike(*(piece(day, call("shell", f"r{day}", command="ls")) for day in (1, 2)))
    assert isinstance(found, Invariant)
    assert (found.calls[0].args, found.indifferent) == ({"command": "ls"}, True)


@pytest.mark.parametrize(
    ("one", "other", "why"),
    [
        ([call(path="a")], [call(path="b")], "`path` of write_file differed"),
        ([call(path="a")], [call(path="a"), call()], "called different tools"),
        ([call("shell"), call()], [call(), call("shell")], "in another order"),
        ([call(path="a")], [call(path=1)], "`path` of write_file differed"),
        ([call(path=True)], [call(path=1)], "`path` of write_file differed"),
        ([], [], "called no tool"),
    ],
)
def test_what_differed_is_named(one: list[CallMade], other: list[CallMade], why: str) -> None:
    found = alike(piece(1, *one), piece(2, *other))
    assert isinstance(found, str)
    assert why in found


def test_too_few_runs_are_not_compared() -> None:
    assert invariant_of([piece(1, call())], at_least=2) == "1 of the 2 verified runs that are compared are there"


@given(st.text(), st.text(min_size=2, max_size=4))
def test_filled_in_again_a_text_is_what_it_was(text: str, word: str) -> None:
    """Of two runs that each put their own word and date into it."""
    own = [(day, f"{word}{day}") for day in (1, 2)]
    texts = [f"{text}{word}{text}2026-03-{day:02d}" for day, word in own]
    made = [piece(day, call(content=one), word=word) for (day, word), one in zip(own, texts, strict=True)]
    found = alike(*made)
    if isinstance(found, Invariant):
        content = found.calls[0].args["content"]
        for (day, word), one in zip(own, texts, strict=True):
            values = {"date": f"2026-03-{day:02d}", "input.word": word}
            parts = [values[part.name] if isinstance(part, Place) else part for part in content.parts]
            assert "".join(parts) == one
