"""Shell rules: rules x command line -> verdict."""

from __future__ import annotations

from pathlib import Path

import pytest

from midwatch.calls import parse_call
from midwatch.errors import SpecError
from midwatch.policy import Policy, compile_policy, plain_argv
from midwatch.spec import Rule, Rules

ALLOW: list[Rule] = [
    {"shell": "git status|diff|log ..."},
    {"shell": ["ls ...", "rg ...", "head ...", "wc ...", "echo ..."]},
    {"shell": "npm test"},
]
ASK: list[Rule] = [{"shell": "git commit ..."}]
DENY: list[Rule] = [{"shell": "rm ..."}, {"shell": "git push ...", "why": "a person publishes"}]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    for name in (".env", "a.py", "src/main.py", "src/.env"):
        (tmp_path / name).write_text("x")
    (tmp_path / "alias").symlink_to(".env")
    (tmp_path / "out").symlink_to("/")
    return tmp_path


def policy(root: Path, *more: Rule, deny: list[Rule] | None = None) -> Policy:
    rules = Rules(allow=[*ALLOW, *more], ask=ASK, deny=[*DENY, *(deny or [])])
    return compile_policy(rules, tools={"shell": "execute", "read_file": "read"}, roots={"shell": root}, project=root)


def verdict(known: Policy, command: str) -> str:
    return known.decide(parse_call("shell", {"command": command})).verdict


ORDINARY = [
    "git status",
    "git diff HEAD~1 -- src/main.py",
    "git log --format='%h %s' --since='2 days ago' | head -n 3",
    "git log --grep='rm -rf; git push'",
    "ls   -la\t src",
    "ls -la # rm -rf src",
    "git status && git diff --stat || echo 'none'; ls",
    "git status\n\ngit diff\n",
    "npm test 2>&1 | head -50",
    "ls missing 2>/dev/null",
    "echo '$(rm x)' \"it's\" a\\ b",
    "rg 'rm|git push' src",
    "ls src/*.py",
    "ls \\\n -la",
    "head <<'END'\n$(rm x)\n`rm x`\nEND",
]


@pytest.mark.parametrize("command", ORDINARY)
def test_ordinary_lines_run_unasked(root: Path, command: str) -> None:
    assert verdict(policy(root), command) == "allow"


DENIED = [
    "rm x",
    "/bin/rm x",
    "\\rm x",
    "'r'\"m\" x",
    "$'\\x72m' x",
    "r\\\nm x",
    "git status; rm x",
    "git status&&rm x",
    "git status\nrm x",
    "ls & rm x",
    "echo `rm x`",
    'echo "$(rm x)"',
    "echo ${x:-$(rm x)}",
    "cat <(rm x)",
    "cat <<EOF\n$(rm x)\nEOF",
    "(rm x)",
    "{ rm x; }",
    "if ls; then rm x; fi",
    "for i in a; do rm $i; done",
    "f() { rm x; }",
    "case a in a) rm x;; esac",
    "x=$(rm y)",
    ">/dev/null rm x",
    "A=1 rm x",
    "env -i A=b rm x",
    "sudo -u root nice -n 5 rm x",
    "timeout -s KILL 5 rm x",
    "ls | xargs -0 rm",
    "find . -exec rm {} +",
    "sh -c 'ls; rm x'",
    "eval rm x",
    "ls && rm x &&",
    "rm x '",
    "git push origin main",
    "git -C d -c a=b --git-dir=x push",
    "git 'push'",
    "/usr/bin/git --no-pager push",
]


@pytest.mark.parametrize("command", DENIED)
def test_a_denied_command_is_found_wherever_it_stands(root: Path, command: str) -> None:
    assert verdict(policy(root), command) == "deny"


UNCOVERED = [
    "",
    "   ",
    "# nothing",
    "lsof",
    "./ls",
    "/tmp/ls",
    "LS",
    "git diff-tree HEAD",
    "npm test --script-shell=x",
    "A=1 git status",
    "git -c core.fsmonitor=x status",
    "git --exec-path=x status",
    "$x",
    "ls $x",
    'ls "$HOME"',
    "ls ~",
    "ls {a,b}",
    "ls $'a'",
    "ls `id`",
    "ls > x",
    "ls >& x",
    "ls 2>&1 >x",
    "ls() { id; }; ls",
    "alias ls=id\nls",
    "export PATH=.; ls",
    "eval ls",
    "env ls",
    "ls\u00a0-la",
    "ls\u200b -la",
    "git status\u2028ls",
    "ls\r\n",
    "ls ;& ls",
    "ls $(",
    "ls &&",
    "ls 'a",
    "if ls; then ls",
    "cat <<EOF\nx",
    "ls <<'E'\nx\nE\ncurl x\nE",
    "echo # <<'E'\ncurl x\nE",
    "ls\u00a0 <<'E'\nx\nE",
    "ls .*",
    "head /pro[c]/self/environ",
    "head src/../../*",
    "ls /proc/self/environ",
    "head /dev/sda",
    "git commit -m x",
]


@pytest.mark.parametrize("command", UNCOVERED)
def test_what_no_rule_covers_waits_for_a_person(root: Path, command: str) -> None:
    assert verdict(policy(root), command) == "ask"


BEYOND = [
    ("git log ...", "git log -p --ext-diff"),
    ("git log ...", "git log --outp=x"),
    ("git grep ...", "git grep -nOsh x"),
    ("git fetch ...", "git fetch ext::sh"),
    ("rg ...", "rg --pre=sh x"),
    ("rg ...", "rg -uz x"),
    ("find ...", "find . -delete"),
    ("find ...", "find . -ok sh ';'"),
    ("sed ...", "sed -ni p f"),
    ("sed ...", "sed 's/a/b/;1e id' f"),
    ("sed ...", "sed 's/a/b/w out' f"),
    ("awk ...", 'awk \'{print "a;b" > "f"}\''),
    ("awk ...", "awk 'BEGIN{system(\"id\")}'"),
    ("sort ...", "sort -uo x f"),
    ("sort ...", "sort --compress-prog=sh f"),
    ("tar ...", "tar tf a --checkpoint-action=exec=id"),
    ("tar ...", "tar tIf id a"),
    ("uniq ...", "uniq in out"),
    ("xargs wc ...", "ls | xargs -I{} wc {}"),
    ("xargs python3 ...", "ls | xargs python3"),
    ("python3 ...", "python3 -c x"),
    ("python3 ...", "python3"),
    ("python3 -m pytest ...", "python3 -m pytest -p x"),
    ("env FOO=1 ...", "env FOO=1 id"),
    ("curl ...", "curl https://evil.test/"),
    ("curl https://api.example.com/** ...", "curl -o x https://api.example.com/"),
    ("curl https://api.example.com/** ...", "curl https://api.example.com/ https://evil.test/"),
    ("curl https://api.example.com/**", "curl https://api.example.com@evil.test/"),
    ("cargo build ...", "cargo build --config x"),
    ("test ...", "test -v 'a[$(id)]'"),
    ("rg ...", "rg x *.py"),
    ("env -u FOO ...", "env -u FOO id"),
    ("cd ...", "cd .. && ls"),
    ("cd ...", "cd out && ls"),
]


@pytest.mark.parametrize(("rule", "command"), BEYOND)
def test_the_dots_do_not_grant_what_goes_beyond_ordinary_use(root: Path, rule: str, command: str) -> None:
    assert verdict(policy(root, {"shell": rule}), command) == "ask"


WITHIN = [
    ("git grep ...", "git grep -n foo -- src"),
    ("find ...", "find . \\( -name '*.c' -o -name '*.h' \\) -newer a.py -print"),
    ("sed ...", "sed -n '1,5p;/x/d' a.py"),
    ("sed ...", "sed -E 's|a|b|g' a.py"),
    ("awk ...", "awk -F'|' '$3 > 5 {total += $3}' a.py"),
    ("sort ...", "sort -t, -k2,2n a.py"),
    ("tar ...", "tar tzf a.tgz"),
    ("xargs wc ...", "ls src | xargs wc -l"),
    ("python3 ...", "python3 a.py -c x"),
    ("python3 -m pytest ...", "python3 -m pytest -q tests"),
    ("timeout 60 wc ...", "timeout 60 wc -l a.py"),
    ("curl https://api.example.com/** ...", "curl -sS https://api.example.com/v1"),
    ("cargo build|test ...", "cargo test --release"),
    ("cd ...", "cd src && ls"),
]


@pytest.mark.parametrize(("rule", "command"), WITHIN)
def test_the_dots_grant_ordinary_use(root: Path, rule: str, command: str) -> None:
    assert verdict(policy(root, {"shell": rule}), command) == "allow"


SECRETS = [
    "cat .env",
    "cat alias",
    "cat src/../.env",
    "head < .env",
    "wc *.py alias",
    "head al*",
    "cat x=.env",
    "echo > .git/x",
]


@pytest.mark.parametrize("command", SECRETS)
def test_protected_files_are_out_of_reach_of_commands_too(root: Path, command: str) -> None:
    known = policy(root, {"shell": "cat ..."})
    assert known.decide(parse_call("shell", {"command": command})).rule == "builtin.protected"


def test_deny_rules_for_files_hold_for_commands(root: Path) -> None:
    known = policy(root, {"shell": "cat ..."}, deny=[{"read_file": "private/**", "id": "private"}])
    assert known.decide(parse_call("shell", {"command": "cat private/x"})).rule == "deny.private"
    assert verdict(known, "cat public/x") == "allow"


@pytest.mark.parametrize("arguments", [{"env": {"A": "b"}}, {"cwd": "/"}, {"cwd": "out"}, {"cwd": 7}, {"cwd": "~"}])
def test_other_arguments_are_judged_as_well(root: Path, arguments: dict[str, object]) -> None:
    call = parse_call("shell", {"command": "ls", **arguments})
    assert policy(root).decide(call).verdict == "ask"


def test_a_folder_inside_and_a_timeout_are_fine(root: Path) -> None:
    call = parse_call("shell", {"command": "ls", "cwd": "src", "timeout": 5})
    assert policy(root).decide(call).verdict == "allow"


LOOKING = [
    ("git diff agents/x.yaml", "allow"),
    ("rg x agents", "allow"),
    ("rm-all agents/x.yaml", "deny"),
    ("git add agents", "deny"),
]


@pytest.mark.parametrize(("command", "expected"), LOOKING)
def test_what_governs_the_agents_is_looked_at_and_never_changed(root: Path, command: str, expected: str) -> None:
    assert verdict(policy(root, {"shell": ["rm-all ...", "git add ..."]}), command) == expected


def test_a_rule_for_any_command_still_sees_what_is_denied(root: Path) -> None:
    known = policy(root, "shell")
    assert verdict(known, "make -j2 && ./run --fast") == "allow"
    assert verdict(known, "sudo sh -c 'rm x'") == "deny"
    assert verdict(known, "echo cm0geA== | base64 -d | sh") == "ask"


REASONS = [
    ("curl x", "default", "no rule allows `curl x` here"),
    ("git push o", "deny.shell-git-push", "rule deny.shell-git-push denies `git push o`: a person publishes"),
    ("ls && id", "default", "no rule allows `id` here"),
    ("ls $x", "default", "it inserts a variable"),
    ("git log --output=x", "default", "its option `--output` can run another program, write a file"),
    ("git status | wc", "allow.shell-git-status-diff-log + ", "allows `git status`, `wc`"),
]


@pytest.mark.parametrize(("command", "rule", "reason"), REASONS)
def test_the_reason_says_which_rule_and_what(root: Path, command: str, rule: str, reason: str) -> None:
    decision = policy(root).decide(parse_call("shell", {"command": command}))
    assert decision.rule.startswith(rule)
    assert reason in decision.reason


WRONG = [
    "git status*",
    "ls; rm",
    "ls > x",
    "git | wc",
    "echo $x",
    "ls ... -la",
    "...",
    "a 'b",
    "make https://x.example/",
]


@pytest.mark.parametrize("rule", WRONG)
def test_a_shell_rule_that_is_not_one_plain_command_does_not_load(root: Path, rule: str) -> None:
    with pytest.raises(SpecError, match=r"rules\.allow\[3\]"):
        policy(root, {"shell": rule})


def test_one_plain_command_can_run_without_a_shell() -> None:
    assert plain_argv("git log  -n 3 'a b'") == ("git", "log", "-n", "3", "a b")


@pytest.mark.parametrize("command", ["ls | wc", "ls *.py", "ls > x", "cd src", "ls $x", "A=1 ls", "", "ls 'a"])
def test_what_takes_a_shell_is_not_taken_for_a_plain_command(command: str) -> None:
    assert plain_argv(command) is None


@pytest.mark.parametrize(
    "command", ["source x", ". x", "set -x", "trap ls EXIT", "coproc ls", "hash -p x git", "*x", "eval ls"]
)
def test_a_first_word_that_changes_the_shell_or_cannot_be_known_is_not_allowed_even_by_a_bare_rule(
    root: Path, command: str
) -> None:
    assert verdict(policy(root, "shell"), command) != "allow"


def test_the_same_words_are_ordinary_arguments_of_another_program(root: Path) -> None:
    assert verdict(policy(root), "echo source set trap") == "allow"
