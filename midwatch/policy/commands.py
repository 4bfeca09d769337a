"""Permissions: which programs would bash run for this line? Read by tree-sitter-bash.

Two answers. `Line.commands` is for allowing: all that the line does (`plain`), or `Line.unclear` says what stands in the way.
`Line.seen` is for denying: every command anywhere in the line, in substitutions, loops, functions and what could not be parsed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from tree_sitter import Node

from midwatch.characters import is_encodable
from midwatch.policy.plain import UNCHAINED, Unclear, opened_files, plain_commands, tree
from midwatch.policy.words import Argv as Argv
from midwatch.policy.words import loose_word

MAX_LENGTH: Final = 20_000
"""Characters of one command line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One command line, read."""

    commands: tuple[Argv, ...] = ()
    seen: tuple[Argv, ...] = ()
    written: tuple[str, ...] = ()
    """Names of files that redirections name."""
    opened: tuple[tuple[str, bool], ...] = ()
    """Files that the redirections of `commands` open, and whether to write."""
    chained: bool = False
    """Each of the commands runs only where the one before has succeeded."""
    unclear: str = ""
    """Why no rule may allow it; "" when `commands` is all that it does."""


def read_line(text: str) -> Line:
    """What bash would do with `text`. Never raises: what cannot be read is `unclear`."""
    if len(text) > MAX_LENGTH or not is_encodable(text):
        return Line(unclear=f"it is longer than {MAX_LENGTH} characters, or holds half of a surrogate pair")
    seen, files = _seen(text)
    line = Line(seen=seen, written=files)
    try:
        commands, opened = plain_commands(text), tuple(opened_files(text))
        return replace(line, commands=commands, opened=opened, chained=not UNCHAINED.search(text))
    except Unclear as reason:
        return replace(line, unclear=str(reason))
    except RecursionError:
        return replace(line, unclear="it is nested too deeply")


def _seen(text: str) -> tuple[tuple[Argv, ...], tuple[str, ...]]:
    """Every command in the line, and every file that it redirects to or from."""
    commands: dict[Argv, None] = {}
    files: dict[str, None] = {}
    for spelled in dict.fromkeys((text, text.replace("\\\n", ""))):
        root, source = tree(spelled)
        split = 0
        for node in _walk(root):
            if node.type == "command":
                commands[_loose_argv(node, source)] = None
            elif node.start_byte >= split and _hides(node, source):
                split = node.end_byte
                commands |= dict.fromkeys(_fragments(_source(node, source)))
            elif node.type == "file_redirect" and node.child_count:
                files[loose_word(_source(node.children[-1], source)).text] = None
        if root.has_error:
            commands |= dict.fromkeys(_fragments(spelled))
    return tuple(argv for argv in commands if argv), tuple(files)


def _hides(node: Node, source: bytes) -> bool:
    """The tree does not show every command in it: in backticks within others, in a here-document that bash expands."""
    if node.type == "heredoc_body" and node.parent:
        starts = [_source(child, source) for child in node.parent.children if child.type == "heredoc_start"]
        return not any(re.search(r"['\"\\]", start) for start in starts)
    if node.type not in ("expansion", "string", "command_substitution"):
        return False
    return source.find(b"`", node.start_byte, node.end_byte) >= 0


def _walk(node: Node) -> Iterator[Node]:
    todo = [node]
    while todo:
        here = todo.pop()
        yield here
        todo.extend(reversed(here.children))


def _source(node: Node, source: bytes) -> str:
    return source[node.start_byte : node.end_byte].decode(errors="replace")


def _loose_argv(node: Node, source: bytes) -> Argv:
    skipped = ("variable_assignment", "file_redirect", "heredoc_redirect", "herestring_redirect")
    return tuple(loose_word(_source(child, source)) for child in node.children if child.type not in skipped)


def _fragments(text: str) -> Iterator[Argv]:
    """What may be commands in text that is not bash: split at everything that could begin one."""
    for fragment in re.split(r"[;&|\n(){}`]|\$\(|\b(?:then|do|else)\b", text):
        yield tuple(loose_word(word) for word in fragment.split())


def seen_in(text: str) -> tuple[Argv, ...]:
    """Every command that `text` would run if a shell were given it."""
    return _seen(text)[0] if len(text) <= MAX_LENGTH and is_encodable(text) else ()
