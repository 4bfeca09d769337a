"""Rules suggested from what was asked: they save most of it, and never allow what a person refused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from midwatch.calls import parse_call
from midwatch.policy import Policy, PolicyContext, compile_policy
from midwatch.policy.suggest import Answered, Asked, Suggestions, suggest
from midwatch.spec import Rule, Rules

OWN = Rules(allow=[{"shell": "git status ..."}], ask=[{"shell": "npm publish ..."}], deny=[{"shell": "sudo ..."}])


def trial(extra: Sequence[Rule]) -> Policy:
    rules = Rules(allow=[*OWN.allow, *extra], ask=OWN.ask, deny=OWN.deny)
    return compile_policy(rules, tools={"shell": "execute", "read_file": "read"}, roots={}, project=Path("/nowhere"))


def around(_tool: str) -> PolicyContext:
    return PolicyContext()


def command(text: str, answer: Answered = "approved", rule: str = "default") -> Asked:
    return Asked(call=parse_call("shell", {"command": text}), rule=rule, answer=answer)


def read(path: str, answer: Answered = "approved") -> Asked:
    return Asked(call=parse_call("read_file", {"path": path}), rule="default", answer=answer)


def suggested(*asked: Asked, refused: Sequence[Asked] = ()) -> Suggestions:
    return suggest(asked, trial, around, refused=[one.call for one in refused])


def rules(found: Suggestions) -> list[Any]:
    found_rules = [one.proposal.rule for one in found.suggestions]
    return [rule if isinstance(rule, str) else next(iter(rule.values())) for rule in found_rules]


def test_a_call_that_comes_again_and_again_gets_its_own_rule() -> None:
    found = suggested(*[command("make test")] * 3, command("make test", "unanswered"), command("make deploy"))
    assert rules(found) == ["make test"]
    assert (found.suggestions[0].saves, found.asks) == (4, 5)
    assert found.suggestions[0].answers == {"approved": 3, "unanswered": 1}


def test_calls_that_are_akin_get_one_rule() -> None:
    paths = [f"reports/{day}.md" for day in range(6)]
    assert rules(suggested(*map(read, paths), read("private/a.md"))) == ["reports/*.md"]


def test_no_rule_that_would_have_allowed_what_was_refused() -> None:
    scripts = [command(f"npm run {name}") for name in ("test", "build", "deploy")] * 2
    assert rules(suggested(*scripts)) == ["npm run build|deploy|test"]
    found = suggested(*scripts, command("npm run deploy", "refused"))
    assert rules(found) == ["npm run build|test"]
    assert found.suggestions[0].saves == 4


def test_a_refusal_of_long_ago_counts_too() -> None:
    reports = [read(f"reports/{day}.md") for day in range(6)]
    assert rules(suggested(*reports, refused=[read("reports/salaries.md", "refused")])) == []


def test_silence_alone_is_no_reason_for_a_rule() -> None:
    assert rules(suggested(*[command("make test", "unanswered")] * 9)) == []


def test_a_wider_rule_needs_to_save_much_more_than_a_narrow_one() -> None:
    found = suggested(*[read("docs/a.md")] * 8, read("docs/b.md"), read("docs/c.md"))
    assert rules(found) == ["docs/a.md", "docs/*.md"]


def test_what_no_allow_rule_would_have_saved_is_counted() -> None:
    found = suggested(
        command("echo $HOME"),
        command("npm publish"),
        command("sudo ls"),
        command("git status", rule="allow.git-status"),
        command("make x", rule="builtin.flow"),
    )
    assert found.rest == {"no rule": 1, "asked by a rule": 2, "denied": 1, "allowed": 1}
    assert found.suggestions == ()


ANSWER: st.SearchStrategy[Answered] = st.sampled_from(["approved", "refused", "unanswered"])
WORD = st.sampled_from(["a", "b", "c", "d", "e"])
COMMANDS = st.builds(
    lambda name, first, rest: command(f"{name} {first} {rest}"), st.sampled_from(["npm", "grep"]), WORD, WORD
)
READS = st.builds(lambda folder, name: read(f"{folder}/{name}.md"), WORD, WORD)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(COMMANDS | READS, ANSWER), max_size=30))
def test_whatever_was_asked_nothing_that_was_refused_is_allowed(history: list[tuple[Asked, Answered]]) -> None:
    asked = [Asked(call=one.call, rule=one.rule, answer=answer) for one, answer in history]
    found = suggested(*asked)
    known = trial([one.proposal.rule for one in found.suggestions])
    refused = [one.call for one in asked if one.answer == "refused"]
    assert all(
        trial([one.proposal.rule]).decide(call).verdict != "allow" for one in found.suggestions for call in refused
    )
    assert all(known.decide(call).verdict != "allow" for call in refused)
    saved = [one for one in asked if known.decide(one.call).verdict == "allow"]
    assert len(saved) == sum(one.saves for one in found.suggestions)
