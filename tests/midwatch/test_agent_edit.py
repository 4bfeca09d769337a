"""One more allow rule in an agent's file: at one place, and every other byte as it was."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from midwatch.agent_edit import rule_text, with_allow_rule
from midwatch.errors import SpecError
from midwatch.yaml_lines import read_yaml

RULE: dict[str, Any] = {"shell": "git push origin main", "match": ["git push origin main"]}

FILES = {
    "no rules": "name: a # first\n",
    "no allow": "rules:\n  deny: [x]\n  # about x\ntools: []\n",
    "flow": "rules:\n  allow: [a, b] # both\n",
    "flow, empty": "rules:\n  allow: []\n",
    "flow in flow": "rules: {allow: [a], deny: [b]}\n",
    "block": "rules:\n  allow:\n    - a\n    - b: c\n      why: x # because\n\n  # about asking\n  ask:\n    - z\n",
    "block at the margin": "rules:\n  allow:\n  - a\n  - b: [c,\n     d]\n  ask: [x]\n",
    "folded text": "rules:\n  allow:\n    - b: c\n      why: |\n        some\n        more\n    # a comment\n  ask: [x]\n",
    "no value": "rules:\n  allow:\n    - a:\nname: b\n",
    "no line end": "rules:\n  allow:\n    - a",
    "a comment behind": "rules:\n  allow:\n    - a: b # why\n",
}


@pytest.mark.parametrize("text", FILES.values(), ids=FILES.keys())
def test_the_file_says_what_it_said_and_the_rule(text: str) -> None:
    changed = with_allow_rule(text, RULE, path="a.yaml")
    data, before = read_yaml(changed, path="").data, read_yaml(text, path="").data
    assert data["rules"]["allow"] == [*before.get("rules", {}).get("allow", []), RULE]
    kept = iter(changed)
    assert all(sign in kept for sign in text.strip())


@pytest.mark.parametrize(
    "text", ["rules: {}\n", "rules:\n", "rules:\n  allow: [a,]\n", "rules:\n  allow:\n", "rules: []\n"]
)
def test_what_cannot_be_added_to_is_left_to_a_person(text: str) -> None:
    with pytest.raises(SpecError, match="copy the rule by hand"):
        with_allow_rule(text, RULE, path="a.yaml")


TEXT = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=20)
VALUE = TEXT | st.integers(-(10**6), 10**6) | st.booleans() | st.none()


@settings(max_examples=40, deadline=None)
@example("a", ["?0", "? b"], {}, "a comment behind")
@example("a", [], {"0": ":0"}, "flow")
@given(TEXT, st.lists(TEXT, max_size=3), st.dictionaries(TEXT, VALUE, max_size=3), st.sampled_from(sorted(FILES)))
def test_any_rule_comes_back_as_it_was(words: str, match: list[str], conditions: dict[str, Any], name: str) -> None:
    for rule in ({"shell": words, "match": match}, {"pay": conditions, "not_match": [conditions]}):
        changed = with_allow_rule(FILES[name], rule, path="a.yaml")
        assert read_yaml(changed, path="").data["rules"]["allow"][-1] == rule
        assert read_yaml(rule_text(rule, 4), path="").data == [rule]
