"""Permissions: where do the strings, names and comments of a query begin and end? An own reader beside sqlglot's.

What may run unasked has to look the same to both. For finding what is denied it reads on over whatever does not close,
and takes MySQL's executable comments for what they are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache
from typing import Final, Literal, get_args

Dialect = Literal["bigquery", "duckdb", "mysql", "postgres", "snowflake", "sqlite", "tsql"]
MAX_CHARACTERS: Final = 20_000
"""A longer text is not read: it is never allowed, and counts as one that writes."""
DIALECTS: Final[tuple[Dialect, ...]] = get_args(Dialect)
Kind = Literal["word", "name", "string", "number", "sign", "comment"]


def vocabulary(words: str) -> frozenset[str]:
    """The words of a text that lists them."""
    return frozenset(words.split())


class Unreadable(Exception):
    """Nobody can say what the text is to a database; `str()` says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A word, a quoted name, a string, a number, one sign or a comment."""

    kind: Kind
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lexis:
    """How a dialect writes what has to be closed."""

    strings: str = "'"
    names: str = '"'
    """The signs that quote a name; `[` closes with `]`."""
    escapes: bool = False
    """A backslash in a string takes the next character with it."""
    doubles: bool = True
    """Two quotes within quotes are one of them."""
    prefixes: str = r"[bBnNxX]?"
    """What may stand right before a string without changing where it ends."""
    line_comments: tuple[str, ...] = (r"--",)
    nests: bool = False
    """A comment can contain a comment."""
    dollars: str = ""
    """The tag in `$tag$ ... $tag$`, as a regular expression; "" where a dollar quotes nothing."""
    escaped_strings: bool = False
    """There is `E'...'`, in which a backslash escapes."""


_TAG: Final = r"\$(?P<tag>(?:[^\W\d]\w*)?)\$"
LEXIS: Final[dict[Dialect, Lexis]] = {
    "bigquery": Lexis(
        strings="'\"", names="`", escapes=True, doubles=False, prefixes="[bBrR]{0,2}", line_comments=("--", "#")
    ),
    "duckdb": Lexis(dollars=_TAG, escaped_strings=True),
    "mysql": Lexis(strings="'\"", names="`", escapes=True, line_comments=(r"--(?=\s|\Z)", "#")),
    "postgres": Lexis(nests=True, dollars=_TAG, escaped_strings=True),
    "snowflake": Lexis(escapes=True, line_comments=("--", "//"), dollars=r"\$(?P<tag>)\$"),
    "sqlite": Lexis(names='"`['),
    "tsql": Lexis(names='"[', nests=True),
}
SETTINGS: Final[dict[Dialect, Lexis]] = {
    "mysql": replace(LEXIS["mysql"], escapes=False),
    "postgres": replace(LEXIS["postgres"], escapes=True),
}
"""The same dialect in the other mode that its server knows: NO_BACKSLASH_ESCAPES, standard_conforming_strings off."""

_EXECUTABLE: Final = re.compile(r"/\*M?!\d*")
_BLOCK: Final = re.compile(r"/\*|\*/")


def pieces(text: str, lexis: Lexis, *, strict: bool) -> list[Piece]:
    """The text, taken apart, blanks left out. Behind what stays open nothing more is taken for quoted or a comment.

    Raises:
        Unreadable: `strict`, and something does not close, or is no part of SQL.
    """
    found, place, closes = list[Piece](), 0, True
    patterns = _pattern(lexis, quotes=False), _pattern(lexis, quotes=True)
    while place < len(text):
        match = patterns[closes].match(text, place)
        if closes and text.startswith("/*", place):
            kind, end = _block(text, place, lexis, strict=strict)
            closes = kind != "open"
        elif match:
            kind, end = match.lastgroup or "", match.end()
        elif strict:
            raise Unreadable(f"{text[place : place + 20]!r} does not close, or is no SQL")
        else:
            unseen = text[place].isspace() or not text[place].isprintable()
            kind, end = "blank" if unseen else "sign", place + 1
            closes = closes and text[place] not in "'\"`"
        if kind != "blank":
            found.append(Piece(kind=_kind(kind), text=text[place:end], start=place, end=end))
        place = end
    return found


def _kind(said: str) -> Kind:
    match said:
        case "word" | "name" | "string" | "number" | "comment":
            return said
        case _:
            return "sign"


def _block(text: str, start: int, lexis: Lexis, *, strict: bool) -> tuple[str, int]:
    """What begins with `/*`: its kind, and where it ends."""
    executable = _EXECUTABLE.match(text, start)
    if executable and not strict:
        return "blank", executable.end()
    depth = 0
    for mark in _BLOCK.finditer(text, start):
        if mark[0] == "*/":
            depth -= 1
        elif lexis.nests or not depth:
            depth += 1
        elif strict:
            raise Unreadable("a comment within a comment")
        if not depth:
            return "comment", mark.end()
    if strict:
        raise Unreadable("a comment that does not close")
    return "open", start + 2


@cache
def _pattern(lexis: Lexis, *, quotes: bool) -> re.Pattern[str]:
    strings = [lexis.prefixes + _quoted(sign, lexis.escapes, lexis.doubles) for sign in lexis.strings]
    if lexis.escaped_strings:
        strings.insert(0, "[eE]" + _quoted("'", True, True))
    if lexis.dollars:
        strings.append(lexis.dollars + r"(?s:.*?)\$(?P=tag)\$")
    names = [_quoted(sign, False, lexis.doubles) for sign in lexis.names]
    parts = {
        "blank": r"[ \t\r\n\f\v]+",
        "comment": "|".join(rf"{start}[^\r\n]*" for start in lexis.line_comments),
        "string": "|".join(strings),
        "name": "|".join(names),
        "number": r"(?:0[xX][0-9a-fA-F]+|[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?)(?![\w$])",
        "word": r"[^\W\d][\w$]*",
        "sign": r"[-+*/<>=~!@#%^&|?:.,;()\[\]{}$]",
    }
    read = {kind: said for kind, said in parts.items() if quotes or kind not in ("string", "name")}
    return re.compile("|".join(f"(?P<{kind}>{said})" for kind, said in read.items()))


def _quoted(sign: str, escapes: bool, doubles: bool) -> str:
    """Possessive: what does not close must not be read as something shorter that does."""
    close = "]" if sign == "[" else sign
    shut = re.escape(close)
    inner = [rf"[^{shut}\\]" if escapes else rf"[^{shut}]"]
    inner += [r"\\(?s:.)"] if escapes else []
    inner += [shut * 2] if doubles else []
    return rf"{re.escape(sign)}(?:{'|'.join(inner)})*+{shut}" + ("" if doubles else f"(?!{shut})")
