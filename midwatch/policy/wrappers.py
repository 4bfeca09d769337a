"""Permissions: which other programs does a command run? Looks through `env`, `sudo`, `xargs`, `sh -c`, `find -exec`."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Final

from midwatch.policy.commands import seen_in
from midwatch.policy.programs import STRING_RUNNERS, WRAPPERS
from midwatch.policy.words import Argv

MAX_DEPTH: Final = 6
MAX_FOUND: Final = 50
_SKIPPED: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=.*|\d+(\.\d+)?[smhd]?", re.DOTALL)
_FIND_RUNS: Final = frozenset({"-exec", "-execdir", "-ok", "-okdir"})


def program(argv: Argv) -> str:
    """The name of the program, without its folder."""
    return argv[0].text.rpartition("/")[2] if argv else ""


def unwrapped(argv: Argv) -> tuple[Argv, ...]:
    """`argv` and every command that it may run. Where it is not sure which word is the program, each that may be.

    At most `MAX_FOUND`: a command that comes to as many is not read to its end.
    """
    found: dict[Argv, None] = {}
    todo = deque([(argv, 0)])
    while todo and len(found) < MAX_FOUND:
        here, depth = todo.popleft()
        if not here or here in found:
            continue
        found[here] = None
        if depth < MAX_DEPTH:
            todo.extend((inner, depth + 1) for inner in islice(_inner(here), MAX_FOUND))
    return tuple(found)


def _inner(argv: Argv) -> Iterator[Argv]:
    name = program(argv)
    if name in WRAPPERS:
        yield from behind(argv[1:], WRAPPERS[name])
    if name == "find":
        yield from (argv[place + 1 :] for place, word in enumerate(argv) if word.text in _FIND_RUNS)
    if name in STRING_RUNNERS:
        yield from (inner for text in _texts(argv) for inner in seen_in(text))


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
    yield from (word[2:] for word in words if word[:1] == "-" and " " in word)
    yield from (word for word in words if " " in word or "\n" in word or ";" in word)
    yield from (word.partition("=")[2] for word in words if "=" in word)
    if program(argv) == "eval":
        yield " ".join(words)
