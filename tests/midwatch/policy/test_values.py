"""Conditions on the arguments of any tool: exact for allowing, generous for denying."""

from __future__ import annotations

from decimal import Decimal
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from midwatch.calls import parse_call
from midwatch.policy.values import read_conditions

PLAIN: list[tuple[dict[str, Any], str, bool, bool]] = [
    # condition, arguments, holds for an allow rule, holds for a deny rule
    ({"a": "x"}, '{"a": "x"}', True, True),
    ({"a": "x"}, '{"a": "x "}', False, True),
    ({"a": "x"}, '{"a": "X"}', False, True),
    ({"a": "x"}, '{"a": ["x", "y"]}', False, True),
    ({"a": "x"}, '{"a": {"deep": "x"}}', False, True),
    ({"a": "x"}, "{}", False, False),
    ({"a": 1}, '{"a": 1}', True, True),
    ({"a": 1}, '{"a": 1.0}', True, True),
    ({"a": 1}, '{"a": true}', False, False),
    ({"a": 1}, '{"a": "1"}', False, True),
    ({"a": True}, '{"a": 1}', False, False),
    ({"a": True}, '{"a": true}', True, True),
    ({"a": None}, '{"a": null}', True, True),
    ({"a": ["x", "y"]}, '{"a": "y"}', True, True),
    ({"a": ["x", "y"]}, '{"a": "z"}', False, False),
    ({"a": 0.1}, '{"a": 0.10}', True, True),
    ({"a": {"above": 0, "max": 100}}, '{"a": 100}', True, True),
    ({"a": {"above": 0, "max": 100}}, '{"a": 100.01}', False, False),
    ({"a": {"above": 0, "max": 100}}, '{"a": 0}', False, False),
    ({"a": {"above": 0, "max": 100}}, '{"a": "1e2"}', False, True),
    ({"a": {"above": 0, "max": 100}}, '{"a": true}', False, True),
    ({"a": {"above": 0, "max": 100}}, '{"a": null}', False, True),
    ({"a": {"above": 1000}}, '{"a": "5000"}', False, True),
    ({"a": {"above": 1000}}, '{"a": [5000]}', False, True),
    ({"a": {"above": 1000}}, '{"a": "\\uff15\\uff10\\uff10\\uff10"}', False, True),
    ({"a": {"above": 1000}}, '{"a": 999}', False, False),
    ({"a": {"min": 0.1, "below": "0.3"}}, '{"a": 0.1}', True, True),
    ({"a": {"domain": "corp.example"}}, '{"a": ["Bob@CORP.example", "x@corp.example"]}', True, True),
    ({"a": {"domain": "corp.example"}}, '{"a": "bob@corp.example"}', True, True),
    ({"a": {"domain": "corp.example"}}, '{"a": ["bob@corp.example", "eve@evil.test"]}', False, True),
    ({"a": {"domain": "corp.example"}}, '{"a": ["eve@evil.test"]}', False, False),
    ({"a": {"domain": "corp.example"}}, '{"a": []}', False, False),
    ({"a": {"domain": "corp.example"}}, '{"a": "bob@sub.corp.example"}', False, False),
    ({"a": {"domain": "corp.example"}}, '{"a": "bob@corp.example, eve@evil.test"}', False, True),
    ({"a": {"domain": "corp.example"}}, '{"a": "Bob <bob@corp.example>"}', False, True),
    ({"a": {"domain": "corp.example"}}, '{"a": "eve%evil.test@corp.example"}', False, True),
    ({"a": {"domain": "corp.example"}}, '{"a": "evil.test!eve@corp.example"}', False, True),
    ({"a": {"domain": "corp.example"}}, '{"a": "SRS0=x=evil.test=eve@corp.example"}', False, True),
    ({"a": {"domain": "corp.example"}}, '{"a": "|id@corp.example"}', False, True),
    ({"a": {"domain": "corp.example"}}, '{"a": "-oQ/tmp@corp.example"}', False, True),
    ({"a": {"domain": "corp.example"}}, '{"a": "bob..x@corp.example"}', False, True),
    ({"a": {"domain": "corp.example"}}, '{"a": "o\'brien.x+tag_1-2@corp.example"}', True, True),
    ({"a": {"domain": "corp.example"}}, '{"a": "bob@corp.example\\r\\nBcc: x@evil.test"}', False, True),
    ({"a": {"domain": "corp.example"}}, '{"a": "@corp.example"}', False, True),
    ({"a": {"domain": "corp.example"}}, '{"a": [["bob@corp.example"]]}', False, True),
    ({"a": {"domain": "corp.example", "optional": True}}, "{}", True, False),
    ({"a": {"domain": "corp.example", "optional": True}}, '{"a": []}', True, False),
    ({"a": {"present": True}}, '{"a": null}', True, True),
    ({"a": {"present": True}}, "{}", False, False),
    ({"a": {"present": False}}, "{}", True, True),
    ({"a": {"present": False}}, '{"a": null}', False, False),
    ({"a": {"max_length": 3}}, '{"a": "abc"}', True, True),
    ({"a": {"max_length": 3}}, '{"a": "abcd"}', False, False),
    ({"a": {"max_length": 3}}, '{"a": 7}', False, True),
    ({"a": {"one_line": True}}, '{"a": "x y"}', True, True),
    ({"a": {"one_line": True}}, '{"a": "x\\r\\nBcc: y"}', False, False),
    ({"a": {"one_of": ["x"], "max_length": 5}}, '{"a": "x"}', True, True),
    ({"a": {"under": "in"}}, '{"a": "in/x"}', True, True),
    ({"a": {"under": "in"}}, '{"a": "in/../out"}', False, False),
    ({"a": {"under": "in"}}, '{"a": "file:///in"}', False, True),
    ({"a": {"like": "acme/*"}}, '{"a": "acme/site"}', True, True),
    ({"a": {"like": "acme/*"}}, '{"a": "acme/the site.v2"}', True, True),
    ({"a": {"like": "acme/*"}}, '{"a": "evil/site"}', False, False),
    ({"a": {"like": "acme/*"}}, '{"a": "\u0430cme/site"}', False, False),
    ({"a": {"like": "acme/*"}}, '{"a": "acme"}', False, False),
    ({"a": {"like": "acme/*"}}, '{"a": "ACME/site"}', False, True),
    ({"a": {"like": "acme/*"}}, '{"a": "acme/"}', False, True),
    ({"a": {"like": "acme/*"}}, '{"a": "acme/.."}', False, True),
    ({"a": {"like": "acme/*"}}, '{"a": "acme/site/../../evil"}', False, True),
    ({"a": {"like": "acme/*"}}, '{"a": "acme/..%2fevil"}', False, True),
    ({"a": {"like": "acme/*"}}, '{"a": "acme/x?y=/"}', False, True),
    ({"a": {"like": "acme/*"}}, '{"a": "acme/x#y"}', False, True),
    ({"a": {"like": "acme/*"}}, '{"a": "acme/x\u2215y/z"}', False, True),
    ({"a": {"like": "acme/*"}}, '{"a": "acme/si\u200bte"}', False, True),
    ({"a": {"like": "acme/*"}}, '{"a": "acme/site "}', False, True),
    ({"a": {"like": "acme/*"}}, '{"a": "acme/site\\n"}', False, True),
    ({"a": {"like": "acme/*"}}, '{"a": ["acme/site"]}', False, True),
    ({"a": {"like": "acme/*"}}, '{"a": 7}', False, True),
    ({"a": {"like": "acme/*"}}, "{}", False, False),
    ({"a": {"like": "*/a*b*c"}}, '{"a": "x/aXbYc"}', True, True),
    ({"a": {"like": "*/a*b*c"}}, '{"a": "x/acb"}', False, False),
    ({"a": {"like": "v1.*"}}, '{"a": "v1x2"}', False, False),
    ({"a": "x", "b": "y"}, '{"a": "x"}', False, False),
    ({"a": "x", "b": "y"}, '{"a": "x", "b": "y", "c": 1}', True, True),
]


@pytest.mark.parametrize(("said", "arguments", "allowing", "denying"), PLAIN)
def test_conditions(said: dict[str, Any], arguments: str, allowing: bool, denying: bool, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    conditions = read_conditions(said, str(tmp_path.resolve()))
    call = parse_call("tool", arguments)
    assert (conditions.hold(call, exact=True), conditions.hold(call, exact=False)) == (allowing, denying)


MEANINGLESS: list[dict[str, Any]] = [
    {},
    {"a": []},
    {"a": {}},
    {"a": [["x"]]},
    {"a": "data/**"},
    {"a": {"like": "/srv/*"}},
    {"a": {"like": "acme/**"}},
    {"a": {"like": "acme"}},
    {"a": {"like": ["acme/*"]}},
    {"a": {"maximum": 3}},
    {"a": {"max": "many"}},
    {"a": {"max": True}},
    {"a": {"max": float("nan")}},
    {"a": {"domain": "*.corp.example"}},
    {"a": {"under": ""}},
    {"a": {"max_length": -1}},
    {"a": {"one_line": False}},
    {"a": {"one_of": []}},
    {"a": {"present": "yes"}},
    {"a": {"present": False, "max": 3}},
    {"a": {"optional": True}},
]


@pytest.mark.parametrize("said", MEANINGLESS)
def test_a_condition_that_means_nothing_is_refused(said: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"`|names no argument|is not a domain"):
        read_conditions(said, "/")


@given(st.decimals(-1000, 1000, places=2), st.decimals(-1000, 1000, places=2))
def test_a_bound_is_compared_exactly(number: Decimal, bound: Decimal) -> None:
    conditions = read_conditions({"a": {"max": str(bound)}}, "/")
    assert conditions.hold(parse_call("t", {"a": number}), exact=True) is (number <= bound)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
        st.lists,
        max_leaves=4,
    ),
    st.integers(),
)
def test_what_an_allow_rule_grants_a_deny_rule_of_the_same_words_catches(value: Any, bound: int) -> None:
    call = parse_call("t", {"a": value})
    conditions = read_conditions({"a": {"min": bound % 3}}, "/")
    assert not conditions.hold(call, exact=True) or conditions.hold(call, exact=False)


@given(st.text(st.sampled_from("ab/*"), max_size=6).filter(bool), st.text(st.sampled_from("ab/.%"), max_size=8))
def test_a_star_never_stands_for_a_slash_and_what_it_grants_a_deny_rule_catches(said: str, value: str) -> None:
    assume("*" in said and "**" not in said and not said.startswith("/"))
    call, conditions = parse_call("t", {"a": value}), read_conditions({"a": {"like": said}}, "/")
    if conditions.hold(call, exact=True):
        assert conditions.hold(call, exact=False)
        assert all(map(fnmatchcase, value.split("/"), said.split("/")))
        assert value.count("/") == said.count("/")
