"""Permissions: is this line, whole, nothing but plain commands? Only what is may be allowed.

Plain commands joined by `&& || ; | &`, line ends, groups, `if` and `while`, every byte of the line accounted for twice: by
tree-sitter-bash and by an own reader of words. What the two do not see alike is `Unclear`.
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

from midwatch.policy.programs import BUILTINS_ONLY, RESERVED, SHELL_STATE
from midwatch.policy.words import Argv, Word, strict_word

MAX_COMMANDS: Final = 200


class Unclear(Exception):
    """The line holds something that no rule may allow; `str()` says what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Token:
    kind: str
    """`word`, `join`, `keyword`, `redirect` or `comment`."""
    start: int
    end: int
    command: int
    """Which simple command it belongs to, counted from 1; 0: none."""


_JOINS: Final = frozenset({"&&", "||", ";", "|", "|&", "&", "(", ")"})
_KEYWORDS: Final = frozenset({"!", "{", "}", "if", "then", "elif", "else", "fi", "while", "until", "do", "done"})
_CLOSING: Final = frozenset({b")", b"}", b"fi", b"done"})
_GROUPS: Final = frozenset(
    {"program", "list", "pipeline", "redirected_statement", "subshell", "compound_statement"}
) | {*("negated_command", "if_statement", "elif_clause", "else_clause", "while_statement", "do_group")}
"""Parts that run what is in them, and nothing else."""
_WORDS: Final = frozenset({"word", "number", "string", "raw_string", "concatenation"})
_HARMLESS_REDIRECT: Final = re.compile(r"[012]?(?:[<>]|>>)[ \t]*/dev/null|&>>?[ \t]*/dev/null|[012]?>&[ \t]*[012-]")
_REDIRECT: Final = re.compile(r"(?:[012]?(?:>>?|<)|&>>?)[ \t]*(?P<file>[^<>&| \t].*)", re.DOTALL)
_ASSIGNMENT: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\[.*\])?\+?=", re.DOTALL)
_LITERAL_INPUT: Final = re.compile(
    r"(?P<line>[^\n#<>]*[ \t])<<[ \t]*(?P<quote>['\"]?)(?P<end>[A-Za-z0-9_]+)(?P=quote)[ \t]*"
    r"(?:(?:\||&&|;)(?P<rest>[^\n#<>]+))?\n(?P<body>.*\n)?(?P=end)\n?",
    re.DOTALL,
)
_INSERTED: Final = re.compile(r"\$\((?P<new>[^()#\\$`\n<>]*)\)|`(?P<old>[^()#\\$`\n<>]*)`|\$\?")
"""The output of commands that can be read by themselves, or the last exit code."""
UNCHAINED: Final = re.compile(r"[;|\n(){}!#]|(?<!&)&(?!&)")
"""Where none of these is, every command of a line is joined to the next by `&&`."""
_NAMES: Final = {
    "variable_assignment": "it sets a variable",
    "variable_assignments": "it sets variables",
    "command_substitution": "it inserts the output of another command",
    "process_substitution": "it inserts the output of another command",
    "simple_expansion": "it inserts a variable",
    "expansion": "it inserts a variable",
    "arithmetic_expansion": "it inserts a calculation",
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


def tree(text: str) -> tuple[Node, bytes]:
    """The syntax tree, and the text whose bytes it counts.

    tree-sitter-bash asks C's `isdigit` about any character after `{`, and reads past a table (a segmentation fault) when
    that is not ASCII. To bash such characters are ordinary parts of a word, so the parser is shown letters in their place.
    """
    source = text.encode()
    shown = bytes(byte if byte < 0x80 else ord("x") for byte in source)
    return Parser(_bash()).parse(shown).root_node, source


def plain_commands(text: str) -> tuple[Argv, ...]:
    """Every command that bash runs for `text`, in its order.

    Raises:
        Unclear: the line does something else as well, or nobody can say.
    """
    if any((ord(sign) < 32 and sign not in "\n\t") or ord(sign) == 127 for sign in text):
        raise Unclear("it holds control characters")
    text = _joined(text)
    if literal := _literal_input(text):
        fed = _plain_commands(literal["line"].rstrip(" \t"))
        return (*fed, *_plain_commands(literal["rest"])) if literal["rest"] else fed
    return _plain_commands(text)


def _literal_input(text: str) -> re.Match[str] | None:
    """A line with a here-document whose body is data, and ends where it seems to."""
    found = _LITERAL_INPUT.fullmatch(text)
    if not found or found["end"] in (found["body"] or "").split("\n"):
        return None
    return found if found["quote"] or not re.search(r"[$`\\]", found["body"] or "") else None


def _joined(text: str) -> str:
    """Without line continuations; where quotes could make them something else, nothing is joined."""
    if "\\\n" not in text:
        return text
    if "'" in text or "#" in text or "<<" in text or "\\\\\n" in text:
        raise Unclear("it continues a line in a way that is hard to read")
    return text.replace("\\\n", "")


def _plain_commands(text: str) -> tuple[Argv, ...]:
    tokens, source = _read(text)
    commands: dict[int, list[Word]] = {}
    inserted: list[Argv] = []
    for token in tokens:
        raw = source[token.start : token.end].decode()
        if token.kind == "redirect" and not _is_harmless(raw) and _file_of(raw) is None:
            raise Unclear(_NAMES["file_redirect"])
        if token.kind == "word":
            words = commands.setdefault(token.command, [])
            inserted += _inserted(raw, words)
            words.append(_word(raw, first=not words, loose=bool(words) and words[0].text == "echo"))
    if not 0 < len(commands) + len(inserted) <= MAX_COMMANDS:
        raise Unclear("it runs no command" if not commands else f"it runs more than {MAX_COMMANDS} commands")
    return (*(tuple(words) for words in commands.values()), *inserted)


def _read(text: str) -> tuple[list[_Token], bytes]:
    root, source = tree(text)
    if root.has_error or root.type != "program":
        raise Unclear("it cannot be read as bash for certain")
    tokens = list(_tokens(root, [0]))
    _check_gaps(tokens, source)
    return tokens, source


def _is_harmless(redirect: str) -> bool:
    """To or from nowhere, one open file to another, or a literal text."""
    text = strict_word(redirect.removeprefix("<<<").strip(" \t")) if redirect.startswith("<<<") else None
    return bool(_HARMLESS_REDIRECT.fullmatch(redirect)) or (text is not None and not text.glob)


def _file_of(redirect: str) -> tuple[str, bool] | None:
    """The file that a redirection opens, and whether to write; None where that is not plain."""
    match = _REDIRECT.fullmatch(redirect)
    word = strict_word(match["file"]) if match else None
    return (word.text, ">" in redirect) if word and word.text and not word.glob else None


def opened_files(text: str) -> Iterator[tuple[str, bool]]:
    """The files that redirections of plain commands open, and whether to write.

    Raises:
        Unclear: as `plain_commands`.
    """
    if "<" not in text and ">" not in text:
        return
    if _literal_input(text):
        return
    tokens, source = _read(_joined(text))
    for raw in (source[token.start : token.end].decode() for token in tokens if token.kind == "redirect"):
        if not _is_harmless(raw) and (file := _file_of(raw)):
            yield file


def _inserted(raw: str, before: list[Word]) -> Iterator[Argv]:
    """The commands whose output stands in an argument of echo, which takes anything for text."""
    if before and before[0].text == "echo" and strict_word(raw) is None:
        for match in _INSERTED.finditer(raw):
            inner = match["new"] if match["old"] is None else match["old"]
            if inner is not None:
                yield from _plain_commands(inner)


def _tokens(node: Node, counter: list[int]) -> Iterator[_Token]:
    """The tokens of `node` in the order of the text; raises Unclear at the first part that is not on the list."""
    if node.type == "command":
        counter[0] += 1
        yield from _command_tokens(node, counter[0])
    elif node.type in _JOINS and not node.is_named:
        yield _Token(kind="join", start=node.start_byte, end=node.end_byte, command=0)
    elif node.type in _KEYWORDS and not node.is_named:
        yield _Token(kind="keyword", start=node.start_byte, end=node.end_byte, command=0)
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
    text = node.text or b""
    words = _WORDS | {"command_substitution", "simple_expansion"} if text.startswith(b"echo") else _WORDS
    for child in node.children:
        inner = child.children[0] if child.type == "command_name" and child.child_count == 1 else child
        if inner.type in ("file_redirect", "herestring_redirect"):
            yield _Token(kind="redirect", start=inner.start_byte, end=inner.end_byte, command=number)
        elif inner.type in words:
            yield _Token(kind="word", start=inner.start_byte, end=inner.end_byte, command=number)
        else:
            raise Unclear(_NAMES.get(inner.type, f"it uses {inner.type.replace('_', ' ')!r}, which no rule covers"))


def _check_gaps(tokens: list[_Token], source: bytes) -> None:
    """Nothing but blanks stands between the tokens, and every line end that bash sees is one that the tree saw."""
    uncertain = Unclear("it cannot be read as bash for certain")
    begin = _Token(kind="join", start=0, end=0, command=0)
    for before, after in pairwise((begin, *tokens)):
        gap = source[before.end : after.start]
        if gap.strip(b" \t\n") or not _may_follow(before, after, gap, source):
            raise uncertain
    if source[tokens[-1].end if tokens else 0 :].strip(b" \t\n"):
        raise uncertain


def _may_follow(before: _Token, after: _Token, gap: bytes, source: bytes) -> bool:
    if after.kind == "comment":
        return bool(gap) or before.end == 0 or source[before.end - 1 : before.end] in b";|&"
    if before.kind == "comment":
        return b"\n" in gap
    if before.command == after.command != 0 or after.kind == "redirect":
        return bool(gap) and b"\n" not in gap
    last, next_ = source[before.start : before.end], source[after.start : after.end]
    if next_ in _CLOSING and last not in _CLOSING and before.kind == "keyword":
        return False  # bash wants a command between them
    if after.kind == "keyword" or next_ == b"(" or last in _CLOSING:
        apart = bool(gap) or "join" in (before.kind, after.kind)
        if last == next_ == b"(" and not gap:
            return False  # arithmetic
        opens = b"\n" in gap or (before.kind in ("join", "keyword") and last not in _CLOSING)
        return apart and (opens or (last in _CLOSING and (after.kind == "join" or next_ in _CLOSING) and next_ != b"("))
    if before.kind == "keyword":
        return bool(gap)
    return "join" in (before.kind, after.kind) or b"\n" in gap


def _word(raw: str, *, first: bool, loose: bool = False) -> Word:
    word = strict_word(raw)
    if word is None and loose and (filled := strict_word(_INSERTED.sub("x", raw))):
        return replace(filled, text=raw, plain=False)
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
        commands = plain_commands(text)
        is_plain = all(token.kind == "word" for token in _read(_joined(text))[0])
    except Unclear:
        return None
    if not is_plain or len(commands) != 1 or any(word.glob or not word.plain for word in commands[0]):
        return None
    argv = tuple(word.text for word in commands[0])
    return None if argv[0] in BUILTINS_ONLY else argv
