"""Command lines: an allowed one makes a real bash call the programs that the policy judged, so, and writes nothing."""

from __future__ import annotations

import glob
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from benchmarks.fuzzed.mutants import is_allowed, mutants
from benchmarks.fuzzed.stage import Stage, stage
from midwatch.policy import Policy, compile_policy
from midwatch.policy.commands import read_line
from midwatch.policy.words import Argv, Word
from midwatch.spec import Rules

KNOWN: Final = ("git", "ls", "rg", "wc", "cat", "echo", "head", "test", "printf", "npm")
OTHERS: Final = ("evil", "rm", "sh", "a", "E", "f", "x", "time")

SEEDS: Final = (
    *("git status", "git log --oneline -3 | head", "git diff HEAD~1 -- 'a b' && ls -la", "ls src/*.py; wc -l a", "ls"),
    *("echo \"it's\" a\\ b 'c d'", "cat <<'E'\n$(evil) `evil`\nE", "cat <<E | wc -l\nplain\nE", "rg 'x|y' src"),
    *("npm test 2>&1 | head -5", "ls a 2>/dev/null || echo none", "(ls; git status) | wc", "{ ls; cat a; } 2>&1"),
    *(
        "if ls a; then echo b; else wc c; fi",
        "while ls a; do cat b; done",
        "! ls a && echo c",
        'echo "$(git log -1): $?"',
    ),
    *("cd src && ls *.py && cd ..", "ls & git status", "wc -w <<< 'a b'", "head -1 a # evil", "ls \\\n -la\n\necho b"),
)
PIECES: Final = (
    *(
        " ",
        "\t",
        "\n",
        "\\\n",
        "&&",
        "||",
        "|",
        ";",
        "&",
        "|&",
        ";;",
        "2>&1",
        ">/dev/null",
        ">",
        ">>",
        "<",
        "<<",
        "<<<",
    ),
    *(
        "'",
        '"',
        "\\",
        "$x",
        "$(evil)",
        "`evil`",
        "${x}",
        "${x:-$(evil)}",
        "<(evil)",
        ">(evil)",
        "$'a'",
        '$"a"',
        "$((1))",
    ),
    *(
        "(",
        ")",
        "{",
        "}",
        "{ ",
        " }",
        "!",
        "~",
        "#",
        " # ",
        "[",
        "]",
        "*",
        "?",
        "{a,b}",
        "=",
        "a=b",
        "x[$(evil)]",
        "$?",
        "$",
    ),
    *(
        "<<'E'\nx\nE",
        "<<E\n",
        "<<-E\n",
        "\nE\n",
        "E",
        "\nevil",
        ";evil",
        "|evil",
        "&evil",
        "evil",
        "evil ",
        "\n",
        "$(ls)",
    ),
    *(
        "\u00a0",
        "\u2028",
        "\u200b",
        "\r",
        "\x00",
        "\x0b",
        "\x1b",
        "é",
        "if ",
        "then ",
        "else ",
        "fi",
        "; fi",
        "while ",
        "do ",
    ),
    *(
        "; done",
        "time ",
        "coproc ",
        "[[",
        "]]",
        "((",
        "))",
        "function f ",
        "f() ",
        "case x in ",
        "esac",
        "a",
        "-la",
        "''",
    ),
    *(
        "test -v 'a[$(evil)]'",
        "printf -v x ",
        "eval ",
        "exec ",
        "env ",
        "command ",
        "x=1 ",
        "cd /",
        "cd ..",
        "cd -",
        ">x",
    ),
)
LINES: Final = mutants(SEEDS, PIECES)

_RULES: Final = [
    {"shell": ["git status|log|diff ...", "ls ...", "rg ...", "wc ...", "cat ...", "echo ...", "head ..."]},
    {"shell": ["cd ...", "test ...", "printf ...", "npm test"]},
]
_FILES: Final = {"a": "x\n", "b": "x\n", "a b": "x\n", "src/one.py": "x\n", "src/two.py": "x\n"}


@contextmanager
def line_oracle() -> Iterator[Callable[[str], str | None]]:
    """For a line: None when it is not allowed, else what bash makes otherwise of it than the policy; "" for nothing."""
    bash = shutil.which("bash")
    if bash is None:
        raise RuntimeError("there is no bash on this machine, and nobody else knows what a line means to it")
    with stage(_FILES) as here:
        here.stand_in((*KNOWN, *OTHERS))
        startup = here.top / "startup"
        startup.write_text("enable -n " + " ".join(("echo", "test", "printf", "[", "kill", "true", "false")) + "\n")
        policy = compile_policy(Rules(allow=_RULES), tools={"shell": "execute"}, roots={}, project=here.work)
        yield lambda line: _judged(here, bash, str(startup), policy, line)


def _judged(here: Stage, bash: str, startup: str, policy: Policy, line: str) -> str | None:
    if not is_allowed(policy, "shell", {"command": line}):
        return None
    played = here.play([bash, "--noprofile", "--norc", "-c", line], {"BASH_ENV": startup})
    if played is None:
        return ""
    commands = read_line(line).commands
    strange = [argv for argv in played.called if not any(_is_same(argv, judged, here) for judged in commands)]
    if strange:
        return f"calls {strange[0]}"
    if played.left:
        return f"leaves {played.left[0]!r}"
    wrong = next((sign for sign in ("command not found", "syntax error", "unexpected") if sign in played.said), "")
    return f"says {played.said[:200]!r}" if wrong else ""


def _is_same(argv: tuple[str, ...], judged: Argv, here: Stage) -> bool:
    if any(word.glob for word in judged):
        argv = tuple(re.sub("/+", "/", text) for text in argv)
        judged = tuple(word if word.glob else replace(word, text=re.sub("/+", "/", word.text)) for word in judged)
    for folder in (here.work, here.work / "src"):
        expected = [part for word in judged for part in _expanded(word, str(folder))]
        if len(argv) >= len(expected) and all(
            text is None or text == given for text, given in zip(expected, argv, strict=False)
        ):
            return len(argv) == len(expected) or None in expected
    return False


def _expanded(word: Word, folder: str) -> list[str | None]:
    """What bash passes on; None: a text that only it knows."""
    if not word.plain:
        return [None]
    names = sorted(glob.glob(word.text, root_dir=folder), key=os.fsencode) if word.glob else []
    return [re.sub("/+", "/", name) for name in names or [word.text]] if word.glob else [word.text]
