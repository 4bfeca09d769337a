"""Tools of MCP servers: what is known around a call, what their hints open, what else their arguments say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from midwatch.calls import parse_call
from midwatch.decision import Decision
from midwatch.errors import SpecError
from midwatch.policy import Policy, PolicyContext, ServerFacts, compile_policy
from midwatch.risk import Risk
from midwatch.spec import Rule, Rules

READ_ONLY = {"readOnlyHint": True, "openWorldHint": False}
TOOLS: dict[str, Risk] = {"mcp__files__read": "read", "mcp__files__write": "write", "read_file": "read", "pay": "money"}


def policy(**rules: list[Rule]) -> Policy:
    return compile_policy(Rules(**rules), tools=TOOLS, roots={}, project=Path("/nowhere"))


def asked(known: Policy, server: ServerFacts | None, tool: str = "mcp__files__read", **arguments: Any) -> Decision:
    return known.decide(parse_call(tool, arguments), PolicyContext(server=server))


def server(hints: dict[str, Any] = READ_ONLY, *, trusted: bool = True, changed: str = "") -> ServerFacts:
    return ServerFacts(trusted=trusted, hints=hints, changed=changed)


READING: list[Rule] = [{"mcp__*__*": None, "server": "trusted", "hints": dict(READ_ONLY)}]


@pytest.mark.parametrize(
    ("known", "verdict"),
    [
        (server(), "allow"),
        (server(trusted=False), "ask"),
        (server({"readOnlyHint": True, "openWorldHint": True}), "ask"),
        (server({"readOnlyHint": True}), "ask"),
        (server({}), "ask"),
        (server({"readOnlyHint": "true", "openWorldHint": "false"}), "ask"),
        (server({"readOnlyHint": 1, "openWorldHint": 0}), "ask"),
        (server(changed="it changed"), "ask"),
        (None, "ask"),
    ],
)
def test_hints_open_what_a_rule_says_of_a_trusted_server(known: ServerFacts | None, verdict: str) -> None:
    assert asked(policy(allow=READING), known).verdict == verdict


def test_an_allow_rule_takes_silence_for_the_worst_and_takes_nothing_from_what_is_no_boolean() -> None:
    closed = policy(allow=[{"mcp__files__*": None, "hints": {"destructiveHint": True}}])
    assert asked(closed, server({})).verdict == "allow"
    assert asked(closed, server({"destructiveHint": "true"})).verdict == "ask"


@pytest.mark.parametrize(
    ("effect", "hint", "hints", "caught"),
    [
        ("deny", {"destructiveHint": True}, {"destructiveHint": True}, True),
        ("deny", {"destructiveHint": True}, {}, False),
        ("deny", {"destructiveHint": True}, {"destructiveHint": "true"}, False),
        ("deny", {"openWorldHint": True}, {}, True),
        ("deny", {"readOnlyHint": False}, {"readOnlyHint": "true"}, True),
        ("deny", {"readOnlyHint": False}, {"readOnlyHint": True}, False),
        ("ask", {"destructiveHint": True}, {}, True),
        ("ask", {"destructiveHint": True}, {"destructiveHint": False}, False),
        ("ask", {"openWorldHint": True}, {"openWorldHint": 0}, True),
    ],
)
def test_ask_and_deny_rules_take_silence_for_the_worst_but_nobody_is_denied_for_not_saying_destructive(
    effect: str, hint: dict[str, bool], hints: dict[str, Any], caught: bool
) -> None:
    rules: dict[str, list[Rule]] = {"allow": ["mcp__files__read"], effect: [{"mcp__*__*": None, "hints": hint}]}
    assert (asked(policy(**rules), server(hints)).verdict == effect) is caught


def test_of_a_tool_that_nobody_knows_the_server_of_ask_and_deny_rules_hold() -> None:
    for effect in ("ask", "deny"):
        rules: dict[str, list[Rule]] = {effect: [{"mcp__files__*": None, "hints": {"destructiveHint": True}}]}
        assert asked(policy(**rules), None).rule == f"{effect}.mcp-files"


def test_no_rule_allows_a_tool_that_changed_and_whoever_is_asked_hears_of_it() -> None:
    changed = server(changed="its description changed")
    assert asked(policy(allow=["mcp__files__read"]), changed) == Decision(
        verdict="ask", rule="default", reason="no rule can allow it: its description changed"
    )
    asking = asked(policy(ask=["mcp__files__read"]), changed)
    assert (asking.rule, asking.reason.endswith("; its description changed")) == ("ask.mcp-files-read", True)
    assert asked(policy(deny=["mcp__files__read"]), changed).verdict == "deny"


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"pay": None, "hints": {"readOnlyHint": True}}, "about the tools of MCP servers"),
        ({"read_file": None, "server": "trusted"}, "about the tools of MCP servers"),
        ({"mcp__files__*": None, "server": "untrusted"}, "only `server: trusted` does"),
        ({"mcp__files__*": None, "hints": ["readOnlyHint"]}, "`hints` is an object"),
        ({"mcp__files__*": None, "hints": {"readonlyHint": True}}, "did you mean `readOnlyHint`"),
        ({"mcp__files__*": None, "hints": {"readOnlyHint": "true"}}, "`hints.readOnlyHint` is true or false"),
    ],
)
def test_a_circumstance_that_says_nothing_is_refused(rule: Rule, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        policy(allow=[rule])


OTHERS: list[tuple[Any, bool]] = [
    ("/etc/passwd", False),
    ("../up", False),
    ("https://x.example/a", False),
    ("javascript:alert(1)", False),
    ("x.example", False),
    ("notes.txt", False),
    ("10.0.0.1", False),
    ("~", False),
    ("$HOME", False),
    ("C:\\x", False),
    ("a%2fb", False),
    ("\uff0fetc", False),
    (["fine", "a/b"], False),
    ({"deep": [{"deeper": "/x"}]}, False),
    ({"/etc/passwd": True}, False),
    ("open", True),
    ("Fix: the page is slow.", True),
    ("v1.2.3", True),
    ("12:30", True),
    ("", True),
    (3, True),
    (None, True),
    ([True, "a", 2.5], True),
]


@pytest.mark.parametrize(("other", "covered"), OTHERS)
def test_a_rule_about_some_arguments_covers_no_other_one_that_looks_like_a_path_or_an_address(
    other: Any, covered: bool
) -> None:
    known = policy(allow=[{"mcp__files__read": {"repo": "x"}}, {"pay": {"repo": "x"}}])
    decision = asked(known, server(), repo="x", other=other)
    assert (decision.verdict == "allow") is covered, decision.reason
    assert covered or "it says nothing of `other`" in decision.reason
    assert asked(known, None, "pay", repo="x", other=other).verdict == "allow"


@pytest.mark.parametrize(
    ("name", "covered"), [("outputPath", False), ("target_file", False), ("URL", False), ("profile", True), ("x", True)]
)
def test_an_argument_whose_name_says_so_is_a_place_whatever_it_holds(name: str, covered: bool) -> None:
    known = policy(allow=[{"mcp__files__read": {"repo": "x"}}])
    assert (asked(known, server(), repo="x", **{name: "shadow"}).verdict == "allow") is covered


def test_a_place_that_a_rule_names_is_covered() -> None:
    known = policy(allow=[{"mcp__files__read": {"repo": "x", "note": {"max_length": 99}}}])
    assert asked(known, server(), repo="x", note="see a/b and https://x.example").verdict == "allow"
    assert asked(policy(allow=["mcp__files__read"]), server(), path="a/b").verdict == "allow"


@pytest.mark.parametrize(
    ("tool", "arguments", "rule"),
    [
        ("mcp__files__read", {"path": "config/.env"}, "builtin.protected"),
        ("mcp__files__read", {"path": "id_rsa"}, "builtin.protected"),
        ("mcp__files__read", {"query": {"in": ["file:///home/x/.ssh/known"]}}, "builtin.protected"),
        ("mcp__files__read", {"path": ".midwatch/ledger.db"}, "builtin.protected"),
        ("mcp__files__read", {"path": "private/letter"}, "deny.read-file-private"),
        ("mcp__files__write", {"path": "agents/a.yaml"}, "builtin.protected"),
        ("mcp__files__read", {"path": "agents/a.yaml"}, "allow.mcp-files"),
        ("mcp__files__write", {"label": "agents"}, "allow.mcp-files"),
        ("mcp__files__write", {"text": "one\n.env"}, "allow.mcp-files"),
    ],
)
def test_what_protects_files_holds_for_what_a_server_is_given(
    tool: str, arguments: dict[str, Any], rule: str, tmp_path: Path
) -> None:
    rules = Rules(allow=["mcp__files__*"], deny=[{"read_file": "private/**"}])
    known = compile_policy(rules, tools=TOOLS, roots={}, project=tmp_path)
    assert asked(known, server(), tool, **arguments).rule == rule
