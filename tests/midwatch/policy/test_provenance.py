from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from midwatch.calls import parse_call
from midwatch.decision import Decision, Verdict
from midwatch.policy.origins import origins_of, words_of
from midwatch.policy.provenance import RULE, held_to_origins, labels_of
from midwatch.policy.reading import Label
from midwatch.risk import Risk, ToolFacts
from midwatch.run import Cause, RunFacts
from midwatch.spec import AgentSpec

ALLOWED = Decision(verdict="allow", rule="allow.mail", reason="rule allow.mail allows it")
MAIL = ToolFacts(risk="egress", sinks=("to", "cc"))
PAY = ToolFacts(risk="money", sinks=("recipient",))
WEB = ToolFacts(risk="egress", sinks=("url",))
CLEAN: dict[Label, bool] = {"untrusted": False, "private": False}
UNTRUSTED: dict[Label, bool] = {"untrusted": True, "private": False}
PRIVATE: dict[Label, bool] = {"untrusted": False, "private": True}
BOTH: dict[Label, bool] = {"untrusted": True, "private": True}

AGENT: dict[str, Any] = {
    "name": "owl",
    "description": "d",
    "instructions": "Answer mail. What is urgent goes to boss@far.example (not to Al).",
    "prompt": "{input.task}",
    "input": {"task": {"type": "string"}},
    "known": ["corp.example", "*.corp.example", "partner@gmail.com", "GB29 NWBK 6016 1331 9268 19", "Spotify"],
    "tools": [{"python": "a.b:mail", "bind": {"cc": "archive@far.example", "from": "a.b:sender"}}],
    "rules": {
        "allow": [
            {"http_request": ["GET https://api.ruled.example/**", "GET https://*.wide.example/**"]},
            {"mail": {"to": {"domain": "ruled.example"}}},
            {"pay": {"recipient": ["DE02120300000000202051"]}},
        ]
    },
}
TASK = "Invite Sarah Baker and bob@x.example, read https://news.example/today, pay CH93 0076 2011 6238 5295 7."


def verdict(
    facts: ToolFacts,
    args: Mapping[str, Any],
    labels: Mapping[Label, bool] = UNTRUSTED,
    *,
    cause: Cause = "person",
    looked_up: frozenset[str] = frozenset(),
    decision: Decision = ALLOWED,
    tool: str = "send",
) -> Decision:
    run = RunFacts(run_id="r", agent="owl", started_at=datetime.now(UTC), cause=cause, input={"task": TASK})
    origins = origins_of(AgentSpec.model_validate(AGENT), run)
    return held_to_origins(decision, parse_call(tool, args), facts, labels, origins, looked_up)


def test_a_recipient_from_outside_is_asked_about_and_the_reason_names_it() -> None:
    said = verdict(MAIL, {"to": ["bob@x.example", "eve@evil.example"], "text": "hello"})
    assert (said.verdict, said.rule) == ("ask", RULE)
    assert "`eve@evil.example` in `to`" in said.reason
    assert "bob@" not in said.reason


@pytest.mark.parametrize("labels", [CLEAN, PRIVATE])
def test_a_run_that_read_nothing_from_outside_is_left_alone(labels: dict[Label, bool]) -> None:
    assert verdict(MAIL, {"to": "eve@evil.example"}, labels) == ALLOWED


@pytest.mark.parametrize("labels", [{}, {"private": False}, {"untrusted": True}])
def test_a_label_that_nobody_knows_counts_as_there(labels: dict[Label, bool]) -> None:
    assert verdict(MAIL, {"to": "eve@evil.example"}, labels).verdict == "ask"


ADDRESSES: list[tuple[str, Verdict, Verdict]] = [
    ("ann@corp.example", "allow", "allow"),
    ("ann@eu.corp.example", "allow", "allow"),
    ("ann@notcorp.example", "ask", "ask"),
    ("ann@corp.example.evil.example", "ask", "ask"),
    ("partner@gmail.com", "allow", "allow"),
    ("other@gmail.com", "ask", "ask"),
    ("bob@x.example", "allow", "allow"),
    ("Bob@X.example", "allow", "allow"),
    ("boss@far.example", "allow", "allow"),
    ("archive@far.example", "allow", "allow"),
    ("xbob@x.example", "ask", "ask"),
    ("eve@x.example", "ask", "ask"),
    ("eve@news.example", "ask", "ask"),
    ("eve@api.ruled.example", "ask", "ask"),
    ("ann@ruled.example", "allow", "ask"),
    ("bob@x.example, eve@evil.example", "ask", "ask"),
    ("bob@x.example\nBcc: eve@evil.example", "ask", "ask"),
    ("eve@evil.example <bob@x.example>", "ask", "ask"),
    ("ann@corp.example@evil.example", "ask", "ask"),
    ("Al", "ask", "ask"),
    ("Sarah Baker", "allow", "allow"),
    ("Baker Sarah", "ask", "ask"),
]


@pytest.mark.parametrize(("to", "untrusted", "both"), ADDRESSES)
def test_where_an_address_must_come_from(to: str, untrusted: Verdict, both: Verdict) -> None:
    assert verdict(MAIL, {"to": to}).verdict == untrusted
    assert verdict(MAIL, {"to": to}, BOTH).verdict == both


@pytest.mark.parametrize(
    ("recipient", "expected"),
    [
        ("GB29NWBK60161331926819", "allow"),
        ("gb29 nwbk 6016 1331 9268 19", "allow"),
        ("CH9300762011623852957", "allow"),
        ("DE02120300000000202051", "allow"),
        ("Spotify", "allow"),
        ("US133000000121212121212", "ask"),
        ("GB29NWBK60161331926818", "ask"),
    ],
)
def test_where_an_account_must_come_from(recipient: str, expected: Verdict) -> None:
    assert verdict(PAY, {"recipient": recipient, "amount": 5}, BOTH).verdict == expected


@pytest.mark.parametrize(
    ("url", "untrusted", "both"),
    [
        ("https://news.example/today", "allow", "allow"),
        ("https://news.example/?q=secret", "allow", "ask"),
        ("https://corp.example/?q=secret", "allow", "allow"),
        ("https://api.ruled.example/v1", "allow", "ask"),
        ("https://a.wide.example/v1", "allow", "ask"),
        ("https://evil.example/today", "ask", "ask"),
        ("https://news.example.evil.example/today", "ask", "ask"),
        ("https://corp.example@evil.example/", "ask", "ask"),
        ("https://corp.example\\@evil.example/", "ask", "ask"),
        ("http://[::1]/", "ask", "ask"),
    ],
)
def test_a_request_that_only_reads_carries_its_url_out(url: str, untrusted: Verdict, both: Verdict) -> None:
    args = {"method": "GET", "url": url}
    assert verdict(WEB, args, tool="http_request").verdict == untrusted
    assert verdict(WEB, args, BOTH, tool="http_request").verdict == both


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Everything is done.", "allow"),
        ("Ask bob@x.example or see https://news.example/today.", "allow"),
        ("Log in at https://evil.example/login.", "ask"),
        ("Log in at www.evil.example.", "ask"),
        ("Please pay to US13 3000 0001 2121 2121 2121 2.", "ask"),
        ("Please pay to CH93 0076 2011 6238 5295 7.", "allow"),
    ],
)
def test_what_free_text_leads_to_is_a_sink_too(text: str, expected: Verdict) -> None:
    assert verdict(MAIL, {"to": "bob@x.example", "text": text}, BOTH).verdict == expected


@pytest.mark.parametrize(
    ("risk", "expected"), [("read", "allow"), ("note", "allow"), ("write", "allow"), ("execute", "ask")]
)
def test_what_sends_nothing_is_not_held_back(risk: Risk, expected: Verdict) -> None:
    assert verdict(ToolFacts(risk=risk), {"text": "https://evil.example"}, BOTH).verdict == expected


def test_an_event_brings_no_words_of_a_person() -> None:
    assert verdict(MAIL, {"to": "bob@x.example"}, cause="event").verdict == "ask"
    assert verdict(MAIL, {"to": "bob@x.example"}, cause="schedule").verdict == "allow"


def test_what_was_looked_up_suffices_until_private_data_is_there() -> None:
    found = frozenset(words_of({"name": "Sarah Baker", "mail": "sarah.baker@far.example"}))
    assert verdict(MAIL, {"to": "sarah.baker@far.example"}, looked_up=found).verdict == "allow"
    assert verdict(MAIL, {"to": "sarah.baker@far.example"}, BOTH, looked_up=found).verdict == "ask"


def test_what_the_operators_own_function_sets_is_nobody_elses_choice() -> None:
    facts = ToolFacts(risk="egress", sinks=("from", "to"))
    args = {"from": "eve@evil.example", "to": "bob@x.example"}
    assert verdict(facts, args, tool="mail").verdict == "allow"
    assert verdict(facts, args, tool="other").verdict == "ask"


def test_it_only_tightens() -> None:
    denied = Decision(verdict="deny", rule="deny.mail", reason="no")
    asked = Decision(verdict="ask", rule="ask.mail", reason="rule ask.mail asks")
    assert verdict(MAIL, {"to": "eve@evil.example"}, decision=denied) == denied
    assert verdict(MAIL, {"to": "bob@x.example"}, decision=asked) == asked
    said = verdict(MAIL, {"to": "eve@evil.example"}, decision=asked)
    assert (said.verdict, said.rule) == ("ask", RULE)
    assert said.reason.endswith("; besides, rule ask.mail asks")


def test_what_throws_is_denied() -> None:
    class Broken(dict[str, frozenset[str]]):
        def get(self, *_: object) -> Any:
            raise RuntimeError("broken")

    run = RunFacts(run_id="r", agent="owl", started_at=datetime.now(UTC))
    origins = origins_of(AgentSpec.model_validate(AGENT), run)
    object.__setattr__(origins, "settled", Broken())
    said = held_to_origins(ALLOWED, parse_call("send", {"to": "bob@x.example"}), MAIL, UNTRUSTED, origins)
    assert (said.verdict, said.rule) == ("deny", "error")


def test_what_is_invisible_in_a_value_is_made_visible_in_the_reason() -> None:
    assert "\u202e" not in verdict(MAIL, {"to": "eve\u202e@evil.example"}).reason


@pytest.mark.parametrize(
    ("facts", "url", "labels"),
    [
        (ToolFacts(), "", ("untrusted", "private")),
        (ToolFacts(risk="read", untrusted=False, private=False), "", ()),
        (ToolFacts(risk="credential", untrusted=False, private=False), "", ("private",)),
        (ToolFacts(risk="egress", private=False), "https://x.example/", ("untrusted",)),
        (ToolFacts(risk="egress", private=False), "http://10.0.0.7/", ("untrusted", "private")),
        (ToolFacts(risk="egress", private=False), "what?", ("untrusted", "private")),
    ],
)
def test_what_a_result_brings_into_the_run(facts: ToolFacts, url: str, labels: tuple[Label, ...]) -> None:
    assert labels_of(parse_call("http_request" if url else "look", {"url": url}), facts) == labels


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ({"query": "Sarah Baker"}, True),
        ({"query": "Sarah Baker", "limit": 5}, True),
        ({"query": "Eve"}, False),
        ({"query": "Sarah", "also": "Mallory"}, False),
        ({}, False),
        ({"id": 7}, False),
    ],
)
def test_a_lookup_counts_when_a_persons_own_words_were_looked_for(args: dict[str, Any], expected: bool) -> None:
    run = RunFacts(run_id="r", agent="owl", started_at=datetime.now(UTC), input={"task": TASK})
    assert origins_of(AgentSpec.model_validate(AGENT), run).are_asked_in(parse_call("find", args)) is expected
