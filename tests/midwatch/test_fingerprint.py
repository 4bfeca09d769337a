"""Fingerprints: what decides costs its evidence when it changes; what does not, costs nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from midwatch.fingerprint import PARTS, Fingerprint, Part, Pinned, as_it_last_thought, changed, fingerprint_of, in_words
from midwatch.spec import AgentSpec


def spec(**fields: Any) -> AgentSpec:
    return AgentSpec.model_validate({"name": "a", "description": "d", "instructions": "i", **fields})


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({"model": "local"}, "model"),
        ({"instructions": "otherwise"}, "instructions"),
        ({"prompt": "Go."}, "instructions"),
        ({"examples": [{"user": "a", "answer": "b"}]}, "instructions"),
        ({"tools": ["shell"]}, "tools"),
        ({"rules": {"allow": ["shell"]}}, "rules"),
        ({"known": ["corp.example"]}, "rules"),
        ({"contract": {"done_when": [{"file": {"path": "a"}}]}}, "contract"),
    ],
)
def test_what_decides_changes_its_own_part_and_the_whole(fields: dict[str, Any], part: Part) -> None:
    old, new = fingerprint_of(spec()), fingerprint_of(spec(**fields))
    assert changed(old, new) == (part,)
    assert old.whole != new.whole


@pytest.mark.parametrize(
    "fields",
    [
        {"description": "another"},
        {"ceiling": 5},
        {"limits": {"steps": 9}},
        {"escalation": {"deadline_minutes": 5}},
        {"triggers": {"schedule": {"while_asking": "skip"}}},
        {"planted": {"share": 0.01, "calls": []}},
        {"unseen_days": 3},
        {"inherit": 0.5},
        {"breaker": {"same_cause": 9}},
    ],
)
def test_what_does_not_decide_costs_no_evidence(fields: dict[str, Any]) -> None:
    assert fingerprint_of(spec()).whole == fingerprint_of(spec(**fields)).whole


def test_another_model_behind_the_same_word_is_another_model() -> None:
    here, there = fingerprint_of(spec(), ["local"]), fingerprint_of(spec(), ["anthropic:one"])
    assert changed(here, there) == ("model",)
    assert as_it_last_thought(spec(), there) == there
    assert as_it_last_thought(spec(), None) == fingerprint_of(spec())


def test_as_it_is_written_it_is_the_same_wherever_it_runs() -> None:
    here, there = fingerprint_of(spec(), ["local"]), fingerprint_of(spec(), ["anthropic:one"])
    assert here.as_written == there.as_written == fingerprint_of(spec()).whole
    assert here.as_written != fingerprint_of(spec(model="local"), ["local"]).as_written


SERVED: dict[str, Any] = {"tools": [{"mcp": {"name": "book", "block": "mine", "only": ["read", "add"]}}]}
PINNED = {("book", "read"): "one", ("book", "add"): "two"}


@pytest.mark.parametrize("pinned", [{**PINNED, ("book", "read"): "other"}, {("book", "read"): "one"}, {}])
def test_a_tool_of_a_server_that_is_pinned_anew_is_another_tool(pinned: Pinned) -> None:
    one = spec(**SERVED)
    before = fingerprint_of(one, pinned=PINNED)
    assert changed(before, fingerprint_of(one, pinned=pinned)) == ("tools",)
    assert fingerprint_of(one, pinned=dict(reversed(PINNED.items()))) == before


def test_a_pin_of_what_the_file_does_not_offer_does_not_count() -> None:
    more = {**PINNED, ("book", "drop"): "three", ("gone", "read"): "four"}
    assert fingerprint_of(spec(**SERVED), pinned=more) == fingerprint_of(spec(**SERVED), pinned=PINNED)
    assert fingerprint_of(spec(), pinned=more) == fingerprint_of(spec())


def test_another_server_behind_the_same_block_is_another_tool_and_so_is_another_block() -> None:
    here = fingerprint_of(spec(**SERVED), blocks=["mine one"], pinned=PINNED)
    assert changed(here, fingerprint_of(spec(**SERVED), blocks=["mine two"], pinned=PINNED)) == ("tools",)
    other = {"tools": [{"mcp": {**SERVED["tools"][0]["mcp"], "block": "theirs"}}]}
    assert changed(here, fingerprint_of(spec(**other), blocks=["mine one"], pinned=PINNED)) == ("tools",)
    assert as_it_last_thought(spec(**SERVED), here, PINNED) == here
    assert here.as_written == fingerprint_of(spec(**SERVED)).whole


def test_what_the_ledger_kept_before_tools_had_more_to_them_can_still_be_read() -> None:
    told = {"parts": dict.fromkeys(PARTS, "x"), "thinkers": ["local"], "written": "y"}
    kept = Fingerprint.from_json(json.dumps(told))
    assert (kept.thinkers, kept.blocks) == (("local",), ())
    assert changed(kept, fingerprint_of(spec())) == PARTS


def test_it_comes_back_from_the_ledger_as_it_went_in() -> None:
    one = fingerprint_of(spec(**SERVED), ["local"], ["mine one"], PINNED)
    assert Fingerprint.from_json(one.as_json()) == one


def test_the_parts_are_named_for_a_person() -> None:
    assert in_words(("model",)) == "its model"
    assert in_words(("model", "tools", "rules")) == "its model, its tools and its rules"
