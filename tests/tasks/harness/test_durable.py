from __future__ import annotations

from typing import Any

from tasks.harness.durable import Positions
from tasks.harness.history import Recorded


def response(*ids: str) -> dict[str, Any]:
    return {"parts": [{"part_kind": "tool-call", "tool_call_id": one} for one in ids]}


def ids(given: dict[str, Any]) -> list[str]:
    return [part["tool_call_id"] for part in given["parts"]]


def test_operations_are_counted_within_their_turn() -> None:
    positions = Positions("main")
    assert [positions.next_of("get_tools"), positions.next_of("get_tools")] == [
        "main/get_tools/0.1",
        "main/get_tools/0.2",
    ]
    positions.answered(response(), "")
    assert positions.next_of("get_tools") == "main/get_tools/1.1"


def test_every_tool_call_of_a_conversation_has_an_id_of_its_own() -> None:
    positions = Positions("main")
    assert ids(positions.answered(response("one", "two"), "")) == ["one", "two"]
    assert ids(positions.answered(response("three", "two", ""), "")) == ["three", "two~2.1", "~2.2"]
    assert len(positions.call_ids) == 5


def test_a_later_life_stands_before_the_last_recorded_turn() -> None:
    positions = Positions.after("main", Recorded(turns=7, call_ids={"a"}, instructions="Do it."))
    assert (positions.turns, positions.replays_until, positions.whole) == (6, 7, False)
