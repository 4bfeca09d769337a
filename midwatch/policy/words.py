"""Permissions: what does one word of a command mean to bash? Read strictly for allowing, generously for denying."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import Final

_OPERATORS: Final = frozenset("|&;<>()`$\n\t \r")
_ESCAPED_IN_QUOTES: Final = frozenset('$`"\\')


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """One word of a command, quotes removed."""

    text: str
    plain: bool = True
    """bash passes on exactly `text`; False: it expands something in it, or nobody can say."""
    glob: bool = False
    """bash replaces it by the names of files, where there are any."""


Argv = tuple[Word, ...]


def strict_word(raw: str) -> Word | None:
    """The word that `raw` is to bash; None when bash would expand something in it, or when it is not one plain word.

    An own reader beside the parser's tree: what may run unasked has to look the same to both.
    """
    text, glob, place = "", False, 0
    if raw[:1] in ("~", "#"):
        return None
    while place < len(raw):
        sign = raw[place]
        if sign == "'":
            end = raw.find("'", place + 1)
            if end < 0:
                return None
            text, place = text + raw[place + 1 : end], end + 1
        elif sign == '"':
            inner = _quoted(raw, place + 1)
            if inner is None:
                return None
            text, place = text + inner[0], inner[1]
        elif sign == "\\":
            if place + 1 == len(raw) or raw[place + 1] == "\n":
                return None
            text, place = text + raw[place + 1], place + 2
        elif sign in _OPERATORS or (sign in "{}" and _may_expand(raw)) or (sign == "~" and raw[place - 1] in ":="):
            return None
        else:
            glob = glob or sign in "*?["
            text, place = text + sign, place + 1
    return Word(text=text, glob=glob)


def _may_expand(raw: str) -> bool:
    """Braces are literal in `{}` and, behind another character, where they hold neither a comma nor a range."""
    return raw != "{}" and (raw[0] in "{}" or "," in raw or ".." in raw)


def _quoted(raw: str, place: int) -> tuple[str, int] | None:
    """The text in double quotes from `place` on, and where it goes on behind them."""
    text = ""
    while place < len(raw):
        sign = raw[place]
        if sign == '"':
            return text, place + 1
        if sign in "$`":
            return None
        if sign == "\\" and raw[place + 1 : place + 2] == "\n":
            return None
        if sign == "\\" and raw[place + 1 : place + 2] in _ESCAPED_IN_QUOTES:
            place += 1
            sign = raw[place]
        text, place = text + sign, place + 1
    return None


_PIECE: Final = re.compile(r"\$?'((?:[^'\\]|\\.)*)'|\$?\"((?:[^\"\\]|\\.)*)\"|\\(.)|([^'\"\\]+)|(.)", re.DOTALL)


def loose_word(raw: str) -> Word:
    """What can be read of any word, for finding what is denied: quotes and escapes removed, expansions left standing."""
    strict = strict_word(raw)
    if strict:
        return strict
    text = "".join(_loose_piece(match) for match in _PIECE.finditer(raw.replace("\\\n", "")))
    return Word(text=text, plain=False)


def _loose_piece(match: re.Match[str]) -> str:
    single, double, escaped, bare, rest = match.groups()
    if single is not None:
        return _ansi(single) if match[0].startswith("$") else single
    if double is not None:
        return re.sub(r'\\([$`"\\])', r"\1", double)
    return escaped or bare or rest or ""


def _ansi(text: str) -> str:
    try:
        return codecs.decode(text.encode("latin-1", "backslashreplace"), "unicode_escape")
    except UnicodeDecodeError:
        return text
