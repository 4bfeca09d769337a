"""Path rules: tool x path -> verdict, on a real tree with symlinks."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from midwatch.calls import Call, parse_call
from midwatch.errors import SpecError
from midwatch.policy import Policy, compile_policy
from midwatch.policy.paths import is_within, path_fault
from midwatch.policy.resolve import Unresolvable, resolve
from midwatch.risk import Risk
from midwatch.spec import Rule, Rules

TOOLS: dict[str, Risk] = {"read_file": "read", "write_file": "write", "delete_file": "destroy", "list_dir": "read"}
LINKS = {
    "in": "src/main.py",
    "up": "src/..",
    "out": "/etc/passwd",
    "out_dir": "../other",
    "chain": "out",
    "loop": "loop",
    "dangling_in": "src/new.py",
    "dangling_out": "../other/new.txt",
    "env_alias": ".env",
    "git_alias": ".git",
    "kernel": "/proc/self",
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("disk").resolve()
    work = top / "work"
    for folder in ("work/src", "work/.git", "work/data/...", "work/agents", "other", "work-evil"):
        (top / folder).mkdir(parents=True)
    for file in ("src/main.py", "src/.env", ".env", ".env.example", ".git/config", "data/100%.csv", "data/-rf"):
        (work / file).write_text("x")
    (top / "other/secret.txt").write_text("x")
    for name, target in LINKS.items():
        (work / name).symlink_to(target)
    (top / "alias").symlink_to("work")
    return work


def policy(root: Path, allow: list[Rule] | None = None) -> Policy:
    anywhere: list[Rule] = [{"read_file": "**"}, {"write_file": "**"}, {"list_dir": "**"}]
    deny: list[Rule] = [{"read_file": "**/private/*"}]
    rules = Rules(allow=anywhere if allow is None else allow, ask=["delete_file"], deny=deny)
    return compile_policy(rules, tools=TOOLS, roots=dict.fromkeys(TOOLS, root), project=root)


def verdict(known: Policy, tool: str, path: object) -> str:
    content = {"content": "x"} if tool == "write_file" else {}
    return known.decide(parse_call(tool, {"path": path, **content})).verdict


def of_arguments(known: Policy, tool: str, arguments: dict[str, object]) -> str:
    return known.decide(parse_call(tool, arguments)).verdict


INSIDE = [
    ("read_file", "src/main.py"),
    ("read_file", "./src//../src/main.py"),
    ("read_file", "in"),
    ("read_file", "up/src/main.py"),
    ("read_file", "data/.../deep.txt"),
    ("read_file", "data/100%.csv"),
    ("read_file", "data/-rf"),
    ("read_file", ".env.example"),
    ("read_file", "data/caf\u00e9.txt"),
    ("read_file", ".git/HEAD"),
    ("read_file", "src/__pycache__/main.cpython-311.pyc"),
    ("read_file", "agents/x.yaml"),
    ("write_file", "new/deep/file.txt"),
    ("write_file", "dangling_in"),
    ("write_file", ".gitignore"),
    ("read_file", "data/a:b.txt"),
    ("read_file", "data/x\u00bd.txt"),
    ("read_file", "data/C++ (1) [x] {y} #z & 'q'.txt"),
    ("read_file", " notes.txt"),
    ("read_file", "dev/null.txt"),
    ("list_dir", "."),
    ("list_dir", "src/"),
]


@pytest.mark.parametrize(("tool", "path"), INSIDE)
def test_paths_inside_are_allowed(root: Path, tool: str, path: str) -> None:
    assert verdict(policy(root), tool, path) == "allow"


def test_an_absolute_path_and_an_alias_of_the_root_are_inside(root: Path) -> None:
    assert verdict(policy(root), "read_file", f"{root}/src/main.py") == "allow"
    assert verdict(policy(root), "read_file", f"{root.parent}/alias/src/main.py") == "allow"


NEVER = [
    ("read_file", "../other/secret.txt"),
    ("read_file", "out"),
    ("read_file", "chain"),
    ("read_file", "out_dir/secret.txt"),
    ("read_file", "up/../other/secret.txt"),
    ("read_file", "nosuch/../../other/secret.txt"),
    ("read_file", "nosuch/../src/main.py"),
    ("read_file", "src/main.py/../main.py"),
    ("read_file", "loop"),
    ("write_file", "dangling_out"),
    ("list_dir", ".."),
    ("delete_file", "out"),
    ("read_file", "/etc/passwd"),
    ("read_file", "~/x"),
    ("read_file", "$HOME/x"),
    ("read_file", "file:///etc/passwd"),
    ("read_file", "http:x"),
    ("read_file", "..\\other"),
    ("read_file", "/proc/self/environ"),
    ("read_file", "/dev/stdin"),
    ("read_file", "//proc/self/root{root}/src/main.py"),
    ("read_file", "/./proc/self/root{root}/src/main.py"),
    ("read_file", "../../../../../../../../../../proc/self/root{root}/src/main.py"),
    ("read_file", "/tmp/../sys/..{root}/src/main.py"),
    ("read_file", "//dev/..{root}/src/main.py"),
    ("read_file", "//dev/shm/..{root}/src/main.py"),
    ("write_file", "kernel/root{root}/src/new.py"),
    ("read_file", "src/main.py/"),
    ("read_file", "src/main.py/."),
    ("read_file", " file:///etc/passwd"),
    ("read_file", "\u200bfile:///etc/passwd"),
    ("read_file", "\uff46ile:/x"),
    ("read_file", "file%3a/x"),
    ("read_file", "blob:https://a.example/x"),
    ("read_file", "\uff5eroot/x"),
    ("read_file", " ~/x"),
    ("read_file", "%7e/x"),
    ("read_file", "\uff04HOME/x"),
    ("read_file", ".\u200b./other/secret.txt"),
    ("read_file", ".. /other/secret.txt"),
    ("read_file", "a\x00b"),
    ("read_file", "a\nb"),
    ("read_file", ""),
    ("read_file", 7),
    ("read_file", ["src/main.py"]),
    ("read_file", None),
    ("read_file", "\uff0e\uff0e/x"),
    ("read_file", "..%2fother"),
    ("read_file", "x" * 5000),
    ("read_file", ".env"),
    ("read_file", "src/.env"),
    ("read_file", "env_alias"),
    ("read_file", ".ENV"),
    ("read_file", ".env."),
    ("read_file", ".env/"),
    ("read_file", "\uff0eenv"),
    ("read_file", ".e\u200bnv"),
    ("read_file", ".e\u2065nv"),
    ("read_file", ".e\ufff0nv"),
    ("read_file", ".env\u1680"),
    ("read_file", ".env\u00a0."),
    ("read_file", ".env::$DATA"),
    ("write_file", "GIT~1/hooks/x"),
    ("read_file", "keys/server.PEM"),
    ("read_file", ".ssh/known_hosts"),
    ("read_file", ".git/config"),
    ("read_file", ".midwatch/ledger.db"),
    ("read_file", "Private/x"),
    ("read_file", "private/./x"),
    ("write_file", ".git/hooks/pre-commit"),
    ("write_file", "git_alias/x"),
    ("write_file", ".GIT/x"),
    ("write_file", "src/__pycache__/main.cpython-311.pyc"),
    ("delete_file", "__PyCache__/x"),
    ("write_file", "agents/x.yaml"),
    ("write_file", "prefect.yaml"),
    ("delete_file", "env_alias"),
]


@pytest.mark.parametrize(("tool", "path"), NEVER)
def test_no_rule_opens_these(root: Path, tool: str, path: object) -> None:
    spelled = path.replace("{root}", str(root)) if isinstance(path, str) else path
    assert verdict(policy(root), tool, spelled) == "deny"


MISFITS: list[tuple[str, dict[str, object]]] = [
    ("write_file", {"path": "new.txt"}),
    ("write_file", {"path": "new.txt", "content": None}),
    ("write_file", {"path": "new.txt", "content": ["x"]}),
    ("read_file", {"path": "src/main.py", "offset": "1"}),
    ("read_file", {"path": "src/main.py", "offset": -1}),
    ("read_file", {"path": "src/main.py", "limit": True}),
    ("read_file", {"path": "src/main.py", "limit": 1.5}),
    ("list_dir", {}),
]


@pytest.mark.parametrize(("tool", "arguments"), MISFITS)
def test_an_argument_that_is_missing_or_of_another_type_is_denied(
    root: Path, tool: str, arguments: dict[str, object]
) -> None:
    assert of_arguments(policy(root), tool, arguments) == "deny"
    assert of_arguments(policy(root), "read_file", {"path": "src/main.py", "offset": 0, "limit": 400}) == "allow"


def test_half_a_surrogate_pair_is_denied_even_in_a_call_made_by_hand(root: Path) -> None:
    assert policy(root).decide(Call(tool="read_file", args={"path": "a\ud83d"})).verdict == "deny"


PATTERNS = [
    ("src/**", "src", "allow"),
    ("src/**", "src/a/b.py", "allow"),
    ("src/**", "srcs/a.py", "ask"),
    ("src/*", "src/main.py", "allow"),
    ("src/*", "src/a/b.py", "ask"),
    ("**/*.md", "README.md", "allow"),
    ("**/*.md", "a/b/c.md", "allow"),
    ("**/*.md", "a.MD", "ask"),
    ("a*c.txt", "abc.txt", "allow"),
    ("a*c.txt", "a/c.txt", "ask"),
    ("in", "in", "ask"),
    ("src/main.py", "in", "allow"),
]


@pytest.mark.parametrize(("pattern", "path", "expected"), PATTERNS)
def test_a_pattern_is_compared_with_what_the_path_leads_to(root: Path, pattern: str, path: str, expected: str) -> None:
    assert verdict(policy(root, [{"read_file": pattern}]), "read_file", path) == expected


@pytest.mark.parametrize("pattern", ["", " a", "a?", "a[b]", "a**b", "../x", "~/x", "**/a/**/b/**/c/**", "{a,b}"])
def test_a_pattern_that_means_nothing_does_not_load(root: Path, pattern: str) -> None:
    with pytest.raises(SpecError, match=r"rules\.allow\[0\]"):
        policy(root, [{"read_file": pattern}])


def test_folders_that_the_caller_closes_are_closed(root: Path) -> None:
    known = compile_policy(
        Rules(allow=["read_file"]), tools=TOOLS, roots={"read_file": root}, project=root, closed=[root / "data"]
    )
    assert verdict(known, "read_file", "data/-rf") == "deny"
    assert verdict(known, "read_file", "src/main.py") == "allow"


def test_the_target_of_a_call_is_where_it_leads(root: Path) -> None:
    assert policy(root).target(parse_call("read_file", {"path": "in"})) == f"{root}/src/main.py"


PIECES = st.sampled_from([*LINKS, "..", ".", "", "src", "other", "work", "main.py", "nosuch", "...", "data"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(PIECES, max_size=8))
def test_resolving_agrees_with_the_kernel(root: Path, pieces: list[str]) -> None:
    path = "/".join(pieces)
    try:
        found = resolve(path, str(root))
    except Unresolvable:
        return
    if (root / path).exists():
        assert found == str((root / path).resolve(strict=True))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(PIECES, min_size=1, max_size=8))
def test_what_is_allowed_never_leads_out(root: Path, pieces: list[str]) -> None:
    path = "/".join(pieces)
    if verdict(policy(root), "read_file", path) == "allow":
        assert is_within(str((root / path).resolve()), str(root))


@given(st.text(max_size=12))
def test_no_path_makes_the_check_of_its_spelling_fail(path: str) -> None:
    assert isinstance(path_fault(path), str)
