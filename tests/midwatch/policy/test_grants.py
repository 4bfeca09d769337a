"""Looking allow rules up finds every rule that a look at all of them would have found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from midwatch.calls import parse_call
from midwatch.policy import Policy, compile_policy
from midwatch.policy.grants import Grants
from midwatch.spec import Rule, Rules

PAYEES = st.sampled_from(["ann", "Ann", "bo", "", "1"])
ADDRESSES = st.sampled_from(["ann@a.example", "bo@b.example", "Ann@A.example", "x@sub.a.example", "nobody", ""])
VALUES: st.SearchStrategy[Any] = st.one_of(
    PAYEES, ADDRESSES, st.lists(ADDRESSES, max_size=2), st.sampled_from([1, 1.0, True, None, {"a": 1}])
)
CONDITIONS: st.SearchStrategy[Any] = st.one_of(
    PAYEES,
    st.lists(PAYEES, min_size=1, max_size=2),
    st.sampled_from([1, True, {"min": 1}, {"one_of": ["ann", 1]}, {"max_length": 3}]),
    st.builds(
        lambda name, optional: {"domain": name, "optional": optional},
        st.sampled_from(["a.example", "B.example"]),
        st.booleans(),
    ),
)
NAMES = st.sampled_from(["to", "cc"])
RULES: st.SearchStrategy[Rule] = st.one_of(
    st.just("send"), st.builds(lambda said: {"send": said}, st.dictionaries(NAMES, CONDITIONS, min_size=1))
)


def unindexed(policy: Policy) -> Policy:
    rules = policy.by_tool.get(("allow", "send"), ())
    return replace(policy, grants={"send": Grants(rules=rules, by_value={}, others=())})


@given(st.lists(RULES, max_size=5, unique_by=str), st.dictionaries(NAMES, VALUES))
def test_the_same_decision_as_without_an_index(rules: list[Rule], arguments: dict[str, Any]) -> None:
    policy = compile_policy(Rules(allow=rules), tools={"send": "egress"}, roots={}, project=Path("/"))
    call = parse_call("send", arguments)
    assert policy.decide(call) == unindexed(policy).decide(call)
