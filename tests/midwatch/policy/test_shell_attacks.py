"""Attacks on shell rules, by family, each beside the ordinary use that it hides behind: rule x command line -> verdict."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from midwatch.calls import parse_call
from midwatch.decision import Decision
from midwatch.policy import compile_policy
from midwatch.policy.scripts import is_plain_awk, is_plain_jq, is_plain_sed
from midwatch.risk import Risk
from midwatch.spec import Rule, Rules

BASE: list[Rule] = [
    {"shell": ["git status|log|diff ...", "ls ...", "rg ...", "head ...", "wc ...", "echo ...", "cat ..."]}
]
DENY: list[Rule] = [{"shell": ["rm ...", "git push ..."]}]
TOOLS: dict[str, Risk] = {"shell": "execute", "read_file": "read", "write_file": "write"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    for name in (".env", "a", "src/main.py"):
        (tmp_path / name).write_text("x")
    return tmp_path


def decided(root: Path, command: str, allow: Sequence[Rule] = (), deny: Sequence[Rule] = ()) -> Decision:
    rules = Rules(allow=[*BASE, *allow], deny=[*DENY, *deny])
    policy = compile_policy(rules, tools=TOOLS, roots={}, project=root)
    return policy.decide(parse_call("shell", {"command": command}))


STRUCTURE = [
    "(git status; git diff)",
    "{ ls; git status; } 2>&1 | head",
    "if git diff --quiet; then echo clean; else echo dirty; fi",
    "while git diff --quiet; do ls; done",
    "! git diff --quiet && echo changed",
    "git status & git diff",
    'echo "HEAD: $(git log -1 --format=%h), $?"',
    "cat <<EOF | wc -l\nit's plain\nEOF",
    "wc -w <<< 'a b'",
    "git diff HEAD@{1} -- a",
]


@pytest.mark.parametrize("command", STRUCTURE)
def test_groups_conditions_and_inserted_output_are_allowed_when_every_command_is(root: Path, command: str) -> None:
    assert decided(root, command).verdict == "allow"


HIDDEN = [
    "(ls; id)",
    "((ls))",
    "{ ls; } && id",
    "if ls; then id; fi",
    "until id; do ls; done",
    "! id",
    "ls & id",
    "(cd / && ls)",
    'echo "$(ls; id)"',
    "echo $(ls $(id))",
    "echo $(git log --output=x)",
    "echo $x$?",
    "ls $(ls)",
    "echo $(<a)",
    "echo $(ls # )\nid\n)",
    "wc <<< $(id)",
    "cat <<EOF\n$(id)\nEOF",
    "cat <<'E' | id\nx\nE",
    "echo ' <<'E' '\nid\nE",
    "for PATH in .; do ls; done",
    "bash <<< id",
    "ls {a,b}",
]


@pytest.mark.parametrize("command", HIDDEN)
def test_structure_hides_nothing(root: Path, command: str) -> None:
    assert decided(root, command).verdict == "ask"


CAUGHT = [
    "cat <<EOF\n`rm x`\nEOF",
    "cat <<-EOF\n\t$(rm x)\n\tEOF",
    "echo `ls \\`rm x\\``",
    'echo "${x:-`rm x`}"',
    "npx rm x",
    "gosu root rm x",
    "env -S'rm x'",
    "systemd-run --user rm x",
    "hyperfine 'rm x'",
    "git --exec-path /x push",
    "(ls; rm x) &",
]


@pytest.mark.parametrize("command", CAUGHT)
def test_what_is_denied_is_found_in_more_hiding_places(root: Path, command: str) -> None:
    assert decided(root, command).verdict == "deny"


BEYOND = [
    ("git ...", "git config alias.x '!id'"),
    ("git ...", "git some-alias"),
    ("git ...", "git bisect run id"),
    ("git submodule ...", "git submodule foreach id"),
    ("git config ...", "git config core.pager id"),
    ("git log ...", "git log --format=%G?"),
    ("git add ...", "git add -e"),
    ("git rebase ...", "git rebase --inter"),
    ("git tag ...", "git tag -v v1"),
    ("git fetch ...", "git fetch ext::id"),
    ("git archive ...", "git archive --remote=x HEAD"),
    ("make ...", "make SHELL=/tmp/x"),
    ("make ...", "make 'a;id'"),
    ("npm ...", "npm exec id"),
    ("npm ...", "npm config set script-shell x"),
    ("pytest ...", "pytest ../elsewhere"),
    ("pytest ...", "pytest --trace"),
    ("go test ...", "go test -exec=id ./..."),
    ("go test ...", "go test -o x"),
    ("cargo test ...", "cargo test --manifest-path /tmp/x"),
    ("docker ...", "docker exec c id"),
    ("kubectl get ...", "kubectl get pods --server=http://x"),
    ("kubectl get ...", "kubectl get pods -o go-template-file=x"),
    ("pip install ...", "pip install --index-url=x y"),
    ("bash ...", "bash +x -c id"),
    ("less ...", "less '+!id' a"),
    ("sqlite3 ...", "sqlite3 db '.shell id'"),
    ("date ...", "date 01010000"),
    ("xxd ...", "xxd -l 8 a -o=b"),
    ("uniq ...", "uniq -f 1 a b"),
    ("jq ...", "jq '$ENV.HOME' a"),
    ("jq ...", "jq 'include \"x\"; .' a"),
    ("grep ...", "grep -f x a"),
    ("wc ...", "wc --files0-from=x"),
    ("curl https://x.example/v1/** ...", "curl 'https://x.example/v1/[a-b]'"),
    ("rg ...", "rg x s*[n] -- *"),
    ("sed ...", "sed s*"),
    ("cat ...", "cat //proc/self/environ"),
    ("cat ...", "cat ../../proc/self/environ"),
    ("linter ...", "linter --fix a"),
]


@pytest.mark.parametrize(("rule", "command"), BEYOND)
def test_arguments_that_reach_further_than_the_rule_ask(root: Path, rule: str, command: str) -> None:
    assert decided(root, command, [{"shell": rule}]).verdict == "ask"


WITHIN = [
    ("git ...", "git show HEAD"),
    ("git rev-parse ...", "git rev-parse --verify HEAD"),
    ("git config ...", "git config --get user.name"),
    ("make ...", "make -j 4 build test"),
    ("npm ...", "npm run lint -- --fix"),
    ("pytest ...", "pytest -q --cov=src -k 'a and not b' 'tests/test_a.py::test_b[1-2]'"),
    ("go test ...", "go test -race -count=1 ./..."),
    ("cargo test ...", "cargo test --features x"),
    ("docker logs ...", "docker logs -f web"),
    ("kubectl get ...", "kubectl get pods -n default -o wide"),
    ("less ...", "less a"),
    ("date ...", "date -u '+%H:%M'"),
    ("uniq ...", "uniq -f 1 a"),
    ("jq ...", "jq '.a.env' a"),
    ("sed ...", "sed -ne '/a/{p;q}' a"),
    ("sed ...", "sed -n 1,9p src/*.py"),
    ("awk ...", "awk '/a|b/ || $1 > 2 {print $2}' src/*.py"),
    ("rg ...", "rg TODO src/*.py"),
    ("rg ...", "rg -- --pre"),
    ("xargs -I{} echo {}", "ls | xargs -I{} echo {}"),
    ("curl https://x.example/** ...", "curl -s -m 5 https://x.example/v1"),
    ("cd ...", "cd src && ls *.py && cd .."),
]


@pytest.mark.parametrize(("rule", "command"), WITHIN)
def test_ordinary_arguments_run_unasked(root: Path, rule: str, command: str) -> None:
    assert decided(root, command, [{"shell": rule}]).verdict == "allow"


OPENED = [
    ("echo hi > src/x", "allow"),
    ("(ls; git status) >> src/x 2>&1", "allow"),
    ("wc -l < a", "allow"),
    ("echo hi > a", "ask"),
    ("cd src && echo hi > x && cd ..", "ask"),
    ("echo hi > src/../a", "ask"),
    ("echo hi >| src/x", "ask"),
    ("echo hi > src/*", "ask"),
    ("echo hi > ../x", "deny"),
    ("cat < .env", "deny"),
    ("cat < /dev/tcp/x/1", "deny"),
    ("echo hi > src/x > /etc/x", "deny"),
]


@pytest.mark.parametrize(("command", "expected"), OPENED)
def test_a_redirection_is_decided_by_the_rules_for_files(root: Path, command: str, expected: str) -> None:
    files: list[Rule] = [{"write_file": "src/**"}, {"read_file": "**"}, {"shell": "cd ..."}]
    assert decided(root, command, files).verdict == expected


@pytest.mark.parametrize("timeout", ["5", -1, 0, True, [5]])
def test_a_timeout_is_a_number_of_seconds(root: Path, timeout: object) -> None:
    policy = compile_policy(Rules(allow=BASE), tools=TOOLS, roots={}, project=root)
    assert policy.decide(parse_call("shell", {"command": "ls", "timeout": timeout})).verdict == "deny"
    assert policy.decide(parse_call("shell", {"command": "ls", "timeout": 2.5})).verdict == "allow"


def test_a_rule_that_looks_at_content_covers_no_redirection(root: Path) -> None:
    rule: Rule = {"write_file": {"path": {"under": "src"}, "content": {"max_length": 9}}}
    assert decided(root, "echo hi > src/x", [rule]).verdict == "ask"


def test_a_deny_rule_with_a_url_speaks_of_that_url_alone(root: Path) -> None:
    allow, deny = [{"shell": "curl https://x.example/** ..."}], [{"shell": "curl https://x.example/private/** ..."}]
    assert decided(root, "curl -s https://x.example/v1", allow, deny).verdict == "allow"
    assert decided(root, "curl -s https://x.example/private/1", allow, deny).verdict == "deny"
    assert decided(root, "curl -s x.example/private/1", allow, deny).verdict == "deny"


SED = [
    "s/[/]/g;s/e;/q/p",
    "1e id",
    "w out",
    "s/a/b/w out",
    "s_a_b_e",
    "{e id\n}",
    "p\nw out",
    "s/[]/]/x/e",
    "a x\ne id",
    "y/a/b/;e id",
    "/x/Ie id",
]


@pytest.mark.parametrize("script", SED)
def test_a_sed_script_that_runs_reads_or_writes_is_not_plain(script: str) -> None:
    assert not is_plain_sed(script)


@pytest.mark.skipif(shutil.which("sed") is None, reason="there is no sed on this machine")
@pytest.mark.parametrize(
    "script", ["1~2p", "/a/{p;q}", "y/a/b/", "1i\\x", "s|[^/]*$||g", "/^#/d;s/[ \\t]*$//", "$!d", "1!G;h"]
)
def test_a_plain_sed_script_is_fine_with_sed_in_its_sandbox(script: str) -> None:
    assert is_plain_sed(script)
    done = subprocess.run(["sed", "--sandbox", script], input=b"a/b\n", capture_output=True, timeout=20, check=False)
    assert b"sandbox" not in done.stderr.replace(b"--sandbox", b"")


AWK = [
    'BEGIN{system("id")}',
    '{print | "sh"}',
    '/[/]a(/ ; { print | "sh" } ; /x/',
    'BEGIN { x = "/" ; "id" | getline y; z = "/" }',
    '{ x = 4 / 2; print | "sh"; y = 4 / 2 }',
    '# "\n{print | "sh"} # "',
    '{print a,\n b > "x"}',
    '{sys\\\ntem("id")}',
    '{print ENVIRON["x"]}',
]


@pytest.mark.parametrize("text", AWK)
def test_an_awk_program_that_reaches_beyond_its_input_is_not_plain(text: str) -> None:
    assert not is_plain_awk(text)


@pytest.mark.parametrize("text", ["/a|b/ || $1 > 2 {n++}", '{print "a;b|c > system"}', "!seen[$0]++", "{print $1/2}"])
def test_an_awk_program_that_only_prints_is_plain(text: str) -> None:
    assert is_plain_awk(text)


@pytest.mark.parametrize(("text", "expected"), [(".env", True), ("env", False), ("[$ENV]", False), (".a|env.X", False)])
def test_jq_does_not_look_at_the_environment(text: str, expected: bool) -> None:
    assert is_plain_jq(text) is expected


LONG = [
    "env -a " * 2800,
    "$(" * 6000 + "`",
    "'" * 19_999,
    "(" * 9000,
    "a <<E\n" * 2500,
    "echo `" * 3000,
    "{" * 9000,
    "x=${" * 4000,
    "\\\n" * 9000,
]


@pytest.mark.parametrize("line", LONG)
def test_a_line_made_to_be_slow_is_judged_in_no_time(root: Path, line: str) -> None:
    began = time.process_time()
    assert decided(root, line).verdict != "allow"
    assert time.process_time() - began < 5
