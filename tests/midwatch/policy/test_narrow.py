"""The narrowest rule for some calls: it allows them, its own examples hold, and what lies beside them still asks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from midwatch.calls import Call, parse_call
from midwatch.policy import Policy, compile_policy
from midwatch.policy.narrow import Proposal, Unallowable, narrow
from midwatch.risk import Risk
from midwatch.spec import Rule, Rules

TOOLS: dict[str, Risk] = {
    "shell": "execute",
    "read_file": "read",
    "delete_file": "destroy",
    "http_request": "egress",
    "pay": "money",
    "loose": "write",
    "survey": "read",
}
ARGUMENTS: dict[str, set[str]] = {
    "survey": set(),
    "pay": {"to", "amount", "currency", "memo"},
}
OWN = Rules(
    allow=[{"shell": "ls ..."}],
    ask=[{"shell": "npm publish ...", "id": "publish"}],
    deny=[{"shell": "git push --force ...", "id": "force"}],
)


def trial(extra: Sequence[Rule]) -> Policy:
    rules = Rules(allow=[*OWN.allow, *extra], ask=OWN.ask, deny=OWN.deny)
    return compile_policy(rules, tools=TOOLS, roots={}, project=Path("/nowhere"), arguments=ARGUMENTS)


def shell(*commands: str) -> list[Call]:
    return [parse_call("shell", {"command": command}) for command in commands]


def files(*paths: str) -> list[Call]:
    return [parse_call("read_file", {"path": path}) for path in paths]


def requests(*texts: str) -> list[Call]:
    pairs = [text.split(" ", 1) for text in texts]
    return [parse_call("http_request", {"method": method, "url": url}) for method, url in pairs]


def pay(*calls: dict[str, Any]) -> list[Call]:
    return [parse_call("pay", arguments) for arguments in calls]


def said(calls: Sequence[Call]) -> Any:
    """What stands behind `TOOL:` in the proposed rule."""
    found = narrow(calls, trial)
    assert isinstance(found, Proposal), found
    return found.rule if isinstance(found.rule, str) else found.rule[calls[0].tool]


NARROW: list[tuple[list[Call], Any]] = [
    (shell("git push origin main"), "git push origin main"),
    (shell("ls -l && git status"), "git status"),
    (shell("make test 2>&1 | tail -5"), ["make test", "tail -5"]),
    (shell("git commit -m 'two words; and a sign'"), "git commit -m 'two words; and a sign'"),
    (shell("npm run test", "npm run build"), "npm run test|build"),
    (shell("git log -1", "git log -3", "git log --oneline"), "git log ..."),
    (shell("grep -n 'a|b' notes.txt"), "grep -n ..."),
    (shell("git show HEAD~3"), "git show ..."),
    (shell("pytest tests/a.py", "pytest tests/b.py -q", "pytest"), "pytest ..."),
    (shell("rm -r build", "rm -r dist"), "rm -r build|dist"),
    (shell("curl -s 'https://x.example/a?b=1'"), "curl -s https://x.example/a"),
    ([parse_call("survey", {})], "survey"),
    (files("docs/a.md"), "docs/a.md"),
    (files("docs/a.md", "docs/b.md"), ["docs/a.md", "docs/b.md"]),
    (files("docs/a.md", "docs/b.md", "docs/c.md"), "docs/*.md"),
    (files("docs/a.md", "docs/b.txt", "docs/x/c"), "docs/**"),
    (files("docs/a.md", "docs/x/b.md", "docs/c.md"), "docs/**/*.md"),
    (files("a.md", "docs/b.txt", "src/c"), ["a.md", "docs/b.txt", "src/c"]),
    (files("a.md", *(f"{top}/{name}.md" for top in ("x", "y") for name in "abc")), ["a.md", "x/*.md", "y/*.md"]),
    (requests("GET https://x.example:8443/v1/a?q=1"), "GET https://x.example:8443/v1/a"),
    (requests(*(f"GET https://x.example/v1/{n}" for n in range(4))), "GET https://x.example/v1/**"),
    (requests(*(f"GET https://x.example/{n}" for n in range(3))), [f"GET https://x.example/{n}" for n in range(3)]),
    (
        requests("GET https://x.example/a", "PUT https://x.example/a"),
        ["GET https://x.example/a", "PUT https://x.example/a"],
    ),
    (
        pay({"to": "a", "amount": 3.5}),
        {"to": "a", "amount": 3.5, "currency": {"present": False}, "memo": {"present": False}},
    ),
    (
        pay(*({"to": "a", "amount": n, "currency": "EUR"} for n in (1, 9, 4, 2))),
        {"to": "a", "amount": {"min": 1, "max": 9}, "currency": "EUR", "memo": {"present": False}},
    ),
    (
        pay({"to": "a*", "amount": 1}, {"to": "b", "amount": 1, "memo": "x"}),
        {
            "to": {"one_of": ["a*", "b"]},
            "amount": 1,
            "memo": {"one_of": ["x"], "optional": True},
            "currency": {"present": False},
        },
    ),
]


@pytest.mark.parametrize(("calls", "expected"), NARROW, ids=lambda value: str(value)[:40])
def test_the_rule_says_no_more_than_the_calls(calls: list[Call], expected: Any) -> None:
    assert said(calls) == expected


UNALLOWABLE = [
    (shell("rm $X"), "default", ""),
    (shell("make > log.txt"), "default", "redirects"),
    (shell("cat .env"), "builtin.protected", "keeps secrets"),
    (shell("npm publish --tag x"), "ask.publish", "asks a person about"),
    (shell("git push --force origin"), "deny.force", "denies"),
    (shell("python3 -c 'print(1)'"), "default", "cannot spell the word `print(1)`"),
    (shell("rm 'a|b'"), "default", "cannot spell the word `a|b`"),
    (shell("rm ..."), "default", "cannot spell the word `...`"),
    (shell("ls"), "default", "the rules allow every command of it"),
    (shell(*(f"rm {n} {n}" for n in range(9))), "default", "at most 8"),
    (files("../x"), "builtin.outside", "leads out of"),
    (files("a[1].md"), "default", "no meaning in a path pattern"),
    (files("a*"), "default", "`*` is a wildcard"),
    (requests("GET https://x.example/a%2fb"), "default", "read it in several ways"),
    (pay(*({"to": f"account {n}", "amount": 1} for n in range(9))), "default", "9 different values"),
    ([*shell("make"), *files("a")], "default", "one tool"),
    ([parse_call("loose", {})], "default", "its schema takes any argument"),
]


@pytest.mark.parametrize(("calls", "rule", "why"), UNALLOWABLE, ids=lambda value: str(value)[:40])
def test_where_nothing_narrow_can_be_allowed_it_says_why(calls: list[Call], rule: str, why: str) -> None:
    found = narrow(calls, trial)
    assert isinstance(found, Unallowable)
    assert (found.rule or "default") == rule
    assert why in found.why


def test_what_else_an_open_rule_allows_is_said_with_examples() -> None:
    found = narrow(files("docs/a.md", "docs/b.md", "docs/c.md"), trial)
    assert isinstance(found, Proposal)
    assert "every file that `docs/*.md` means, now or later" in found.also
    assert found.grants == ("docs/another.md",)
    assert isinstance(found.rule, dict)
    assert "docs-another/another.md" in found.rule["not_match"]


@pytest.mark.parametrize("calls", [calls for calls, _ in NARROW], ids=str)
def test_a_proposal_loads_with_its_examples_and_allows_the_calls(calls: list[Call]) -> None:
    found = narrow(calls, trial)
    assert isinstance(found, Proposal)
    assert isinstance(found.rule, str) or (found.rule["match"] and found.rule["not_match"])
    known = trial([found.rule])
    assert [known.decide(call).verdict for call in calls] == ["allow"] * len(calls)


# --- neighbours -----------------------------------------------------------------------------------------------------

WORD = st.text(st.sampled_from("abcxyz019._-/"), min_size=1, max_size=8).filter(lambda word: word[0] not in "-./")
PROGRAM = st.sampled_from(["git", "npm", "make", "rm", "docker", "python3", "terraform", "grep", "kubectl", "unknown"])


def opened(calls: Sequence[Call], neighbours: Sequence[Call]) -> list[Call]:
    """The neighbours that the calls' own rule allows; calls for which there is no rule are not looked at."""
    found = narrow(calls, trial)
    assume(isinstance(found, Proposal))
    assert isinstance(found, Proposal)
    known = trial([found.rule])
    return [neighbour for neighbour in neighbours if known.decide(neighbour).verdict == "allow"]


@given(PROGRAM, st.lists(WORD, min_size=1, max_size=4), st.data())
def test_another_word_or_one_more_is_another_command(program: str, words: list[str], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(words)))
    other = data.draw(WORD)
    changed = [*words[:place], other, *words[place + 1 :]]
    assume(changed != words)
    made, beside = f"{program} {' '.join(words)}", f"{program} {' '.join(changed)}"
    assert opened(shell(made), shell(beside)) == []


@given(st.sampled_from(["git", "npm", "docker", "kubectl"]), st.lists(WORD, min_size=1, max_size=5, unique=True), WORD)
def test_calls_of_one_subcommand_never_open_another(program: str, rest: list[str], other: str) -> None:
    assume(other != "show")
    made = [f"{program} show {word}" for word in rest]
    assert opened(shell(*made), shell(f"{program} {other} {rest[0]}")) == []


@given(
    st.lists(WORD, min_size=1, max_size=5, unique=True),
    st.sampled_from(["; rm x", " && rm x", " | sh", " > x", " $(rm x)"]),
)
def test_nothing_can_be_hung_on_behind(words: list[str], tail: str) -> None:
    made = [f"grep -n {word} notes.txt" for word in words]
    assert opened(shell(*made), shell(f"{made[0]}{tail}")) == []


NAME = st.text(st.sampled_from("abcxyz01"), min_size=1, max_size=5)


@given(st.lists(st.tuples(NAME, NAME), min_size=1, max_size=5, unique=True), NAME, NAME)
def test_another_folder_stays_closed(inside: list[tuple[str, str]], folder: str, name: str) -> None:
    made = [f"docs/{inner}/{file}.md" for inner, file in inside]
    assume(folder != "docs")
    beside = files(f"{folder}/{name}.md", f"docs-{folder}/{inside[0][0]}/{name}.md", f"{name}.md")
    assert opened(files(*made), beside) == []


@given(st.lists(NAME, min_size=1, max_size=5, unique=True), NAME)
def test_another_host_method_scheme_port_or_folder_stays_closed(names: list[str], other: str) -> None:
    made = requests(*(f"GET https://api.example.org/v1/items/{name}" for name in names))
    rest = f"/v1/items/{names[0]}"
    beside = requests(
        f"GET https://{other}.example.org{rest}",
        f"GET https://api.example.org.{other}{rest}",
        f"DELETE https://api.example.org{rest}",
        f"GET http://api.example.org{rest}",
        f"GET https://api.example.org:8443{rest}",
        f"GET https://api.example.org/v1/{other}",
        f"GET https://api.example.org/v2/items/{other}",
    )
    assert opened(made, beside) == []


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=6, unique=True), st.integers(1, 10**6))
def test_a_bigger_amount_another_receiver_or_one_more_argument_asks(amounts: list[int], more: int) -> None:
    made = pay(*({"to": "a", "amount": amount, "currency": "EUR"} for amount in amounts))
    same = {"to": "a", "amount": amounts[0], "currency": "EUR"}
    beside = pay(
        {**same, "amount": max(amounts) + more},
        {**same, "amount": min(amounts) - more},
        {**same, "amount": str(amounts[0])},
        {**same, "to": "b"},
        {**same, "currency": "USD"},
        {**same, "memo": "x"},
        {"to": "a", "amount": amounts[0]},
    )
    assert opened(made, beside) == []
