"""Fingerprints: what decides costs its evidence when it changes; what does not, costs nothing."""

from __future__ import annotations

from typing import Any

import pytest

from midwatch.fingerprint import Fingerprint, Part, as_it_last_thought, changed, fingerprint_of, in_words
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


def test_it_comes_back_from_the_ledger_as_it_went_in() -> None:
    one = fingerprint_of(spec(), ["local"])
    assert Fingerprint.from_json(one.as_json()) == one


def test_the_parts_are_named_for_a_person() -> None:
    assert in_words(("model",)) == "its model"
    assert in_words(("model", "tools", "rules")) == "its model, its tools and its rules"
