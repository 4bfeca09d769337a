"""Arguments: an allowed one makes the real program write no file and start no other. What its `--help` lists is tried."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from typing import Final

from hypothesis import strategies as st

from benchmarks.fuzzed.mutants import is_allowed, mutants, several
from benchmarks.fuzzed.stage import Stage, stage
from midwatch.policy import Policy, compile_policy, plain_argv
from midwatch.spec import Rules

REAL: Final = (
    "sort",
    "sed",
    "awk",
    "find",
    "uniq",
    "git",
    "grep",
    "rg",
    "tar",
    "xxd",
    "shuf",
    "date",
    "file",
    "jq",
    "diff",
    "wc",
)
INVITED: Final = ("gzip", "bzip2", "xz", "zstd")
"""What `tar -z` and its like call, which is ordinary."""
TRAPS: Final = ("evil", "less", "more", "pr", "vi", "editor", "nano", "gpg", "man", "ssh")

_FILES: Final = {
    "a": "evil\nb a\n",
    "b": "b a\nevil\n",
    "a.json": '{"a": 1}\n',
    "prog": 'BEGIN{system("evil")}\n',
    "e": "e\n",
}
_SEEDS: Final = (
    *("sort -k2 a", "sort -t, -u a b", "sed -n 1,2p a", "sed 's/a/b/g;p' a", "sed -e '/evil/{p;q}' b", "sed '1i\\x' a"),
    *(
        "awk '{print $1}' a",
        "awk -F: '/a|b/ || $1 > 2 {n++} END {print n}' a",
        "find . -name 'a*' -type f",
        "uniq -c a",
    ),
    *("uniq -f 1 a", "git status -s", "git log --oneline -3", "git diff --stat", "git log -p --format='%h %s' -- a"),
    *(
        "git show HEAD",
        "git grep -n evil",
        "grep -rn evil .",
        "rg -n evil",
        "tar tf t.tar",
        "xxd -l 8 a",
        "shuf -n 1 a",
    ),
    *("date +%Y", "file a", "jq -r .a a.json", "diff -u a b", "wc -l a b", "git blame a", "git ls-files", "git branch"),
)
_PIECES: Final = (
    *(
        " ",
        " -",
        " --",
        "-",
        "--",
        "=",
        " evil",
        "evil",
        "=evil",
        "=./evil",
        " out",
        "=out",
        "out",
        " -o out",
        " -e evil",
        "/",
    ),
    *(
        "'",
        '"',
        " a",
        " b",
        " prog",
        " -f prog",
        " --file=prog",
        ";",
        "e",
        "w out",
        "/e",
        "/w out",
        "e evil",
        ";e evil",
        "1e evil",
    ),
    *(
        "s/a/evil/e",
        "[/]",
        "[",
        "]",
        "{",
        "}",
        "\n",
        "\\",
        "|",
        "||",
        ">",
        ' > "out"',
        ' | "evil"',
        'system("evil")',
        "getline",
    ),
    *(
        "print",
        "@",
        "$",
        "!",
        "~",
        " -exec evil ;",
        " -delete",
        " -fprint out",
        " -ok evil ;",
        " -I evil",
        " -x",
        " -i",
        " -O evil",
    ),
    *(
        " --output=out",
        " --outp out",
        " --compress-prog=evil",
        " -S1 ",
        " -T.",
        " --ext-diff",
        " --textconv",
        " -Oevil",
        " -c ",
    ),
    *(
        " --pre=evil",
        " --to-command=evil",
        " --checkpoint-action=exec=evil",
        " --checkpoint=1",
        " -r",
        "%G?",
        " --open=evil",
    ),
)


_VALUES: Final = ("", "", "=evil", " evil", "=out", " out", "=prog", " prog", "=1", " a")


@contextmanager
def program_oracle() -> Iterator[tuple[st.SearchStrategy[list[str]], Callable[[str], str | None]]]:
    """Commands, and what is wrong with each: None when it is not allowed, "" for nothing."""
    with stage(_FILES) as here:
        present = here.invite(REAL)
        here.invite(INVITED)
        here.stand_in(TRAPS)
        _repository(here)
        policy = compile_policy(
            Rules(allow=[{"shell": [f"{name} ..." for name in present]}]),
            tools={"shell": "execute"},
            roots={},
            project=here.work,
        )
        seeds = [seed for seed in _SEEDS if seed.split()[0] in present]
        listed = {name: options for name in present if (options := _options(name))}
        strategy = st.one_of(mutants(seeds, _PIECES), _with_options(seeds, listed))
        yield strategy, lambda text: _judged(here, policy, text)


def _repository(here: Stage) -> None:
    for argv in (
        ["git", "init", "-q"],
        ["git", "-c", "user.name=a", "-c", "user.email=a@b.example", "commit", "-q", "--allow-empty", "-m", "one"],
        ["git", "config", "diff.external", "evil"],
        ["git", "config", "core.editor", "evil"],
        ["git", "config", "diff.x.textconv", "evil"],
        ["git", "config", "alias.x", "!evil"],
        ["tar", "cf", "t.tar", "a", "b"],
    ):
        here.play([str(here.bin / argv[0]), *argv[1:]])


def _options(name: str) -> tuple[str, ...]:
    """The options that this machine's version names."""
    asked = [name, "log", "-h"] if name == "git" else [name, "--help"]
    try:
        said = subprocess.run(asked, capture_output=True, text=True, timeout=5, stdin=subprocess.DEVNULL, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return tuple(sorted(set(re.findall(r"(?<![\w-])--?[a-zA-Z][\w-]*", said.stdout + said.stderr))))


def _with_options(seeds: list[str], listed: dict[str, tuple[str, ...]]) -> st.SearchStrategy[list[str]]:
    known = [seed for seed in seeds if seed.split()[0] in listed]

    def extended(chance: Random) -> str:
        seed = chance.choice(known)
        option = chance.choice(listed[seed.split()[0]])
        return f"{seed} {option[: max(3, len(option) - chance.choice((0, 0, 0, 1, 3, 6)))]}{chance.choice(_VALUES)}"

    return several(extended)


def _judged(here: Stage, policy: Policy, text: str) -> str | None:
    if not is_allowed(policy, "shell", {"command": text}):
        return None
    argv = plain_argv(text)
    if argv is None or not (here.bin / argv[0]).is_symlink():
        return None
    played = here.play([str(here.bin / argv[0]), *argv[1:]])
    if played is None:
        return ""
    if played.called:
        return f"{shlex.join(argv)} calls {played.called[0]}"
    return f"{shlex.join(argv)} leaves {played.left[0]!r}" if played.left else ""
