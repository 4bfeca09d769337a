"""Permissions: which programs would bash run for this line? Read by tree-sitter-bash.

Two answers from one tree. `Line.commands` is for allowing: only plain commands joined by `&& || ; |` and line ends, every
byte of the line accounted for, or `Line.unclear` says what stands in the way. `Line.seen` is for denying: every command
anywhere in the line, in substitutions, loops, functions and what could not be parsed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from typing import Final

from tree_sitter import Language, Node, Parser
from tree_sitter_bash import language

from midwatch.characters import is_encodable
from midwatch.policy.programs import BUILTINS_ONLY, RESERVED, SHELL_STATE
from midwatch.policy.words import Word, loose_word, strict_word

MAX_LENGTH: Final = 20_000
"""Characters of one command line."""
MAX_COMMANDS: Final = 200

Argv = tuple[Word, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One command line, read."""

    commands: tuple[Argv, ...] = ()
    seen: tuple[Argv, ...] = ()
    written: tuple[str, ...] = ()
    """Names of files that redirections name."""
    unclear: str = ""
    """Why no rule may allow it; "" when `commands` is all that it does."""


class Unclear(Exception):
    """The line holds something that no rule may allow; `str()` says what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Token:
    kind: str
    """`word`, `join`, `redirect` or `comment`."""
    start: int
    end: int
    command: int
    """Which simple command it belongs to, counted from 1; 0: none."""


_JOINS: Final = frozenset({"&&", "||", ";", "|", "|&"})
_GROUPS: Final = frozenset({"program", "list", "pipeline", "redirected_statement"})
_WORDS: Final = frozenset({"word", "number", "string", "raw_string", "concatenation"})
_HARMLESS_REDIRECT: Final = re.compile(r"[012]?(?:[<>]|>>)[ \t]*/dev/null|&>>?[ \t]*/dev/null|[012]?>&[ \t]*[012-]")
_ASSIGNMENT: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\[.*\])?\+?=", re.DOTALL)
_LITERAL_INPUT: Final = re.compile(
    r"(?P<line>[^\n#<>]*[ \t])<<(?P<quote>['\"])(?P<end>[A-Za-z0-9_]+)(?P=quote)[ \t]*\n(?P<body>.*\n)?(?P=end)\n?",
    re.DOTALL,
)
_NAMES: Final = {
    "&": "it leaves a program running in the background",
    "variable_assignment": "it sets a variable",
    "variable_assignments": "it sets variables",
    "command_substitution": "it inserts the output of another command",
    "process_substitution": "it inserts the output of another command",
    "simple_expansion": "it inserts a variable",
    "expansion": "it inserts a variable",
    "arithmetic_expansion": "it inserts a calculation",
    "negated_command": "it turns a result round",
    "subshell": "it opens a subshell",
    "file_redirect": "it redirects to or from a file",
    "heredoc_redirect": "it feeds a here-document",
    "herestring_redirect": "it feeds a here-string",
    "function_definition": "it defines a function",
    "ansi_c_string": "it spells a word in escapes",
}
"""What an operator reads instead of the parser's own name for a part."""


@cache
def _bash() -> Language:
    return Language(language())


def _tree(text: str) -> tuple[Node, bytes]:
    """The syntax tree, and the text whose bytes it counts.

    tree-sitter-bash asks C's `isdigit` about any character after `{`, and reads past a table (a segmentation fault) when
    that is not ASCII. To bash such characters are ordinary parts of a word, so the parser is shown letters in their place.
    """
    source = text.encode()
    shown = bytes(byte if byte < 0x80 else ord("x") for byte in source)
    return Parser(_bash()).parse(shown).root_node, source


def read_line(text: str) -> Line:
    """What bash would do with `text`. Never raises: what cannot be read is `unclear`."""
    if len(text) > MAX_LENGTH or not is_encodable(text):
        return Line(unclear=f"it is longer than {MAX_LENGTH} characters, or holds half of a surrogate pair")
    seen, files = _seen(text)
    line = Line(seen=seen, written=files)
    try:
        return replace(line, commands=_commands(text))
    except Unclear as reason:
        return replace(line, unclear=str(reason))
    except RecursionError:
        return replace(line, unclear="it is nested too deeply")


# --- for allowing ---------------------------------------------------------------------------------------------------


def _commands(text: str) -> tuple[Argv, ...]:
    if any((ord(sign) < 32 and sign not in "\n\t") or ord(sign) == 127 for sign in text):
        raise Unclear("it holds control characters")
    text = _joined(text)
    literal = _LITERAL_INPUT.fullmatch(text)
    if literal and literal["end"] not in (literal["body"] or "").split("\n"):
        commands = _plain_commands(literal["line"].rstrip(" \t"))
        if len(commands) == 1:
            return commands
    return _plain_commands(text)


def _joined(text: str) -> str:
    """Without line continuations; where quotes could make them something else, nothing is joined."""
    if "\\\n" not in text:
        return text
    if "'" in text or "#" in text or "<<" in text or "\\\\\n" in text:
        raise Unclear("it continues a line in a way that is hard to read")
    return text.replace("\\\n", "")


def _plain_commands(text: str) -> tuple[Argv, ...]:
    root, source = _tree(text)
    if root.has_error or root.type != "program":
        raise Unclear("it cannot be read as bash for certain")
    tokens = list(_tokens(root, [0]))
    _check_gaps(tokens, source)
    commands: dict[int, list[Word]] = {}
    for token in tokens:
        raw = source[token.start : token.end].decode()
        if token.kind == "redirect" and not _HARMLESS_REDIRECT.fullmatch(raw):
            raise Unclear(_NAMES["file_redirect"])
        if token.kind == "word":
            words = commands.setdefault(token.command, [])
            words.append(_word(raw, first=not words))
    if not 0 < len(commands) <= MAX_COMMANDS:
        raise Unclear("it runs no command" if not commands else f"it runs more than {MAX_COMMANDS} commands")
    return tuple(tuple(words) for words in commands.values())


def _tokens(node: Node, counter: list[int]) -> Iterator[_Token]:
    """The tokens of `node` in the order of the text; raises Unclear at the first part that is not on the list."""
    if node.type == "command":
        counter[0] += 1
        yield from _command_tokens(node, counter[0])
    elif node.type in _JOINS and not node.is_named:
        yield _Token(kind="join", start=node.start_byte, end=node.end_byte, command=0)
    elif node.type == "comment":
        yield _Token(kind="comment", start=node.start_byte, end=node.end_byte, command=0)
    elif node.type == "file_redirect":
        yield _Token(kind="redirect", start=node.start_byte, end=node.end_byte, command=counter[0])
    elif node.type in _GROUPS:
        for child in node.children:
            yield from _tokens(child, counter)
    else:
        raise Unclear(_NAMES.get(node.type, f"it uses {node.type.replace('_', ' ')!r}, which no rule covers"))


def _command_tokens(node: Node, number: int) -> Iterator[_Token]:
    for child in node.children:
        inner = child.children[0] if child.type == "command_name" and child.child_count == 1 else child
        if inner.type == "file_redirect":
            yield _Token(kind="redirect", start=inner.start_byte, end=inner.end_byte, command=number)
        elif inner.type in _WORDS:
            yield _Token(kind="word", start=inner.start_byte, end=inner.end_byte, command=number)
        else:
            raise Unclear(_NAMES.get(inner.type, f"it uses {inner.type.replace('_', ' ')!r}, which no rule covers"))


def _check_gaps(tokens: list[_Token], source: bytes) -> None:
    """Nothing but blanks stands between the tokens, and every line end that bash sees is one that the tree saw."""
    uncertain = Unclear("it cannot be read as bash for certain")
    begin = _Token(kind="join", start=0, end=0, command=0)
    for before, after in pairwise((begin, *tokens)):
        gap = source[before.end : after.start]
        if gap.strip(b" \t\n") or not _may_follow(before, after, gap, source[before.end - 1 : before.end]):
            raise uncertain
    if source[tokens[-1].end if tokens else 0 :].strip(b" \t\n"):
        raise uncertain


def _may_follow(before: _Token, after: _Token, gap: bytes, last: bytes) -> bool:
    """`last` is the byte in front of the gap."""
    if after.kind == "comment":
        return bool(gap) or before.end == 0 or last in b";|&"
    if before.kind == "comment":
        return b"\n" in gap
    if before.command == after.command != 0 or after.kind == "redirect":
        return bool(gap) and b"\n" not in gap
    return "join" in (before.kind, after.kind) or b"\n" in gap


def _word(raw: str, *, first: bool) -> Word:
    word = strict_word(raw)
    if word is None:
        raise Unclear(f"bash expands the word `{raw[:80]}`")
    if not first:
        return word
    if raw in RESERVED or _ASSIGNMENT.match(raw) or word.glob or not word.text:
        raise Unclear(f"`{raw[:80]}` is not the plain name of a program")
    if word.text in SHELL_STATE:
        raise Unclear(f"`{word.text}` changes what the shell itself does")
    return word


def plain_argv(text: str) -> tuple[str, ...] | None:
    """The one program with its arguments that `text` is, for running it without a shell; None when it takes bash."""
    try:
        commands = _commands(text)
    except Unclear:
        return None
    if len(commands) != 1 or any(word.glob for word in commands[0]) or re.search(r"[<>#\n]", text):
        return None
    argv = tuple(word.text for word in commands[0])
    return None if argv[0] in BUILTINS_ONLY else argv


# --- for denying ----------------------------------------------------------------------------------------------------


def _seen(text: str) -> tuple[tuple[Argv, ...], tuple[str, ...]]:
    """Every command in the line, and every file that it redirects to or from."""
    commands: dict[Argv, None] = {}
    files: dict[str, None] = {}
    for spelled in dict.fromkeys((text, text.replace("\\\n", ""))):
        root, source = _tree(spelled)
        for node in _walk(root):
            if node.type == "command":
                commands[_loose_argv(node, source)] = None
            elif node.type == "file_redirect" and node.child_count:
                files[loose_word(_source(node.children[-1], source)).text] = None
        if root.has_error:
            commands |= dict.fromkeys(_fragments(spelled))
    return tuple(argv for argv in commands if argv), tuple(files)


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
