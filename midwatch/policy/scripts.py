"""Permissions: does a small program in an argument (sed, awk, jq) only print and replace? What is not understood does not."""

from __future__ import annotations

import re
from typing import Final

MAX_LENGTH: Final = 2_000
"""Characters of a script; a longer one is not an everyday one."""

# --- sed ------------------------------------------------------------------------------------------------------------

_FIELD: Final = (
    r"(?:(?!(?P={d}))[^\\\n\[]|\\[^\n]|\[\^?+\]?+(?:\[:[a-z]+:\]|(?!(?P={d}))(?:[^\]\[\\\n]|\\[^\]\n]))*+\])*+"
)
"""A pattern up to its delimiter. Versions of sed disagree about a delimiter between brackets, so there is none."""

_TEXT: Final = r"(?:(?!(?P={d}))[^\\\n]|\\[^\n])*+"
_FIRST: Final = rf"(?:\d+(?:~\d+)?|\$|(?P<a>/){_FIELD.format(d='a')}/I?)"
_SECOND: Final = rf"(?:[+~]?\d+|\$|(?P<b>/){_FIELD.format(d='b')}/I?)"
_SED: Final = re.compile(
    rf"[\s;]*+(?:{_FIRST}(?:\s*,\s*{_SECOND})?)?+\s*!?\s*"
    rf"(?:\{{|(?:[pdqQlnNhHgGxD=}}]"
    rf"|s(?P<s>[/|#,:@!%~_+]){_FIELD.format(d='s')}(?P=s){_TEXT.format(d='s')}(?P=s)[gIip0-9]*"
    rf"|y(?P<y>[/|#,:@!]){_TEXT.format(d='y')}(?P=y){_TEXT.format(d='y')}(?P=y)"
    r")\s*(?:;|\n|(?=\})|\Z)"
    r"|[aic](?:\\|[ \t])[^\\\n]+(?:\n|\Z))"
)
"""One command that prints, deletes, replaces or inserts, and nothing else."""


def is_plain_sed(script: str) -> bool:
    """It neither runs a program nor reads or writes another file."""
    if len(script) > MAX_LENGTH:
        return False
    place = 0
    while script[place:].strip(" \t\n;"):
        match = _SED.match(script, place)
        if not match:
            return False
        place = match.end()
    return True


# --- awk ------------------------------------------------------------------------------------------------------------

_AWK_TOKEN: Final = re.compile(r"(?P<string>\"(?:[^\"\\\n]|\\[^\n])*+\")|\|\||(?P<sign>[^\"])", re.DOTALL)
_AWK_PATTERN: Final = re.compile(r"/(?:[^/\\\n\[]|\\[^\n]|\[\^?+\]?+(?:\[:[a-z]+:\]|[^\]\[\\\n/])*+\])*+/")
_BEFORE_PATTERN: Final = frozenset("(,{;!~&|}\n")
"""Behind one of these a slash cannot divide."""
_AWK_BEYOND: Final = re.compile(r"system|getline|ENVIRON|ARGV|[|@#\\]|print[^;}]*>")


def is_plain_awk(text: str) -> bool:
    """It runs no program, opens no file of its own and does not look at the environment."""
    if len(text) > MAX_LENGTH:
        return False
    seen, place, last = "", 0, "\n"
    while place < len(text):
        pattern = text[place] == "/" and last in _BEFORE_PATTERN
        match = (_AWK_PATTERN if pattern else _AWK_TOKEN).match(text, place)
        if not match:
            return False
        place = match.end()
        shown = " " if match[0] == "||" else '""' if pattern or match["string"] else match[0]
        seen, last = seen + shown, "|" if match[0] == "||" else last if shown in " \t" else shown[-1]
    return not _AWK_BEYOND.search(seen)


# --- jq -------------------------------------------------------------------------------------------------------------

_JQ_BEYOND: Final = re.compile(r"\$ENV|(?<![.\w$])(?:env|import|include|input_filename|get_search_list)\b")


def is_plain_jq(text: str) -> bool:
    """It neither looks at the environment nor reads a program from elsewhere. A word in a text counts as well."""
    return not _JQ_BEYOND.search(text)
