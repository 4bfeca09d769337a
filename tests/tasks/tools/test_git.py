"""What a hostile repository's configuration would run: tried with Git itself, bare and in the sandbox."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.tools.gitconfig import harmless
from tasks.tools.guarded import only_git
from tasks.tools.network import Network
from tasks.tools.sandbox import candidates, holds
from tasks.tools.shell import Shell

IDENTITY = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b.example", "GIT_COMMITTER_NAME": "a"} | {
    "GIT_COMMITTER_EMAIL": "a@b.example",
    "HOME": "/nonexistent",
    "PATH": os.environ["PATH"],
    "GIT_CONFIG_NOSYSTEM": "1",
}


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=folder, env=IDENTITY, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with one commit, one change, and an identity in its configuration."""
    root = tmp_path.resolve() / "root"
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    git(root, "config", "user.name", "Clerk")
    git(root, "config", "user.email", "clerk@corp.example")
    (root / "a.txt").write_text("one\n")
    (root / ".gitattributes").write_text("*.txt diff=evil filter=evil merge=evil\n")
    git(root, "add", ".")
    git(root, "commit", "-qm", "first")
    (root / "a.txt").write_text("two\n")
    return root


@pytest.fixture
def shell(root: Path) -> Shell:
    found = next((sandbox for sandbox in candidates() if sandbox.name == "bubblewrap" and holds(sandbox)), None)
    return Shell(found or pytest.skip("bubblewrap does not start on this machine"), root, Network())


def hostile(root: Path) -> str:
    """A program in the repository that leaves a trace, and answers as each of its roles needs."""
    program = root / "evil.sh"
    program.write_text(f'#!/bin/bash\necho "$0 $@" >> {root}/trace\ncat "$1" 2>/dev/null || cat\n')
    program.chmod(0o755)
    return str(program)


def setting(key: str) -> Callable[[Path], None]:
    def set_it(root: Path) -> None:
        git(root, "config", key, hostile(root))

    return set_it


def hook(name: str) -> Callable[[Path], None]:
    def plant(root: Path) -> None:
        (root / ".git" / "hooks").mkdir(exist_ok=True)
        (root / ".git" / "hooks" / name).symlink_to(hostile(root))

    return plant


def bare_inside(root: Path) -> None:
    git(root, "init", "-q", "--bare", "sub")
    git(root / "sub", "config", "core.bare", "false")
    git(root / "sub", "config", "core.worktree", str(root))
    git(root / "sub", "config", "core.fsmonitor", hostile(root))


def pointed_at(root: Path) -> None:
    """`sub/.git` is a file that names a repository under another name."""
    git(root, "init", "-q", "--separate-git-dir", "innocent", "sub")
    (root / "sub" / ".gitattributes").write_text("*.txt filter=evil\n")
    git(root / "sub", "config", "filter.evil.clean", hostile(root))
    (root / "sub" / "a.txt").write_text("x\n")


def submodule(root: Path) -> None:
    (root.parent / "other").mkdir()
    git(root.parent / "other", "init", "-q")
    (root.parent / "other" / "b.txt").write_text("b\n")
    git(root.parent / "other", "add", ".")
    git(root.parent / "other", "commit", "-qm", "other")
    git(root, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(root.parent / "other"), "refs")
    git(root / "refs", "config", "core.fsmonitor", hostile(root))


ATTACKS: list[tuple[str, Callable[[Path], None], str]] = [
    ("fsmonitor", setting("core.fsmonitor"), "git status"),
    ("textconv", setting("diff.evil.textconv"), "git diff"),
    ("textconv in log", setting("diff.evil.textconv"), "git log -p"),
    ("driver's command", setting("diff.evil.command"), "git diff"),
    ("filter in status", setting("filter.evil.clean"), "git diff"),
    ("filter in add", setting("filter.evil.clean"), "git add a.txt"),
    ("filter process", setting("filter.evil.process"), "git add a.txt"),
    ("smudge", setting("filter.evil.smudge"), "git checkout a.txt"),
    ("external diff", setting("diff.external"), "git diff"),
    ("pager", setting("core.pager"), "git log"),
    ("pager of one", setting("pager.log"), "git log"),
    ("alias", setting("alias.st"), "git st"),
    ("editor", setting("core.editor"), "git commit -a"),
    ("signing", setting("gpg.program"), "git log --show-signature"),
    ("pre-commit", hook("pre-commit"), "git commit -qam second"),
    ("post-checkout", hook("post-checkout"), "git checkout -q -b other"),
    ("post-index-change", hook("post-index-change"), "git add a.txt"),
    ("bare repository", bare_inside, "cd sub && git status"),
    ("pointed at", pointed_at, "cd sub && git add a.txt"),
    ("submodule", submodule, "git status"),
]


@pytest.mark.parametrize(("plant", "command"), [row[1:] for row in ATTACKS], ids=[row[0] for row in ATTACKS])
async def test_a_repository_runs_no_program_of_its_own(
    root: Path, shell: Shell, plant: Callable[[Path], None], command: str
) -> None:
    plant(root)
    (root / "trace").unlink(missing_ok=True)
    result = await shell.shell(command)
    assert not (root / "trace").exists(), result


FIXED = ("fsmonitor", "pager", "editor", "signing", "pre-commit", "post-checkout", "post-index-change", "submodule")
"""What stronger settings in the environment keep from running, where no copy can be shown."""


@pytest.mark.parametrize("attack", FIXED)
async def test_landlock_keeps_git_from_running_what_has_a_fixed_name(root: Path, attack: str) -> None:
    landlock = next((sandbox for sandbox in candidates() if sandbox.name == "landlock" and holds(sandbox)), None)
    shell = Shell(landlock or pytest.skip("Landlock does not hold on this machine"), root, Network())
    plant, command = next(row[1:] for row in ATTACKS if row[0] == attack)
    plant(root)
    (root / "trace").unlink(missing_ok=True)
    result = await shell.shell(command)
    assert not (root / "trace").exists(), result


RUNS_BARE = [row for row in ATTACKS if row[0] not in ("alias", "signing", "pager", "pager of one", "editor")]


@pytest.mark.parametrize(("plant", "command"), [row[1:] for row in RUNS_BARE], ids=[row[0] for row in RUNS_BARE])
def test_outside_the_sandbox_the_same_repository_does(root: Path, plant: Callable[[Path], None], command: str) -> None:
    plant(root)
    (root / "trace").unlink(missing_ok=True)
    subprocess.run(["bash", "-c", command], cwd=root, env=IDENTITY, capture_output=True, check=False)
    assert (root / "trace").exists()


async def test_git_does_its_ordinary_work(root: Path, shell: Shell) -> None:
    for command in (
        "git status",
        "git diff --stat",
        "git add a.txt",
        "git commit -qm second",
        "git checkout -qb other",
    ):
        assert (await shell.shell(command))["exit_code"] == 0
    said = await shell.shell("git log --format='%s by %an <%ae>'")
    assert said["output"].splitlines()[0] == "second by Clerk <clerk@corp.example>"


WRITES = [
    "echo '[core]' > .git/config",
    "mv .git .away",
    "rm -rf .git",
    "rm .git/config",
    "mv .git/config .git/other",
    "echo x > .git/hooks/pre-commit",
    "mv .git/hooks .git/other",
    "python3 -c \"open('.git/HEAD', 'w')\"",
    "echo x > .git/commondir",
]


@pytest.mark.parametrize("command", WRITES)
async def test_nothing_but_git_writes_into_its_folder(root: Path, shell: Shell, command: str) -> None:
    before = snapshot(root / ".git")
    await shell.shell(command)
    assert snapshot(root / ".git") == before


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


async def test_git_itself_changes_neither_configuration_nor_hooks(root: Path, shell: Shell) -> None:
    before = (root / ".git" / "config").read_bytes()
    for command in ("git config core.fsmonitor ./evil.sh", "git branch --unset-upstream", "git remote add x y"):
        await shell.shell(command)
    assert (root / ".git" / "config").read_bytes() == before


async def test_credentials_in_the_configuration_are_not_seen(root: Path, shell: Shell) -> None:
    git(root, "remote", "add", "origin", "https://clerk:hush@git.corp.example/x.git")
    git(root, "config", "http.extraHeader", "Authorization: hush")
    said = await shell.shell("cat .git/config; git config --list; git remote -v")
    assert "hush" not in said["output"]
    assert "https://git.corp.example/x.git" in said["output"]


def test_a_configuration_is_quoted_again_as_git_reads_it(root: Path) -> None:
    odd = 'a "b" \\ c\t#;\nd'
    git(root, "config", 'branch.we"ird.x\\y.description', odd)
    copy = root / "copy"
    copy.write_text(harmless(str(root / ".git" / "config")))
    read = subprocess.run(
        ["git", "config", "--file", copy, 'branch.we"ird.x\\y.description'], capture_output=True, text=True, check=True
    )
    assert read.stdout == odd + "\n"


async def test_a_configuration_that_never_ends_is_not_waited_for(root: Path, shell: Shell) -> None:
    (root / "odd").mkdir()
    (root / "odd" / "HEAD").touch()
    os.mkfifo(root / "odd" / "config")
    assert await shell.shell("echo here", timeout=5) == {"exit_code": 0, "output": "here\n"}


def test_a_configuration_that_cannot_be_read_is_empty(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("[core\n")
    assert harmless(str(tmp_path / "config")) == ""


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("git commit -m x", True),
        ("git add a.txt && git commit -m 'a b' | cat", True),
        ("cd sub && git pull", True),
        ("git add . && git status && git commit -m x", True),
        ("git add . && git diff --ext-diff", False),
        ("git commit -m x; npm test", False),
        ("git -c core.hooksPath=x commit", False),
        ("git rebase -x ./evil.sh main", False),
        ("git submodule foreach ./evil.sh", False),
        ("git bisect run ./evil.sh", False),
        ("git commit -m $(./evil.sh)", False),
        ("git add . 2>&1 >/dev/null", True),
        ("git log > log.txt", False),
        ("cd .git && echo x > commondir", False),
        ("cd .git && git log >commondir", False),
        ("./git commit", False),
        ("git add . && ./cat a.txt", False),
        ("git add . && find . -exec ./evil.sh ';'", False),
        ("bash -c 'git commit'", False),
        ("PATH=. git commit", False),
    ],
)
def test_only_gits_ordinary_work_opens_its_folder(command: str, expected: bool) -> None:
    assert only_git(command) is expected
