"""Permissions: which other programs does a command run? Looks through `env`, `sudo`, `xargs`, `sh -c`, `find -exec`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Final

from midwatch.policy.commands import Argv, seen_in
from midwatch.policy.programs import STRING_RUNNERS, WRAPPERS

MAX_DEPTH: Final = 6
_SKIPPED: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=.*|\d+(\.\d+)?[smhd]?", re.DOTALL)
_FIND_RUNS: Final = frozenset({"-exec", "-execdir", "-ok", "-okdir"})


def program(argv: Argv) -> str:
    """The name of the program, without its folder."""
    return os.path.basename(argv[0].text) if argv else ""


def unwrapped(argv: Argv, depth: int = 0) -> Iterator[Argv]:
    """`argv` and every command that it may run. Where it is not sure which word is the program, each that may be."""
    if not argv or depth > MAX_DEPTH:
        return
    yield argv
    name = program(argv)
    if name in WRAPPERS:
        for inner in behind(argv[1:], WRAPPERS[name]):
            yield from unwrapped(inner, depth + 1)
    if name == "find":
        for place, word in enumerate(argv):
            if word.text in _FIND_RUNS:
                yield from unwrapped(argv[place + 1 :], depth + 1)
    if name in STRING_RUNNERS:
        for text in _texts(argv):
            for inner in seen_in(text):
                yield from unwrapped(inner, depth + 1)


def behind(words: Argv, arguments: int) -> Iterator[Argv]:
    """The commands that may begin in `words`, behind options, assignments, numbers and `arguments` other words."""
    after_option = False
    for place, word in enumerate(words):
        if word.text.startswith("-") and word.text != "-":
            after_option = "=" not in word.text
        elif _SKIPPED.fullmatch(word.text):
            after_option = False
        elif arguments:
            arguments -= 1
            yield words[place:]
        else:
            yield words[place:]
            if not after_option:
                return
            after_option = False


def _texts(argv: Argv) -> Iterator[str]:
    words = [word.text for word in argv[1:]]
    yield from (word for word in words if " " in word or "\n" in word or ";" in word)
    yield from (word.partition("=")[2] for word in words if "=" in word)
    if program(argv) == "eval":
        yield " ".join(words)
